//! A peer's question from strangers: nothing breaks, nobody unsigned gets in, and what is admitted can be answered and
//! is read back as it was meant.

use super::{Pieces, exchange};
use geecache_edge::PeerAnswer;
use geecache_edge::wire::{AUTH_HEADER, Reply};

pub fn run(data: &[u8]) {
    let mut pieces = Pieces(data);
    let kind = pieces.byte();
    let exchange = exchange(kind, pieces.byte());
    let method = ["GET", "HEAD", "PUT", "DELETE", "POST"][usize::from(kind >> 1) % 5];
    let path = match kind & 64 {
        0 => ["/_geecache/", &pieces.text()].concat(),
        _ => pieces.text(),
    };
    let seal = (kind & 128 != 0).then(|| pieces.text());
    let now = u64::from(pieces.byte()) << 33;
    let Some(Ok(asked)) = exchange.read_request(method, &path, seal, now) else { return };
    assert!(exchange.secrets.is_empty(), "a stranger cannot have signed {path:?}");
    let (group, key) = (asked.request.group.clone(), asked.request.key.clone());
    let value = pieces.bytes().to_vec();
    let answer = exchange.respond(&asked, Reply::Value { value: value.clone(), fresh_ms: None }, now);
    let Some(asking) = exchange.request(&group, &key, now) else { return };
    let again = exchange.read_request("GET", &asking.path, Some(asking.auth.clone()), now);
    assert_eq!(
        again.map(|again| again.map(|asked| (asked.request.group, asked.request.key))),
        Some(Ok((group.clone(), key.clone())))
    );
    let header = |name: &str| answer.header(name).map(str::to_owned);
    let heard = exchange.read_response(&asking, answer.status, &header, answer.body.clone(), now);
    assert_eq!(heard.ok(), Some(PeerAnswer::Value { value, fresh_ms: None }));
    assert!(answer.header(AUTH_HEADER).is_some());
}
