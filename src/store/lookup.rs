//! Lookup: finding an entry and recording its use. The whole of a hit.

use super::{Found, Meta, Store};
use crate::store::arena::Addr;
use crate::store::arena::record::Shape;
use crate::store::index::AtHome;

/// Reference to an entry, from [`Store::find`]. Valid until the next insert, removal or clear of the same store; after that
/// [`Store::at`] returns unspecified bytes, but does not panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef(Addr, Shape);

impl Store {
    /// Returns the value of a key, and records a use: `lru` moves the entry to the front of its list, `gdsf` sets the entry's touched bit,
    /// as in CLOCK (Corbató 1969).
    ///
    /// Cost: a hash of the key, one cache line of the index, and the record up to the end of its key; no allocation. The key is compared
    /// in full, so a collision of hashes never returns another key's value. Returns an expired entry like any other.
    #[inline]
    pub fn get(&mut self, key: &[u8]) -> Option<Found<'_>> {
        let hash = self.index.hash(key);
        match self.index.find_at_home(&self.arena, hash, key) {
            AtHome::Found(addr, shape) => self.hit(addr, shape),
            AtHome::Unknown => self.get_searched(hash, key),
            AtHome::Absent => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn get_searched(&mut self, hash: u64, key: &[u8]) -> Option<Found<'_>> {
        let (addr, shape) = self.index.search(&self.arena, hash, key)?;
        self.hit(addr, shape)
    }

    #[inline(always)]
    fn hit(&mut self, addr: Addr, shape: Shape) -> Option<Found<'_>> {
        if self.eviction.reorders_on_hit() {
            return self.hit_and_reorder(addr);
        }
        let bytes = self.arena.at_mut(addr)?;
        self.eviction.touch(bytes);
        Some(Found { value: shape.value(bytes), meta: shape.meta(bytes) })
    }

    /// Takes the address alone and reads the shape anew: no call in the hit path of `gdsf` then spills it from the registers.
    #[inline(never)]
    fn hit_and_reorder(&mut self, addr: Addr) -> Option<Found<'_>> {
        self.eviction.on_hit(&mut self.arena, addr);
        let shape = Shape::read(self.arena.bytes(addr));
        Some(self.at(EntryRef(addr, shape)))
    }

    /// Returns a reference to the entry of a key, with its meta, and records a use as [`get`](Self::get) does. For a caller that
    /// decides by the meta before it reads the value with [`at`](Self::at). Costs as much as `get`, in one copy of the code.
    pub fn find(&mut self, key: &[u8]) -> Option<(EntryRef, Meta)> {
        let hash = self.index.hash_of_key(key);
        let (addr, shape) = match self.index.find_at_home(&self.arena, hash, key) {
            AtHome::Found(addr, shape) => (addr, shape),
            AtHome::Unknown => self.index.search(&self.arena, hash, key)?,
            AtHome::Absent => return None,
        };
        self.hit(addr, shape).map(|found| (EntryRef(addr, shape), found.meta))
    }

    /// Returns the value of an entry that [`find`](Self::find) returned. Records no use and hashes nothing: its cost is that of a
    /// borrow. The reference must be from this store, and the store unchanged since.
    pub fn at(&self, entry: EntryRef) -> Found<'_> {
        let EntryRef(addr, shape) = entry;
        let bytes = self.arena.at(addr).unwrap_or_default();
        Found { value: shape.value(bytes), meta: shape.meta(bytes) }
    }

    /// Returns the value of a key like [`get`](Self::get), but records no use, so that it does not influence eviction.
    pub fn peek(&self, key: &[u8]) -> Option<Found<'_>> {
        let (addr, shape) = self.index.find(&self.arena, self.index.hash_of_key(key), key)?;
        Some(self.at(EntryRef(addr, shape)))
    }
}
