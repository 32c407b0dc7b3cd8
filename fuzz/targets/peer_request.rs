//! A peer request from anybody: never panics, is rejected without a signature, and an accepted one gets a response that
//! decodes to the reply.

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
    let auth = (kind & 128 != 0).then(|| pieces.text());
    let now = u64::from(pieces.byte()) << 33;
    let Some(Ok(incoming)) = exchange.read_request(method, &path, auth, now) else { return };
    assert!(exchange.secrets.is_empty(), "an unsigned request was accepted: {path:?}");
    let (group, key) = (incoming.request.group.clone(), incoming.request.key.clone());
    let value = pieces.bytes().to_vec();
    let response = exchange.respond(&incoming, Reply::Value { value: value.clone(), fresh_ms: None }, now);
    let Some(outgoing) = exchange.request(&group, &key, now) else { return };
    let again = exchange.read_request("GET", &outgoing.path, Some(outgoing.auth.clone()), now);
    assert_eq!(
        again.map(|again| again.map(|incoming| (incoming.request.group, incoming.request.key))),
        Some(Ok((group.clone(), key.clone())))
    );
    let header = |name: &str| response.header(name).map(str::to_owned);
    let read = exchange.read_response(&outgoing, response.status, &header, response.body.clone(), now);
    assert_eq!(read.ok(), Some(PeerAnswer::Value { value, fresh_ms: None }));
    assert!(response.header(AUTH_HEADER).is_some());
}
