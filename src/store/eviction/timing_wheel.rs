//! Eviction order in one byte per entry: a timing wheel per two octaves of priority, with an entry count per slot.
//!
//! An entry is due when the clock reaches the sum of its priority and the clock at the time it got its slot. For priorities from 4^n on
//! the sum is rounded to a quarter of 4^n, and four bits of it are kept: one of sixteen slots of the wheel for these priorities, which
//! turns as the clock advances. No entry is more than fourteen slots ahead of the clock, and the clock does not pass a slot that has
//! entries, so four bits are unambiguous.
//!
//! Timing wheels are from Varghese and Lauck (1987). Unlike theirs, a slot has no list of its entries: a [sweep](super::sweep) finds
//! them in memory, which saves two links per entry.

use super::priority;

/// A wheel for every two octaves of priority.
const WHEELS: usize = priority::CLASSES / 8;
/// Slots of a wheel.
const SLOTS: u32 = 16;
/// Slots of all wheels.
const ALL_SLOTS: usize = WHEELS * SLOTS as usize;
const _: () = assert!(ALL_SLOTS == 256, "a slot is one byte");

/// At least one of so many entries is due, so that a sweep meets one soon. The price: a victim need not have the very lowest priority.
const DUE: usize = 128;

pub(super) struct TimingWheel {
    /// Entries of each slot.
    entries: [u32; ALL_SLOTS],
    /// Of each wheel, a bit for each slot with entries.
    filled: [u16; WHEELS],
    /// Of each wheel, a bit for each due slot.
    due: [u16; WHEELS],
    /// Entries in due slots.
    due_entries: usize,
}

/// Logarithm to base 2 of the ticks that a slot of a wheel covers.
fn log2_of_slot(wheel: usize) -> u32 {
    (2 * wheel as u32).saturating_sub(2)
}

/// The slot for an entry of a priority class, as the number of its wheel and its slot in the wheel. Not inlined, for the size of the
/// wasm file.
#[inline(never)]
pub(super) fn slot(class: usize, clock: u32) -> u8 {
    let wheel = class / 8;
    let shift = log2_of_slot(wheel);
    let due_at = clock.wrapping_add(priority::priority(class)).wrapping_add(1 << shift >> 1);
    (wheel as u32 * SLOTS + (due_at >> shift) % SLOTS) as u8
}

/// The wheel of a slot, and the bit of the slot in its wheel.
fn split(slot: u8) -> (usize, u16) {
    (slot as usize / SLOTS as usize, 1 << (u32::from(slot) % SLOTS))
}

impl TimingWheel {
    pub(super) fn new() -> TimingWheel {
        TimingWheel { entries: [0; ALL_SLOTS], filled: [0; WHEELS], due: [0; WHEELS], due_entries: 0 }
    }

    /// Counts an entry in a slot.
    pub(super) fn add(&mut self, slot: u8) {
        let (wheel, bit) = split(slot);
        let (Some(entries), Some(filled)) =
            (self.entries.get_mut(usize::from(slot)), self.filled.get_mut(wheel))
        else {
            debug_assert!(false, "there is no slot {slot}");
            return;
        };
        *entries += 1;
        *filled |= bit;
        self.due_entries += usize::from(self.is_due(slot));
    }

    /// Drops an entry from the count of a slot.
    pub(super) fn remove(&mut self, slot: u8) {
        let (wheel, bit) = split(slot);
        self.due_entries = self.due_entries.saturating_sub(self.is_due(slot).into());
        let (Some(entries), Some(filled), Some(due)) =
            (self.entries.get_mut(usize::from(slot)), self.filled.get_mut(wheel), self.due.get_mut(wheel))
        else {
            debug_assert!(false, "there is no slot {slot}");
            return;
        };
        debug_assert!(*entries > 0, "an entry of slot {slot} was not counted");
        *entries = entries.saturating_sub(1);
        if *entries == 0 {
            *filled &= !bit;
            *due &= !bit;
        }
    }

    #[inline(always)]
    pub(super) fn is_due(&self, slot: u8) -> bool {
        let (wheel, bit) = split(slot);
        self.due.get(wheel).is_some_and(|due| due & bit != 0)
    }

    /// The slot with entries that the clock reaches first, of all slots or of those not due, and the ticks to it.
    fn first(&self, clock: u32, not_due: bool) -> Option<(u8, u32)> {
        let mut first = None;
        for (wheel, (filled, due)) in self.filled.iter().zip(&self.due).enumerate() {
            let slots = filled & if not_due { !due } else { u16::MAX };
            let shift = log2_of_slot(wheel);
            let next = clock.wrapping_add((1 << shift) - 1) >> shift;
            let slot = next + slots.rotate_right(next % SLOTS).trailing_zeros();
            let ticks = (slot << shift).wrapping_sub(clock);
            if slots != 0 && first.is_none_or(|(_, least)| ticks < least) {
                first = Some(((wheel as u32 * SLOTS + slot % SLOTS) as u8, ticks));
            }
        }
        first
    }

    /// Marks the next slot with entries as due. `None` if all are.
    pub(super) fn make_more_due(&mut self, clock: u32) -> Option<()> {
        let (slot, _) = self.first(clock, true)?;
        let (wheel, bit) = split(slot);
        *self.due.get_mut(wheel)? |= bit;
        self.due_entries += *self.entries.get(usize::from(slot))? as usize;
        Some(())
    }

    /// Marks slots due until at least 1/128 of the entries are, and returns the ticks to the first of them. `None` if the wheel is
    /// empty.
    pub(super) fn make_due(&mut self, clock: u32, entries: usize) -> Option<u32> {
        while self.due_entries < (entries / DUE).max(1) {
            self.make_more_due(clock)?;
        }
        self.first(clock, false).map(|(_, ticks)| ticks)
    }

    /// Entries of each slot.
    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(super) fn entries(&self) -> &[u32] {
        &self.entries
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::store::tests::Rng;

    /// Entries of all classes over several turns of the clock; due entries are removed in random order. The entries of the slot that the
    /// clock reaches are due then, to within half a slot of their wheel, and a slot without entries is not due.
    #[test]
    fn make_due_entries_of_all_classes_are_due_at_their_priority() {
        for seed in 0..if cfg!(miri) { 1 } else { 20 } {
            let mut rng = Rng::new(seed);
            let (mut wheel, mut clock, mut entries) = (TimingWheel::new(), u32::MAX / 2, Vec::new());
            for step in 0..if cfg!(miri) { 300 } else { 20_000 } {
                // Mostly low classes, with which the clock hardly advances, or mostly high ones, with which it turns.
                let most = if step / 5_000 % 2 == 0 { priority::CLASSES as u64 } else { 40 };
                let class = (rng.below(most) & rng.below(most)) as usize;
                if entries.len() < 10 || (entries.len() < 700 && rng.below(2) == 0) {
                    let slot = slot(class, clock);
                    assert!(entries.iter().any(|entry: &(u8, _, _)| entry.0 == slot) || !wheel.is_due(slot));
                    wheel.add(slot);
                    entries.push((slot, class / 8, clock.wrapping_add(priority::priority(class))));
                    continue;
                }
                let ticks = wheel.make_due(clock, entries.len());
                let (next, _) = wheel.first(clock, false).unwrap_or_default();
                clock = clock.wrapping_add(ticks.unwrap_or_default());
                for (_, entry_wheel, due_at) in entries.iter().filter(|entry| entry.0 == next) {
                    let late = clock.wrapping_sub(*due_at) as i32;
                    assert!(
                        late.unsigned_abs() <= 1 << log2_of_slot(*entry_wheel) >> 1,
                        "seed {seed}: {late} ticks"
                    );
                }
                let due: Vec<_> = (0..entries.len()).filter(|&at| wheel.is_due(entries[at].0)).collect();
                assert_eq!(due.len(), wheel.due_entries, "seed {seed}");
                assert!(due.len() >= entries.len() / DUE);
                let (slot, ..) = entries.swap_remove(due[rng.below(due.len() as u64) as usize]);
                wheel.remove(slot);
            }
        }
    }
}
