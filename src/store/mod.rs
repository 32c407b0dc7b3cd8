//! The store: keys and values under a byte budget, the least recently used making room for the new.
//!
//! Entries are numbered slots of one vector and the list of uses is made of slot numbers, so there is no pointer to
//! get wrong. An entry costs its key and value and [`ENTRY_BYTES`] of bookkeeping, and all of that counts.

use std::collections::HashMap;
use std::rc::Rc;

use crate::time::Millis;

/// What an entry costs beyond its key and value: its slot, its place in the index and two allocations.
pub const ENTRY_BYTES: usize = 128;

const NONE: u32 = u32::MAX;

/// What is kept beside a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Until when the copy is fresh.
    pub expires_at_ms: Millis,
    /// The group's own marks.
    pub flags: u8,
}

/// A copy in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The bytes.
    pub value: &'a [u8],
    /// What is kept beside them.
    pub meta: Meta,
}

/// Where a copy lies until the store is next changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot(u32);

/// Why a value was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Larger than the budget or `max_entry_bytes`; nothing was evicted for it.
    TooLarge,
    /// Memory could not grow.
    NoMemory,
}

#[derive(Debug)]
struct Slot {
    key: Rc<[u8]>,
    value: Vec<u8>,
    meta: Meta,
    newer: u32,
    older: u32,
}

/// A byte-bounded LRU.
#[derive(Debug)]
pub struct Store {
    max_bytes: usize,
    max_entry_bytes: usize,
    used_bytes: usize,
    index: HashMap<Rc<[u8]>, u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    evictions: u64,
}

impl Store {
    /// An empty store.
    pub fn new(max_bytes: usize, max_entry_bytes: usize) -> Store {
        Store {
            max_bytes,
            max_entry_bytes,
            used_bytes: 0,
            index: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            evictions: 0,
        }
    }

    /// Finds `key` and counts that as a use.
    pub fn find(&mut self, key: &[u8]) -> Option<(Spot, Meta)> {
        let at = *self.index.get(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        self.slots.get(at as usize).map(|slot| (Spot(at), slot.meta))
    }

    /// The copy at a spot that [`find`](Self::find) told. Valid until the store is next changed.
    pub fn at(&self, spot: Spot) -> Found<'_> {
        match self.slots.get(spot.0 as usize) {
            Some(slot) => Found { value: &slot.value, meta: slot.meta },
            None => Found { value: &[], meta: Meta { expires_at_ms: 0, flags: 0 } },
        }
    }

    /// Finds `key` without counting that as a use.
    pub fn peek(&self, key: &[u8]) -> Option<Found<'_>> {
        self.index.get(key).map(|&at| self.at(Spot(at)))
    }

    /// Keeps a value, in the place of an older one of that key, and makes room for it. Tells how many others went.
    /// A value that is refused leaves nothing behind under its key, since what was there is out of date.
    pub fn insert(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<usize, Refused> {
        self.remove(key);
        let payload = key.len().saturating_add(value.len());
        let cost = payload.saturating_add(ENTRY_BYTES);
        if payload > self.max_entry_bytes || cost > self.max_bytes {
            return Err(Refused::TooLarge);
        }
        let mut kept = Vec::new();
        kept.try_reserve_exact(value.len()).map_err(|_| Refused::NoMemory)?;
        kept.extend_from_slice(value);
        let mut evicted = 0;
        while self.used_bytes + cost > self.max_bytes && self.oldest != NONE {
            self.take(self.oldest);
            evicted += 1;
        }
        self.evictions += evicted as u64;
        let key: Rc<[u8]> = key.into();
        let slot = Slot { key: key.clone(), value: kept, meta, newer: NONE, older: NONE };
        let at = match self.free.pop() {
            Some(at) => at,
            None => self.slots.len() as u32,
        };
        match self.slots.get_mut(at as usize) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        self.index.insert(key, at);
        self.link_newest(at);
        self.used_bytes += cost;
        Ok(evicted)
    }

    /// Drops `key`; true where it was here.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let found = self.index.get(key).copied();
        found.inspect(|&at| self.take(at)).is_some()
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Store { evictions: self.evictions, ..Store::new(self.max_bytes, self.max_entry_bytes) };
    }

    /// Entries now.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Keys, values and bookkeeping, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Entries that made room for others, so far.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    fn take(&mut self, at: u32) {
        self.unlink(at);
        if let Some(slot) = self.slots.get_mut(at as usize) {
            self.index.remove(&slot.key);
            self.used_bytes -= slot.key.len() + slot.value.len() + ENTRY_BYTES;
            (slot.key, slot.value) = (Rc::default(), Vec::new());
            self.free.push(at);
        }
    }

    fn unlink(&mut self, at: u32) {
        let Some(slot) = self.slots.get(at as usize) else { return };
        let (newer, older) = (slot.newer, slot.older);
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let before = self.newest;
        if let Some(slot) = self.slots.get_mut(at as usize) {
            (slot.newer, slot.older) = (NONE, before);
        }
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    /// Walks everything and panics at the first thing that does not hold. For tests and fuzzing.
    #[cfg(any(test, fuzzing, feature = "validate"))]
    #[allow(clippy::unwrap_used, clippy::indexing_slicing)]
    pub fn validate(&self) {
        let (mut at, mut newer, mut count, mut bytes) = (self.newest, NONE, 0, 0);
        while at != NONE {
            let slot = &self.slots[at as usize];
            assert_eq!(slot.newer, newer, "the list of uses is linked both ways");
            assert_eq!(self.index.get(&slot.key), Some(&at), "the index names the slot");
            (count, bytes) = (count + 1, bytes + slot.key.len() + slot.value.len() + ENTRY_BYTES);
            (newer, at) = (at, slot.older);
        }
        assert_eq!(self.oldest, newer, "the list ends at the oldest");
        assert_eq!(self.index.len(), count, "every entry is in the list");
        assert_eq!(self.used_bytes, bytes, "the bytes are exact");
        assert!(bytes <= self.max_bytes, "the budget holds");
        assert_eq!(self.slots.len(), count + self.free.len(), "no slot is lost");
    }
}
