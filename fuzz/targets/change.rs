//! What a groupcache-v3 peer tells us to keep or to forget: nothing breaks, and what was written is read back.

use super::Pieces;
use geecache_edge::wire::{SetRequest, keys_in, keys_written};

const NOW: u64 = 1 << 40;

pub fn run(data: &[u8]) {
    if let Some(set) = SetRequest::read(data, NOW) {
        let written = set.written("scores", NOW);
        assert_eq!(
            SetRequest::read(&written, NOW).map(|again| (again.key, again.value)),
            Some((set.key, set.value))
        );
    }
    if let Some(keys) = keys_in(data) {
        let keys: Vec<Vec<u8>> = keys.into_iter().map(String::into_bytes).collect();
        let written = keys_written("scores", &keys).expect("they were text");
        assert_eq!(
            keys_in(&written).map(|again| again.into_iter().map(String::into_bytes).collect()),
            Some(keys)
        );
    }
    let mut pieces = Pieces(data);
    let (key, value, fresh_ms) = (pieces.bytes(), pieces.bytes(), u64::from(pieces.byte()));
    let written = SetRequest { key, value, fresh_ms: Some(fresh_ms + 1) }.written("g", NOW);
    assert_eq!(
        SetRequest::read(&written, NOW),
        Some(SetRequest { key, value, fresh_ms: Some(fresh_ms + 1) })
    );
}
