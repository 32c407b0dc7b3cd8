//! The search for a victim of `gdsf`: a sweep through memory, as in CLOCK (Corbató 1969), which stops at entries in a due slot.
//!
//! No list links the entries of a slot. The timing wheel keeps enough slots due that a sweep seldom passes many records before it meets
//! a due entry, and the next sweep resumes there.

use super::Victim;
use super::gdsf::Gdsf;
use crate::store::arena::record::Kind;
use crate::store::arena::{Addr, Arena, usage};

/// Records that a sweep passes before another slot becomes due. In a large store due entries may be millions of records apart, and an
/// insert must not wait for a sweep of all.
const FAR: usize = if cfg!(test) { 1 << 6 } else { 1 << 15 };

impl Gdsf {
    /// The next due entry that was not used since it got its slot. A due entry that was used gets the slot of its new priority and
    /// stays.
    pub(super) fn next_victim(
        &mut self,
        arena: &mut Arena,
        entries: usize,
        weigh: impl Fn(&[u8]) -> u32,
    ) -> Option<Victim> {
        loop {
            let ticks = self.wheel.make_due(self.clock, entries)?;
            let addr = self.sweep(arena)?;
            let bytes = arena.bytes_mut(addr);
            if !usage::take_touched(bytes) {
                return Some(Victim { addr, ticks });
            }
            let weight = weigh(bytes);
            self.update_slot(bytes, weight);
        }
    }

    /// Finds the next due entry, resuming where the last sweep stopped. Entries appended since then wait for the next turn, so that
    /// the oldest of a slot are found first.
    fn sweep(&mut self, arena: &mut Arena) -> Option<Addr> {
        let mut passed = 0;
        for _ in 0..2 {
            while let Some((mut at, end)) = arena.unwalked() {
                while at < end {
                    let (kind, len) = arena.extent(at);
                    if kind == Kind::Entry && self.wheel.is_due(usage::slot(arena.bytes(at))) {
                        arena.walk_to(at);
                        return Some(at);
                    }
                    passed += 1;
                    if passed % FAR == 0 {
                        self.wheel.make_more_due(self.clock);
                    }
                    at = arena.after(at, len);
                }
                arena.walk_to(end);
            }
            arena.restart_walk();
        }
        None
    }
}
