//! The policy `gdsf`: GreedyDual-Size-Frequency (Cherkasova 1998) with ghosts, admission and a tuned exponent.
//!
//! The priority of an entry is `clock + uses^power / size^1.5`; the entry with the lowest is the victim, and the clock advances to its
//! priority. So an entry that is not used ages until the clock overtakes it. Added to the published policy:
//!
//! * **Ghosts.** An evicted key leaves a [ghost](ghosts) with its use count, from which it continues when it returns, as in ARC
//!   (Megiddo and Modha 2003) and S3-FIFO (Yang and others 2023).
//! * **Admission.** A candidate with a lower priority than its victim is rejected, as in TinyLFU (Einziger and others 2017). It leaves
//!   a ghost and advances the clock by its priority, as though it had been inserted and evicted at once.
//! * **Frequency tuning.** The [power](super::frequency_tuning) rises and falls with the rates at which ghosts return.
//! * **Touched bits.** A hit sets a bit, which the [sweep](super::sweep) counts as one use, as in CLOCK (Corbató 1969).

use super::ablation::Ablation;
use super::frequency_tuning::FrequencyTuning;
use super::timing_wheel::{self, TimingWheel};
use super::{Candidate, Victim, ghosts, priority};
use crate::store::arena::{Addr, Arena, usage};

pub(in crate::store) struct Gdsf {
    /// How many entries have which priority.
    pub(super) wheel: TimingWheel,
    tuning: FrequencyTuning,
    /// The priority of the last victim. Wraps.
    pub(super) clock: u32,
    has_ghosts: bool,
    #[cfg(feature = "ablation")]
    ablation: Ablation,
}

impl Gdsf {
    pub(super) fn new() -> Gdsf {
        Gdsf {
            wheel: TimingWheel::new(),
            tuning: FrequencyTuning::new(),
            clock: 0,
            has_ghosts: false,
            #[cfg(feature = "ablation")]
            ablation: Ablation::NONE,
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Gdsf {
            #[cfg(feature = "ablation")]
            ablation: self.ablation,
            ..Gdsf::new()
        };
    }

    #[cfg(not(feature = "ablation"))]
    #[inline(always)]
    fn without(&self) -> Ablation {
        Ablation::NONE
    }

    #[cfg(feature = "ablation")]
    #[inline(always)]
    fn without(&self) -> Ablation {
        self.ablation
    }

    #[cfg(feature = "ablation")]
    pub(super) fn ablate(&mut self, ablation: Ablation) {
        self.ablation = ablation;
    }

    /// In a store that counts every hit of a burst, counts one.
    #[inline(always)]
    pub(super) fn count_bursts(&self, bytes: &mut [u8]) {
        if self.without().bursts {
            usage::count(bytes);
        }
    }

    pub(super) fn on_insert(&mut self, arena: &Arena, addr: Addr) {
        self.wheel.add(usage::slot(arena.bytes(addr)));
    }

    pub(super) fn on_remove(&mut self, arena: &Arena, addr: Addr) {
        self.wheel.remove(usage::slot(arena.bytes(addr)));
    }

    fn class(&self, uses: u8, weight: u32) -> usize {
        let without = self.without();
        priority::class(
            if without.uses { 1 } else { uses },
            self.tuning.power(),
            if without.size { 64 } else { weight },
        )
    }

    pub(super) fn candidate(&self, uses: u8, weight: u32) -> Candidate {
        let uses = uses.saturating_add(1).min(usage::MAX_USES);
        Candidate { uses, class: self.class(uses, weight) }
    }

    pub(super) fn slot(&self, class: usize) -> u8 {
        timing_wheel::slot(class, self.clock)
    }

    /// Gives a record the slot of its current priority.
    pub(super) fn update_slot(&mut self, bytes: &mut [u8], weight: u32) {
        let slot = self.slot(self.class(usage::uses(bytes), weight));
        self.wheel.remove(usage::slot(bytes));
        self.wheel.add(slot);
        usage::write_slot(bytes, slot);
    }

    pub(super) fn admits(&mut self, candidate: Option<&Candidate>, victim: &Victim) -> bool {
        let candidate = candidate.filter(|_| !self.without().admission);
        let candidate_priority = candidate.map(|candidate| priority::priority(candidate.class));
        match candidate_priority {
            Some(candidate_priority) if victim.ticks > candidate_priority => {
                self.advance(candidate_priority);
                false
            }
            _ => {
                self.advance(victim.ticks);
                true
            }
        }
    }

    fn advance(&mut self, ticks: u32) {
        if !self.without().age {
            self.clock = self.clock.wrapping_add(ticks);
        }
    }

    pub(super) fn keeps_ghosts(&self) -> bool {
        !self.without().ghosts
    }

    pub(super) fn has_ghosts(&self) -> bool {
        self.has_ghosts
    }

    pub(super) fn remember(&mut self, set: Option<u64>, hash: u64, uses: u8) -> Option<u64> {
        self.has_ghosts = true;
        self.tuning.record_eviction(uses);
        // Each return adds a use. The ghost drops a seventh, or a key that returns again and again would only ever rise.
        set.map(|set| ghosts::remember(set, hash, uses - uses / 7))
    }

    pub(super) fn recall(&mut self, set: u64, hash: u64, entries: usize) -> u8 {
        let uses = ghosts::recall(set, hash);
        // Only the newest ghost of a set is sure to have been evicted recently.
        if uses > 0 && ghosts::is_newest(set, hash) && !self.without().tuning {
            self.tuning.record_ghost_hit(uses, entries);
        }
        uses
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    #[allow(clippy::panic, clippy::indexing_slicing)]
    pub(super) fn validate(&self, arena: &Arena, entries: &std::collections::HashSet<Addr>) {
        let mut slots = [0; 256];
        for &addr in entries {
            slots[usize::from(usage::slot(arena.bytes(addr)))] += 1;
        }
        assert!(self.wheel.entries() == slots, "the wheel counts the entries of each slot");
    }
}
