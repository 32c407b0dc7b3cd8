//! Inserting and removing entries.

use super::{MAX_KEY_BYTES, Meta, Rejected, Store};
use crate::store::arena::header::{Header, record_len, rewrite};
use crate::store::arena::record::Shape;
use crate::store::arena::{Addr, usage};

impl Store {
    /// Inserts or replaces the value of a key, and returns how many other entries were evicted for it. An insert counts as a use.
    ///
    /// Cost: a value of the same length is overwritten in place. Otherwise the record is appended, after evictions and compaction if the
    /// store is full.
    ///
    /// # Errors
    ///
    /// A [`Rejected`] value is not stored, and the old value of the key is removed, so that no stale value remains. Other entries may
    /// have been evicted before the rejection, except for [`Rejected::TooLarge`].
    pub fn insert(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<usize, Rejected> {
        self.insert_weighted(key, value, meta, None)
    }

    /// Inserts an entry that counts for `weight`; for its bytes without one.
    pub(super) fn insert_weighted(
        &mut self,
        key: &[u8],
        value: &[u8],
        meta: Meta,
        weight: Option<u32>,
    ) -> Result<usize, Rejected> {
        let mut evicted = 0;
        let result = self.try_insert(key, value, meta, weight, &mut evicted);
        if result.is_err() {
            self.rejections += 1;
        }
        result.map(|()| evicted)
    }

    fn try_insert(
        &mut self,
        key: &[u8],
        value: &[u8],
        meta: Meta,
        weight: Option<u32>,
        evicted: &mut usize,
    ) -> Result<(), Rejected> {
        let hash = self.index.hash_of_key(key);
        let len = record_len(key.len(), value.len(), meta.expires_at_ms);
        let mut old_uses = None;
        if let Some((addr, _)) = self.index.find(&self.arena, hash, key) {
            let bytes = self.arena.bytes_mut(addr);
            old_uses = Some(usage::uses(bytes));
            if weight.is_none() && rewrite(bytes, value, meta) {
                self.eviction.on_hit(&mut self.arena, addr);
                return Ok(());
            }
            self.remove_record(addr, hash);
        }
        // The last page, which the index never gives up, must fit beside the entry.
        let longest = self.arena.segment_capacity() - self.index.longest_page() - 2 * self.arena.prefix();
        if key.is_empty() || key.len() > MAX_KEY_BYTES || value.len() > self.max_entry_bytes || len > longest
        {
            return Err(Rejected::TooLarge);
        }
        let weight = weight.unwrap_or(len as u32);
        if self.max_weight.is_some_and(|max| u64::from(weight) > max) {
            return Err(Rejected::TooLarge);
        }
        let uses = old_uses.unwrap_or_else(|| self.recall(hash));
        let candidate = self.eviction.candidate(uses, weight);
        if let Err(rejected) = self.make_room(len, weight, Some(&candidate), evicted) {
            if rejected == Rejected::NotAdmitted {
                self.remember(hash, candidate.uses);
            }
            return Err(rejected);
        }
        self.make_index_room(hash, evicted)?;
        // A new page may have taken the room.
        self.make_room(len, weight, None, evicted)?;
        let header =
            Header::new(key.len(), value.len(), self.eviction.slot(&candidate), candidate.uses, meta);
        let addr = self.arena.append(len, [header.bytes(), key, value]);
        self.index.insert(&mut self.arena, hash, addr);
        self.eviction.on_insert(&mut self.arena, addr);
        self.len += 1;
        self.payload += key.len() + value.len();
        self.weight += u64::from(weight);
        Ok(())
    }

    /// Removes the entry of a key. Returns false if there was none. The policy does not remember a removed key.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let hash = self.index.hash_of_key(key);
        let found = self.index.find(&self.arena, hash, key);
        if let Some((addr, _)) = found {
            self.remove_record(addr, hash);
        }
        found.is_some()
    }

    /// Removes an entry whose key has this hash, and shrinks its page of the index.
    pub(super) fn remove_record(&mut self, addr: Addr, hash: u64) {
        let bytes = self.arena.bytes(addr);
        let (shape, weight) = (Shape::read(bytes), u64::from(self.weight_of(bytes)));
        debug_assert!(self.weight >= weight, "the weight of an entry was not counted");
        self.weight -= weight.min(self.weight);
        self.len -= 1;
        self.payload -= shape.payload();
        self.eviction.on_remove(&mut self.arena, addr);
        self.index.remove(&mut self.arena, hash, addr);
        self.arena.free(addr, shape.len());
        self.index.trim(&mut self.arena, hash);
    }

    /// The weight of a record.
    pub(super) fn weight_of(&self, bytes: &[u8]) -> u32 {
        weigh(bytes, self.max_weight.is_some())
    }

    /// Records in the index that a key was evicted, or rejected, after `uses` uses.
    pub(super) fn remember(&mut self, hash: u64, uses: u8) {
        if self.eviction.keeps_ghosts() {
            let set = self.index.ghost_set(&self.arena, hash);
            if let Some(set) = self.eviction.remember(set, hash, uses) {
                self.index.write_ghost_set(&mut self.arena, hash, set);
            }
        }
    }

    /// The use count of a key before its eviction; 0 without a ghost.
    fn recall(&mut self, hash: u64) -> u8 {
        if !self.eviction.has_ghosts() {
            return 0;
        }
        let set = self.index.ghost_set(&self.arena, hash);
        set.map_or(0, |set| self.eviction.recall(set, hash, self.len))
    }
}

/// The weight of a record: its bytes, or in a trace replay the weight that is its value.
pub(super) fn weigh(bytes: &[u8], is_replay: bool) -> u32 {
    let shape = Shape::read(bytes);
    match shape.value(bytes) {
        &[a, b, c, d] if is_replay => u32::from_le_bytes([a, b, c, d]),
        _ => shape.len() as u32,
    }
}
