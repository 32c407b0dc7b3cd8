//! A groupcache-v3 peer's SET body: never panics, and an encoded body decodes to the same request.

use super::Pieces;
use geecache_edge::wire::SetRequest;

const NOW: u64 = 1 << 40;

pub fn run(data: &[u8]) {
    if let Some(set) = SetRequest::read(data, NOW) {
        let encoded = set.encode("scores", NOW);
        let decoded = SetRequest::read(&encoded, NOW).map(|again| (again.key, again.value));
        assert_eq!(decoded, Some((set.key, set.value)));
    }
    let mut pieces = Pieces(data);
    let (key, value, fresh_ms) = (pieces.bytes(), pieces.bytes(), u64::from(pieces.byte()));
    let set = SetRequest { key, value, fresh_ms: Some(fresh_ms + 1) };
    let encoded = set.encode("g", NOW);
    assert_eq!(SetRequest::read(&encoded, NOW), Some(set));
}
