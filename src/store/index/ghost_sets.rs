//! Ghost sets: eight bytes each after the buckets of a page, in which the eviction policy records evicted keys by their hash.

use super::page::Page;
use super::{Index, home};
use crate::store::arena::{Addr, Arena};

impl Index {
    /// The page of a hash, and the offset of its ghost set. `None` if the page has no sets yet.
    fn ghost_set_at(&self, arena: &Arena, hash: u64) -> Option<(Addr, usize)> {
        let page = self.page(arena, hash)?;
        (page.sets > 0).then(|| (page.addr, page.set_at(home(hash, page.sets))))
    }

    pub(in crate::store) fn ghost_set(&self, arena: &Arena, hash: u64) -> Option<u64> {
        let (page, at) = self.ghost_set_at(arena, hash)?;
        let set = arena.bytes(page).get(at..).and_then(|bytes| bytes.first_chunk());
        debug_assert!(set.is_some(), "a ghost set lies outside the arena");
        set.map(|set| u64::from_le_bytes(*set))
    }

    pub(in crate::store) fn write_ghost_set(&self, arena: &mut Arena, hash: u64, set: u64) {
        let Some((page, at)) = self.ghost_set_at(arena, hash) else { return };
        let target = arena.bytes_mut(page).get_mut(at..).and_then(|bytes| bytes.first_chunk_mut());
        debug_assert!(target.is_some(), "a ghost set lies outside the arena");
        if let Some(target) = target {
            *target = set.to_le_bytes();
        }
    }

    /// Copies the ghost sets of a page to another page, or to the same page with fewer buckets before them.
    pub(super) fn copy_ghost_sets(&self, arena: &mut Arena, from: &Page, to: &Page) {
        for set in 0..from.sets.min(to.sets) {
            for half in [0, 4] {
                let word = arena.read_word(from.addr, from.set_at(set) + half);
                arena.write_word(to.addr, to.set_at(set) + half, word);
            }
        }
    }
}
