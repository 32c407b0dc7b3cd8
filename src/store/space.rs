//! Room for a record: append, grow, slide together, and only then evict.

use super::{Policy, Rejected, Store};
use crate::store::arena::record::{self, Kind, Shape};
use crate::store::arena::{Addr, NoRoom, Step};
use crate::store::index::page;

/// Records that a sweep passes before more of them become due. Most sweeps pass some hundred; in a budget of 256 MiB, where what is
/// due can be two million records away, an insert took up to 19 ms without this, and 6 with it.
const FAR: usize = if cfg!(test) { 1 << 6 } else { 1 << 15 };

impl Store {
    /// Makes room for `len` bytes of which `weight` count, evicting what is worth less than `candidate_priority` (anything, without a candidate_priority).
    pub(super) fn make_room(
        &mut self,
        len: usize,
        weight: u32,
        candidate_priority: Option<u32>,
        evicted: &mut usize,
    ) -> Result<(), Rejected> {
        if let Some(max_weight) = self.max_weight {
            while self.weight + u64::from(weight) > max_weight {
                self.evict_for(candidate_priority, evicted)?;
            }
        }
        loop {
            match self.arena.plan(len, None) {
                Ok(Step::Append) => return Ok(()),
                Ok(Step::Compact(segment)) => self.compact(segment),
                Ok(Step::Evacuate(segment)) => {
                    if !self.evacuate(segment, len) {
                        self.evict_for(candidate_priority, evicted)?;
                    }
                }
                Err(NoRoom::Full) => self.evict_for(candidate_priority, evicted)?,
                Err(NoRoom::NoMemory) => return Err(Rejected::NoMemory),
            }
        }
    }

    fn evict_for(&mut self, candidate_priority: Option<u32>, evicted: &mut usize) -> Result<(), Rejected> {
        let Some((victim, beyond)) = self.victim() else { return Err(Rejected::NoMemory) };
        if let Some(candidate_priority) = candidate_priority
            && beyond > candidate_priority
        {
            // As if it had been admitted and evicted at once: the clock moves on, so nothing lives on old merit for ever.
            self.age(candidate_priority);
            return Err(Rejected::NotAdmitted);
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
        let (mut from, end) = self.arena.span(segment);
        let mut to = from;
        while from < end {
            let (kind, len) = self.extent(from);
            self.arena.carry_sweep(segment, from, to);
            if kind != Kind::Free {
                if from != to {
                    self.arena.slide(from, to, len);
                    self.moved(from, to, kind);
                }
                to = self.arena.after(to, len);
            }
            from = self.arena.after(from, len);
        }
        self.arena.carry_sweep(segment, from, to);
        self.arena.truncate(to, segment);
    }

    /// Moves records out of a segment until `len` bytes of it are free, then slides the rest together. Answers whether that worked.
    fn evacuate(&mut self, segment: usize, len: usize) -> bool {
        let (mut at, _) = self.arena.span(segment);
        while self.arena.free_in(segment) < len + self.arena.prefix() {
            if at >= self.arena.span(segment).1 {
                return false;
            }
            let (kind, record_len) = self.extent(at);
            if kind != Kind::Free {
                match self.arena.plan(record_len, Some(segment)) {
                    Ok(Step::Append) => {}
                    Ok(Step::Compact(other)) => self.compact(other),
                    _ => return false,
                }
                let to = self.arena.append_copy(at, record_len);
                self.moved(at, to, kind);
                self.arena.free(at, record_len);
            }
            at = self.arena.after(at, record_len);
        }
        self.compact(segment);
        true
    }

    /// What begins here, and how long it is.
    pub(super) fn extent(&self, addr: Addr) -> (Kind, usize) {
        let bytes = self.arena.bytes(addr);
        let kind = record::kind(bytes);
        let len = match kind {
            Kind::Entry => Shape::read(bytes).len(),
            _ => page::word(bytes, record::LEN_AT) as usize,
        };
        (kind, len)
    }

    /// Mends everything that pointed to what was at `from`, whose bytes are at `to` now.
    fn moved(&mut self, from: Addr, to: Addr, kind: Kind) {
        if kind == Kind::Page {
            let page = self.index.settle(&mut self.arena, to);
            self.index.point(&page);
            return;
        }
        if self.policy == Policy::Lru {
            self.recency.moved(&mut self.arena, to);
        }
        let hash = self.hash_of(to);
        self.index.replace(&mut self.arena, hash, from, to);
    }

    /// The next entry that is due, in the order of memory, from where the last one was met. What came since the sweep began is met in
    /// the next one, so that of a rank those go first that have been here longest.
    fn sweep(&mut self) -> Option<Addr> {
        let mut passed = 0;
        for _ in 0..2 {
            while let Some((mut at, end)) = self.arena.unswept() {
                while at < end {
                    let (kind, len) = self.extent(at);
                    if kind == Kind::Entry && self.ranks.is_due(record::rank(self.arena.bytes(at))) {
                        self.arena.swept(at);
                        return Some(at);
                    }
                    passed += 1;
                    if passed % FAR == 0 {
                        self.ranks.make_more_due(self.clock);
                    }
                    at = self.arena.after(at, len);
                }
                self.arena.swept(end);
            }
            self.arena.sweep_anew();
        }
        None
    }

    /// Who goes next, and in how many ticks the clock is there.
    fn victim(&mut self) -> Option<(Addr, u32)> {
        if self.policy == Policy::Lru {
            return self.recency.oldest().map(|oldest| (oldest, 0));
        }
        loop {
            let ticks = self.ranks.make_due(self.clock, self.len)?;
            let addr = self.sweep()?;
            let bytes = self.arena.bytes_mut(addr);
            if !record::take_touched(bytes) {
                return Some((addr, ticks));
            }
            self.rank_anew(addr);
        }
    }
}
