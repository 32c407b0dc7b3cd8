//! Eviction: which entry makes room for another, and whether a new entry is admitted.
//!
//! [`Eviction`] is the interface between the store and a policy. The store calls `on_insert`, `on_hit`, `on_move` and `on_remove` for
//! its entries, `next_victim` and `admits` when it needs room, `candidate` for a new entry, and `remember` for a key that it evicts or
//! rejects. A policy keeps its state per entry in the record (a prefix, the slot, the use count), so that it allocates nothing.
//!
//! To add a policy, add a file here, a variant to [`Eviction`], and a name to [`Policy`].
//!
//! The policies know the arena and neither the index nor the store.

mod ablation;
mod frequency_tuning;
mod gdsf;
mod ghosts;
mod lru;
mod priority;
mod sweep;
mod timing_wheel;

use crate::store::arena::{Addr, Arena, usage};
use crate::store::options::Policy;
use gdsf::Gdsf;
use lru::LruList;

/// The state of a store's eviction policy.
#[allow(
    clippy::large_enum_variant,
    reason = "a box would be memory outside the budget, and a load more for each hit"
)]
pub(in crate::store) enum Eviction {
    Lru(LruList),
    Gdsf(Gdsf),
}

/// A new entry, as the policy sees it.
pub(in crate::store) struct Candidate {
    /// Its use count, which continues that of the entry it replaces or of its ghost.
    pub(in crate::store) uses: u8,
    /// Its [priority class](priority).
    class: usize,
}

/// The entry to evict next.
pub(in crate::store) struct Victim {
    pub(in crate::store) addr: Addr,
    /// Its priority above the clock.
    ticks: u32,
}

impl Eviction {
    pub(in crate::store) fn new(policy: Policy) -> Eviction {
        match policy {
            Policy::Lru => Eviction::Lru(LruList::new()),
            Policy::Gdsf => Eviction::Gdsf(Gdsf::new()),
        }
    }

    /// Forgets all entries and all that the policy learned.
    pub(in crate::store) fn clear(&mut self) {
        match self {
            Eviction::Lru(list) => *list = LruList::new(),
            Eviction::Gdsf(gdsf) => gdsf.clear(),
        }
    }

    pub(in crate::store) fn policy(&self) -> Policy {
        match self {
            Eviction::Lru(_) => Policy::Lru,
            Eviction::Gdsf(_) => Policy::Gdsf,
        }
    }

    /// Bytes that the policy needs before each record.
    pub(in crate::store) fn prefix(&self) -> usize {
        match self {
            Eviction::Lru(_) => lru::PREFIX,
            Eviction::Gdsf(_) => 0,
        }
    }

    /// Returns whether a hit changes more than the record's touched bit. The hit path asks this first, so that for `gdsf` it stays free
    /// of calls.
    #[inline(always)]
    pub(in crate::store) fn reorders_on_hit(&self) -> bool {
        matches!(self, Eviction::Lru(_))
    }

    /// Records a hit in the bytes of a record, for a policy that does not reorder entries.
    #[inline(always)]
    pub(in crate::store) fn touch(&self, bytes: &mut [u8]) {
        usage::touch(bytes);
        if let Eviction::Gdsf(gdsf) = self {
            gdsf.count_bursts(bytes);
        }
    }

    /// Records a hit under any policy.
    pub(in crate::store) fn on_hit(&mut self, arena: &mut Arena, addr: Addr) {
        match self {
            Eviction::Lru(list) => list.on_hit(arena, addr),
            // The entry gets a new slot when the sweep meets it.
            Eviction::Gdsf(_) => usage::touch(arena.bytes_mut(addr)),
        }
    }

    /// An entry was appended, with the slot from [`slot`](Self::slot).
    pub(in crate::store) fn on_insert(&mut self, arena: &mut Arena, addr: Addr) {
        match self {
            Eviction::Lru(list) => list.push(arena, addr),
            Eviction::Gdsf(gdsf) => gdsf.on_insert(arena, addr),
        }
    }

    /// An entry is about to be freed.
    pub(in crate::store) fn on_remove(&mut self, arena: &mut Arena, addr: Addr) {
        match self {
            Eviction::Lru(list) => list.unlink(arena, addr),
            Eviction::Gdsf(gdsf) => gdsf.on_remove(arena, addr),
        }
    }

    /// Compaction moved an entry to `to`.
    pub(in crate::store) fn on_move(&mut self, arena: &mut Arena, to: Addr) {
        match self {
            Eviction::Lru(list) => list.relink(arena, to),
            // The slot moves with the record.
            Eviction::Gdsf(_) => {}
        }
    }

    /// The entry to evict next, of `entries` in the store. `weigh` returns the weight of a record. `None` if there is no entry.
    pub(in crate::store) fn next_victim(
        &mut self,
        arena: &mut Arena,
        entries: usize,
        weigh: impl Fn(&[u8]) -> u32,
    ) -> Option<Victim> {
        match self {
            Eviction::Lru(list) => list.oldest().map(|addr| Victim { addr, ticks: 0 }),
            Eviction::Gdsf(gdsf) => gdsf.next_victim(arena, entries, weigh),
        }
    }

    /// Returns whether the victim makes room for the candidate, and ages the entries that stay. Without a candidate, for a page of the
    /// index, the victim always does.
    pub(in crate::store) fn admits(&mut self, candidate: Option<&Candidate>, victim: &Victim) -> bool {
        match self {
            Eviction::Lru(_) => true,
            Eviction::Gdsf(gdsf) => gdsf.admits(candidate, victim),
        }
    }

    /// A new entry of a weight, whose key had `uses` before.
    pub(in crate::store) fn candidate(&self, uses: u8, weight: u32) -> Candidate {
        match self {
            Eviction::Lru(_) => Candidate { uses: 1, class: 0 },
            Eviction::Gdsf(gdsf) => gdsf.candidate(uses, weight),
        }
    }

    /// The slot for the record of a candidate that is inserted now.
    pub(in crate::store) fn slot(&self, candidate: &Candidate) -> u8 {
        match self {
            Eviction::Lru(_) => 0,
            Eviction::Gdsf(gdsf) => gdsf.slot(candidate.class),
        }
    }

    /// Returns whether the policy records evicted keys in the ghost sets of the index.
    pub(in crate::store) fn keeps_ghosts(&self) -> bool {
        match self {
            Eviction::Lru(_) => false,
            Eviction::Gdsf(gdsf) => gdsf.keeps_ghosts(),
        }
    }

    /// Returns whether there are ghosts, so that pages of the index need ghost sets.
    pub(in crate::store) fn has_ghosts(&self) -> bool {
        match self {
            Eviction::Lru(_) => false,
            Eviction::Gdsf(gdsf) => gdsf.has_ghosts(),
        }
    }

    /// Records a key that was evicted or rejected after `uses` uses, and returns its ghost set with the new ghost. The set is `None`
    /// while the page of the key has no sets.
    pub(in crate::store) fn remember(&mut self, set: Option<u64>, hash: u64, uses: u8) -> Option<u64> {
        match self {
            Eviction::Lru(_) => None,
            Eviction::Gdsf(gdsf) => gdsf.remember(set, hash, uses),
        }
    }

    /// The use count of a key's ghost, 0 without one. Counts as a ghost hit.
    pub(in crate::store) fn recall(&mut self, set: u64, hash: u64, entries: usize) -> u8 {
        match self {
            Eviction::Lru(_) => 0,
            Eviction::Gdsf(gdsf) => gdsf.recall(set, hash, entries),
        }
    }

    /// Turns a part of the policy off. Returns false if no part has the name.
    #[cfg(feature = "ablation")]
    pub(in crate::store) fn ablate(&mut self, part: &str) -> bool {
        let Some(ablation) = ablation::Ablation::of(part) else { return false };
        if let Eviction::Gdsf(gdsf) = self {
            gdsf.ablate(ablation);
        }
        true
    }

    /// Compares the policy's state with the entries of the store. Panics on a difference.
    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(in crate::store) fn validate(&self, arena: &Arena, entries: &std::collections::HashSet<Addr>) {
        match self {
            Eviction::Lru(list) => list.validate(arena, entries),
            Eviction::Gdsf(gdsf) => gdsf.validate(arena, entries),
        }
    }
}
