//! Ghosts: evicted keys, in two bytes each: five bits for the use count, eleven bits of the hash.
//!
//! A ghost set is one word of four ghosts, the newest in the low bits. A new ghost shifts the others up, and the oldest drops out.
//! Ghost lists are those of ARC (Megiddo and Modha 2003) and S3-FIFO (Yang and others 2023).

use crate::store::arena::usage::MAX_USES;

/// Bits of a ghost.
const GHOST: u32 = 16;

/// Eleven bits of the hash that select neither page nor bucket, above the use count.
fn fingerprint(hash: u64) -> u64 {
    (hash & 0x7ff) << 5
}

/// The ghosts of a set, each with its first bit.
fn ghosts(set: u64) -> impl Iterator<Item = (u32, u64)> {
    (0..4).map(move |at| (at * GHOST, set >> (at * GHOST) & 0xffff))
}

fn matches(ghost: u64, hash: u64) -> bool {
    ghost & 0xffe0 == fingerprint(hash)
}

/// The use count of a key's ghost; 0 without one.
pub(super) fn recall(set: u64, hash: u64) -> u8 {
    let uses = |ghost| ghost as u8 & MAX_USES;
    let found = ghosts(set).find(|&(_, ghost)| matches(ghost, hash) && uses(ghost) != 0);
    found.map_or(0, |(_, ghost)| uses(ghost))
}

/// Returns whether the key's ghost is the newest of its set.
pub(super) fn is_newest(set: u64, hash: u64) -> bool {
    matches(set, hash)
}

/// The set with the key's ghost as the newest.
pub(super) fn remember(set: u64, hash: u64, uses: u8) -> u64 {
    let old = ghosts(set).find(|&(_, ghost)| matches(ghost, hash));
    // The ghosts newer than the key's old one move up by one. Without an old one all move, and the oldest drops out.
    let at = old.map_or(3 * GHOST, |(at, _)| at);
    let newer = set & ((1u64 << at) - 1);
    let older = set & !(u64::MAX >> (48 - at));
    older | newer << GHOST | fingerprint(hash) | u64::from(uses.clamp(1, MAX_USES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remember_more_than_four_keys_oldest_drops_out() {
        let set = (1..=5).fold(0, |set, key| remember(set, key, key as u8));
        let uses: Vec<u8> = (1..=5).map(|key| recall(set, key)).collect();
        assert_eq!(uses, [0, 2, 3, 4, 5]);
        assert_eq!([4, 5].map(|key| is_newest(set, key)), [false, true]);
        let set = remember(set, 3, 7);
        let uses: Vec<u8> = (1..=5).map(|key| recall(set, key)).collect();
        assert_eq!(uses, [0, 2, 7, 4, 5]);
        let set = remember(remember(set, 8, 1), 2, 9);
        let uses: Vec<u8> = [8, 2, 3, 4, 5].map(|key| recall(set, key)).to_vec();
        assert_eq!(uses, [1, 9, 7, 0, 5]);
    }
}
