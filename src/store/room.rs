//! Room for a record: append, grow, slide together, and only then evict.

use super::arena::{Addr, DEAD, NoRoom, Step, UNIT};
use super::page::PAGE;
use super::record::{self, Shape};
use super::{Refused, Store};

impl Store {
    /// Makes room for `len` bytes of which `weight` count, evicting what is worth less than `bid` (anything, without a bid).
    pub(super) fn make_room(
        &mut self,
        len: usize,
        weight: u32,
        bid: Option<u32>,
        evicted: &mut usize,
    ) -> Result<(), Refused> {
        if let Some(max_weight) = self.max_weight {
            while self.weight + u64::from(weight) > max_weight {
                self.evict_for(bid, evicted)?;
            }
        }
        loop {
            match self.arena.plan(len, None) {
                Ok(Step::Append) => return Ok(()),
                Ok(Step::Compact(segment)) => self.compact(segment),
                Ok(Step::Evacuate(segment)) => {
                    if !self.evacuate(segment, len) {
                        self.evict_for(bid, evicted)?;
                    }
                }
                Err(NoRoom::Full) => self.evict_for(bid, evicted)?,
                Err(NoRoom::NoMemory) => return Err(Refused::NoMemory),
            }
        }
    }

    fn evict_for(&mut self, bid: Option<u32>, evicted: &mut usize) -> Result<(), Refused> {
        let Some((victim, beyond)) = self.victim() else { return Err(Refused::NoMemory) };
        if let Some(bid) = bid
            && beyond > bid
        {
            // As if it had been admitted and evicted at once: the clock moves on, so nothing lives on old merit for ever.
            self.age(bid);
            return Err(Refused::NotAdmitted);
        }
        self.age(beyond);
        self.note(self.hash_of(victim), record::uses(self.arena.bytes(victim)));
        self.drop_record(victim);
        self.evictions += 1;
        *evicted += 1;
        Ok(())
    }

    fn age(&mut self, ticks: u32) {
        if self.parts().age {
            self.clock = self.clock.wrapping_add(ticks);
        }
    }

    fn compact(&mut self, segment: usize) {
        let (mut from, _) = self.arena.span(segment);
        let mut to = from;
        while from < self.arena.span(segment).1 {
            let (len, free) = self.extent(from);
            if len == 0 {
                break;
            }
            if !free {
                if from != to {
                    self.arena.slide(from, to, len);
                    self.moved(from, to);
                }
                to += (len / UNIT) as Addr;
            }
            from += (len / UNIT) as Addr;
        }
        self.arena.truncate(to, segment);
    }

    /// Moves records out of a segment until `len` bytes of it are free, then slides the rest together. Answers whether that worked.
    fn evacuate(&mut self, segment: usize, len: usize) -> bool {
        let (mut at, _) = self.arena.span(segment);
        while self.arena.free_in(segment) < len {
            if at >= self.arena.span(segment).1 {
                return false;
            }
            let (record_len, free) = self.extent(at);
            if record_len == 0 {
                return false;
            }
            if !free {
                match self.arena.plan(record_len, Some(segment)) {
                    Ok(Step::Append) => {}
                    Ok(Step::Compact(other)) => self.compact(other),
                    _ => return false,
                }
                let to = self.arena.append_copy(at, record_len);
                self.moved(at, to);
                self.arena.free(at, record_len);
            }
            at += (record_len / UNIT) as Addr;
        }
        self.compact(segment);
        true
    }

    /// Length of whatever begins here, and whether it is free.
    pub(super) fn extent(&self, addr: Addr) -> (usize, bool) {
        match self.arena.u32_at(addr, 0) {
            kind @ (DEAD | PAGE) => (self.arena.u32_at(addr, 4) as usize * UNIT, kind == DEAD),
            _ => (Shape::read(self.arena.bytes(addr)).len(), false),
        }
    }

    /// Mends everything that pointed to a record at `from`, whose bytes are at `to` now.
    fn moved(&mut self, from: Addr, to: Addr) {
        if self.arena.u32_at(to, 0) == PAGE {
            let page = self.index.settle(&mut self.arena, to);
            self.index.point(&page);
            return;
        }
        self.queues.moved(&mut self.arena, to);
        let hash = self.hash_of(to);
        self.index.replace(&mut self.arena, hash, from, to);
    }
}
