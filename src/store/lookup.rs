//! Finding an entry, and noting that it was used: all that a hit does.

use super::{EntryRef, Found, Meta, Policy, Store};
use crate::store::arena::Addr;
use crate::store::arena::record::{self, Shape};

impl Store {
    #[inline(always)]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    #[inline(never)]
    pub(super) fn hash_of_key(&self, key: &[u8]) -> u64 {
        self.hash(key)
    }

    /// The first record with the hash's tag, in the bucket where the key would like to be, if it is the key's: what eleven of twelve
    /// hits need, and without a loop. Else, whether all the rest must be [searched](Self::search).
    #[inline(always)]
    fn likely(&self, hash: u64, key: &[u8]) -> Result<(Addr, Shape), bool> {
        let home = self.index.home(&self.arena, hash).ok_or(false)?;
        let addr = home.candidate.ok_or(home.overflows)?;
        let bytes = self.arena.at(addr).ok_or(true)?;
        let shape = Shape::read_short(bytes).ok_or(true)?;
        if shape.has_key(bytes, key) { Ok((addr, shape)) } else { Err(true) }
    }

    /// All buckets and candidates, in turn.
    #[cold]
    #[inline(never)]
    fn search(&self, hash: u64, key: &[u8]) -> Option<(Addr, Shape)> {
        self.index.find(&self.arena, hash, |addr| {
            let bytes = self.arena.at(addr)?;
            let shape = Shape::read(bytes);
            shape.has_key(bytes, key).then_some((addr, shape))
        })
    }

    /// Everything but a hit makes do with one copy of this.
    #[inline(never)]
    pub(super) fn locate(&self, hash: u64, key: &[u8]) -> Option<(Addr, Shape)> {
        match self.likely(hash, key) {
            Ok(found) => Some(found),
            Err(true) => self.search(hash, key),
            Err(false) => None,
        }
    }

    /// The value under a key. Counts as a use of it.
    #[inline]
    pub fn get(&mut self, key: &[u8]) -> Option<Found<'_>> {
        let hash = self.hash(key);
        match self.likely(hash, key) {
            Ok((addr, shape)) => self.used(addr, shape),
            Err(true) => self.get_searched(hash, key),
            Err(false) => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn get_searched(&mut self, hash: u64, key: &[u8]) -> Option<Found<'_>> {
        let (addr, shape) = self.search(hash, key)?;
        self.used(addr, shape)
    }

    #[inline(always)]
    fn used(&mut self, addr: Addr, shape: Shape) -> Option<Found<'_>> {
        if self.policy == Policy::Lru {
            return self.used_exactly(addr);
        }
        let counts = cfg!(feature = "ablation") && !self.parts().bursts;
        let bytes = self.arena.at_mut(addr)?;
        record::touch(bytes);
        if counts {
            record::count(bytes);
        }
        Some(Found { value: shape.value(bytes), meta: shape.meta(bytes) })
    }

    /// Apart and with nothing but an address, so that a hit of the default policy keeps in registers what it knows of the record.
    #[inline(never)]
    fn used_exactly(&mut self, addr: Addr) -> Option<Found<'_>> {
        self.renew(addr);
        let shape = Shape::read(self.arena.bytes(addr));
        Some(self.at(EntryRef(addr, shape)))
    }

    /// Where the value under a key lies, and what is kept beside it. Counts as a use of it. For whoever decides before
    /// they read: [`at`](Self::at) is as cheap as a borrow.
    pub fn find(&mut self, key: &[u8]) -> Option<(EntryRef, Meta)> {
        let (addr, shape) = self.locate(self.hash_of_key(key), key)?;
        self.used(addr, shape).map(|found| (EntryRef(addr, shape), found.meta))
    }

    /// The value at a spot that [`find`](Self::find) told. Valid until the store is next changed.
    pub fn at(&self, spot: EntryRef) -> Found<'_> {
        let EntryRef(addr, shape) = spot;
        let bytes = self.arena.bytes(addr);
        Found { value: shape.value(bytes), meta: shape.meta(bytes) }
    }

    /// The value under a key, without counting as a use.
    pub fn peek(&self, key: &[u8]) -> Option<Found<'_>> {
        let (addr, shape) = self.locate(self.hash_of_key(key), key)?;
        Some(self.at(EntryRef(addr, shape)))
    }

    #[inline]
    pub(super) fn touch(&mut self, addr: Addr) {
        match self.policy {
            // Only noted: it is ranked anew when eviction meets it.
            Policy::Gdsf => record::touch(self.arena.bytes_mut(addr)),
            Policy::Lru => self.renew(addr),
        }
    }

    fn renew(&mut self, addr: Addr) {
        if !self.recency.is_newest(addr) {
            self.recency.unlink(&mut self.arena, addr);
            self.recency.push(&mut self.arena, addr);
        }
    }
}
