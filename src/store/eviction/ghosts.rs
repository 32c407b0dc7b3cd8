//! What is remembered of keys that went: two bytes each, five bits for how often they were used, eleven of their hash.
//!
//! A page of the index carries sets of four, once there is anything to remember. A set is one word, newest in the low bits, so that
//! remembering is a shift and the oldest falls out by itself.

use crate::store::arena::record::MAX_USES;

const CELL: u32 = 16;

/// Eleven bits that choose neither page nor bucket.
fn mark(hash: u64) -> u64 {
    (hash & 0x7ff) << 5
}

fn cells(set: u64) -> impl Iterator<Item = (u32, u64)> {
    (0..4).map(move |place| (place * CELL, set >> (place * CELL) & 0xffff))
}

fn is_of(cell: u64, hash: u64) -> bool {
    cell & 0xffe0 == mark(hash)
}

/// How often this key was used before it went; 0 if nobody remembers.
pub(in crate::store) fn recall(set: u64, hash: u64) -> u8 {
    let uses = |cell| cell as u8 & MAX_USES;
    let found = cells(set).find(|&(_, cell)| is_of(cell, hash) && uses(cell) != 0);
    found.map_or(0, |(_, cell)| uses(cell))
}

/// Whether no other key of the set went after this one.
pub(in crate::store) fn is_newest(set: u64, hash: u64) -> bool {
    is_of(set, hash)
}

/// The set with this key as its newest.
pub(in crate::store) fn note(set: u64, hash: u64, uses: u8) -> u64 {
    let same = cells(set).find(|&(_, cell)| is_of(cell, hash));
    // What is newer than its old place moves up by one; without an old place the oldest goes.
    let at = same.map_or(3 * CELL, |(at, _)| at);
    let newer = set & ((1u64 << at) - 1);
    let older = set & !(u64::MAX >> (48 - at));
    older | newer << CELL | mark(hash) | u64::from(uses.clamp(1, MAX_USES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_keeps_the_last_four() {
        let set = (1..=5).fold(0, |set, key| note(set, key, key as u8));
        let told: Vec<u8> = (1..=5).map(|key| recall(set, key)).collect();
        assert_eq!(told, [0, 2, 3, 4, 5]);
        assert_eq!([4, 5].map(|key| is_newest(set, key)), [false, true]);
        let set = note(set, 3, 7);
        let told: Vec<u8> = (1..=5).map(|key| recall(set, key)).collect();
        assert_eq!(told, [0, 2, 7, 4, 5]);
        let set = note(note(set, 8, 1), 2, 9);
        let told: Vec<u8> = [8, 2, 3, 4, 5].map(|key| recall(set, key)).to_vec();
        assert_eq!(told, [1, 9, 7, 0, 5]);
    }
}
