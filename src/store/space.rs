//! Making room: for a record, by compaction in the arena and by evictions; for an entry in the index.

use super::eviction::Candidate;
use super::insert::weigh;
use super::{Rejected, Store};
use crate::store::arena::record::Kind;
use crate::store::arena::{NoRoom, usage};

impl Store {
    /// Makes room for `len` bytes that count for `weight`. Evicts entries for which the policy admits the candidate; any entry without
    /// a candidate.
    pub(super) fn make_room(
        &mut self,
        len: usize,
        weight: u32,
        candidate: Option<&Candidate>,
        evicted: &mut usize,
    ) -> Result<(), Rejected> {
        if let Some(max_weight) = self.max_weight {
            while self.weight + u64::from(weight) > max_weight {
                self.evict(candidate, evicted)?;
            }
        }
        loop {
            let Store { arena, index, eviction, .. } = self;
            let room = arena.make_room(len, &mut |arena, moved| {
                if moved.kind == Kind::Entry {
                    eviction.on_move(arena, moved.to);
                }
                index.on_move(arena, &moved);
            });
            match room {
                Ok(()) => return Ok(()),
                Err(NoRoom::Full) => self.evict(candidate, evicted)?,
                Err(NoRoom::NoMemory) => return Err(Rejected::NoMemory),
            }
        }
    }

    /// Evicts one entry, if the policy admits the candidate in its stead.
    fn evict(&mut self, candidate: Option<&Candidate>, evicted: &mut usize) -> Result<(), Rejected> {
        let is_replay = self.max_weight.is_some();
        let victim = self.eviction.next_victim(&mut self.arena, self.len, |bytes| weigh(bytes, is_replay));
        let Some(victim) = victim else { return Err(Rejected::NoMemory) };
        if !self.eviction.admits(candidate, &victim) {
            return Err(Rejected::NotAdmitted);
        }
        let hash = self.index.hash_of(&self.arena, victim.addr);
        self.remember(hash, usage::uses(self.arena.bytes(victim.addr)));
        self.remove_record(victim.addr, hash);
        self.evictions += 1;
        *evicted += 1;
        Ok(())
    }

    /// Makes room in the index for one more entry of a hash, if need be with a new page.
    pub(super) fn make_index_room(&mut self, hash: u64, evicted: &mut usize) -> Result<(), Rejected> {
        while let Some(growth) = self.index.plan_growth(&self.arena, hash, self.eviction.has_ghosts())? {
            self.make_room(growth.len(), 0, None, evicted)?;
            self.index.grow(&mut self.arena, hash, &growth)?;
        }
        Ok(())
    }
}
