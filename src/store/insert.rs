//! Taking an entry in, choosing who goes for it, and letting go.

use super::eviction::{ghosts, priority, timing_wheel};
use super::index::resize;
use super::{MAX_KEY_BYTES, Meta, Policy, Rejected, Store};
use crate::store::arena::Addr;
use crate::store::arena::record::{self, Header, Shape};
use crate::store::index::page::page_len;

impl Store {
    /// Keeps a value, in place of the one that was there, and answers how many entries had to go for it.
    /// Whether it succeeds or not, the old value is gone.
    pub fn insert(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<usize, Rejected> {
        self.insert_counted(key, value, meta, None)
    }

    pub(super) fn insert_counted(
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
        let hash = self.hash_of_key(key);
        let len = record::record_len(key.len(), value.len(), meta.expires_at_ms);
        let mut uses = None;
        if let Some((addr, _)) = self.locate(hash, key) {
            let bytes = self.arena.bytes_mut(addr);
            uses = Some(record::uses(bytes));
            if weight.is_none() && record::rewrite(bytes, value, meta) {
                self.touch(addr);
                return Ok(());
            }
            self.drop_record(addr);
        }
        // The one page that the index never gives up is in a segment, too.
        let longest = self.arena.room_of_segment()
            - page_len(self.page_base * 2, self.page_base * resize::SETS)
            - 2 * self.arena.prefix();
        if key.is_empty() || key.len() > MAX_KEY_BYTES || value.len() > self.max_entry_bytes || len > longest
        {
            return Err(Rejected::TooLarge);
        }
        let weight = weight.unwrap_or(len as u32);
        if self.max_weight.is_some_and(|max| u64::from(weight) > max) {
            return Err(Rejected::TooLarge);
        }
        let (uses, class) = match self.policy {
            Policy::Lru => (1, 0),
            Policy::Gdsf => {
                let uses = uses.unwrap_or_else(|| self.recall(hash)).saturating_add(1).min(record::MAX_USES);
                (uses, self.class(uses, weight))
            }
        };
        let ranked = self.policy == Policy::Gdsf;
        let candidate_priority = (ranked && self.parts().refusal).then(|| priority::priority(class));
        let roomy = self.make_room(len, weight, candidate_priority, evicted);
        if let Err(refused) = roomy {
            if refused == Rejected::NotAdmitted {
                self.note(hash, uses);
            }
            return Err(refused);
        }
        self.make_index_room(hash, evicted)?;
        // The index may have taken the room.
        self.make_room(len, weight, None, evicted)?;
        let rank = timing_wheel::rank(class, self.clock);
        let header = Header::new(key.len(), value.len(), rank, uses, meta);
        let addr = self.arena.append(len, [header.bytes(), key, value]);
        self.index.insert(&mut self.arena, hash, addr);
        if ranked {
            self.ranks.add(rank);
        } else {
            self.recency.push(&mut self.arena, addr);
        }
        self.len += 1;
        self.payload += key.len() + value.len();
        self.weight += u64::from(weight);
        Ok(())
    }

    pub(super) fn hash_of(&self, addr: Addr) -> u64 {
        let bytes = self.arena.bytes(addr);
        self.hash_of_key(Shape::read(bytes).key(bytes))
    }

    pub(super) fn drop_record(&mut self, addr: Addr) {
        let bytes = self.arena.bytes(addr);
        let shape = Shape::read(bytes);
        let hash = self.hash_of_key(shape.key(bytes));
        self.weight -= u64::from(self.weight_of(addr)).min(self.weight);
        self.len -= 1;
        self.payload -= shape.payload();
        match self.policy {
            Policy::Gdsf => self.ranks.take(record::rank(bytes)),
            Policy::Lru => self.recency.unlink(&mut self.arena, addr),
        }
        self.index.remove(&mut self.arena, hash, addr);
        self.arena.free(addr, shape.len());
        self.trim_index(hash);
    }

    /// What an entry counts for.
    pub(super) fn weight_of(&self, addr: Addr) -> u32 {
        let bytes = self.arena.bytes(addr);
        let shape = Shape::read(bytes);
        match (self.max_weight, shape.value(bytes)) {
            (Some(_), &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
            _ => shape.len() as u32,
        }
    }

    /// TimingWheel an entry by what it is worth now.
    pub(super) fn rank_anew(&mut self, addr: Addr) {
        let class = self.class(record::uses(self.arena.bytes(addr)), self.weight_of(addr));
        let rank = timing_wheel::rank(class, self.clock);
        let bytes = self.arena.bytes_mut(addr);
        self.ranks.take(record::rank(bytes));
        self.ranks.add(rank);
        record::put_rank(bytes, rank);
    }

    /// Remembers how often a key was used that went.
    pub(super) fn note(&mut self, hash: u64, uses: u8) {
        if self.policy == Policy::Gdsf && self.parts().ghosts {
            self.remembers = true;
            self.lesson.went(uses);
            // Without this, every return would add to a count for ever: 51.3 % of hits instead of 51.6.
            let uses = uses - uses / 7;
            if let Some(ghosts) = self.index.ghosts(&self.arena, hash) {
                self.index.put_ghosts(&mut self.arena, hash, ghosts::note(ghosts, hash, uses));
            }
        }
    }

    /// How often a key was used before it went; 0 if nobody remembers.
    fn recall(&mut self, hash: u64) -> u8 {
        let Some(ghosts) = self.index.ghosts(&self.arena, hash) else { return 0 };
        let uses = ghosts::recall(ghosts, hash);
        if uses > 0 && ghosts::is_newest(ghosts, hash) && self.parts().lesson {
            self.lesson.came_back(uses, self.len);
        }
        uses
    }

    fn class(&self, uses: u8, weight: u32) -> usize {
        let parts = self.parts();
        priority::class(
            if parts.uses { uses } else { 1 },
            self.lesson.power(),
            if parts.size { weight } else { 64 },
        )
    }
}
