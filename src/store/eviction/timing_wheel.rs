//! When entries go, in a byte each: a timing wheel for every two octaves of worth, and how many entries stand in each of its slots.
//!
//! An entry goes when the clock reaches the sum of its worth and what the clock stood at when it was ranked. For a worth from 4^n on
//! that sum is rounded to a quarter of 4^n, and of the outcome four bits are kept: a slot of sixteen, by which the wheel of these
//! worths turns as the clock moves on. No entry stands more than fourteen slots ahead of the clock, and the clock passes no slot that
//! has entries, so that four bits are enough.
//!
//! Wheels are those of Varghese and Lauck (1987). That the entries of a slot are nowhere listed, but met by whoever walks through memory,
//! is what spares each of them two links.

use super::priority;

/// One for every two octaves of worth.
const WHEELS: usize = priority::CLASSES / 8;
const SLOTS: u32 = 16;

/// What part of the entries is due at least: the one met next is not far, but need not be the very least. Of hits, in the measure of the
/// [module](super): 51.64 % with never more than one slot due, 51.59 with a 128th, 51.38 with a 64th.
const DUE: usize = 128;

pub(in crate::store) struct TimingWheel {
    /// Entries of each rank.
    entries: [u32; WHEELS * SLOTS as usize],
    /// A bit for each slot of a wheel: it has entries.
    filled: [u16; WHEELS],
    /// Its entries go next.
    due: [u16; WHEELS],
    /// Entries that are due.
    due_entries: usize,
}

/// Of the ticks that a slot of this wheel takes.
fn log2_of_slot(wheel: usize) -> u32 {
    (2 * wheel as u32).saturating_sub(2)
}

/// The rank of what is worth so much, as a class, from now on. One copy: inlined twice it is a hundred bytes more of wasm.
#[inline(never)]
pub(in crate::store) fn rank(class: usize, clock: u32) -> u8 {
    let wheel = class / 8;
    let shift = log2_of_slot(wheel);
    let reached = clock.wrapping_add(priority::priority(class)).wrapping_add(1 << shift >> 1);
    (wheel as u32 * SLOTS + (reached >> shift) % SLOTS) as u8
}

/// The wheel of a rank, and the bit of its slot.
fn split(rank: u8) -> (usize, u16) {
    (rank as usize / SLOTS as usize, 1 << (u32::from(rank) % SLOTS))
}

impl TimingWheel {
    pub(in crate::store) fn new() -> TimingWheel {
        TimingWheel {
            entries: [0; WHEELS * SLOTS as usize],
            filled: [0; WHEELS],
            due: [0; WHEELS],
            due_entries: 0,
        }
    }

    pub(in crate::store) fn add(&mut self, rank: u8) {
        let (wheel, slot) = split(rank);
        let (Some(entries), Some(filled)) =
            (self.entries.get_mut(usize::from(rank)), self.filled.get_mut(wheel))
        else {
            return;
        };
        *entries += 1;
        *filled |= slot;
        self.due_entries += usize::from(self.is_due(rank));
    }

    pub(in crate::store) fn take(&mut self, rank: u8) {
        let (wheel, slot) = split(rank);
        self.due_entries = self.due_entries.saturating_sub(self.is_due(rank).into());
        let (Some(entries), Some(filled), Some(due)) =
            (self.entries.get_mut(usize::from(rank)), self.filled.get_mut(wheel), self.due.get_mut(wheel))
        else {
            return;
        };
        *entries = entries.saturating_sub(1);
        if *entries == 0 {
            *filled &= !slot;
            *due &= !slot;
        }
    }

    /// Whether entries of this rank go next.
    #[inline(always)]
    pub(in crate::store) fn is_due(&self, rank: u8) -> bool {
        let (wheel, slot) = split(rank);
        self.due.get(wheel).is_some_and(|due| due & slot != 0)
    }

    /// The first slot that the clock reaches of those that have entries, or of those of them that are not due: its rank, and in how
    /// many ticks.
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

    /// The next slot is due, too, if there is one with entries.
    pub(in crate::store) fn make_more_due(&mut self, clock: u32) -> Option<()> {
        let (rank, _) = self.first(clock, true)?;
        let (wheel, slot) = split(rank);
        *self.due.get_mut(wheel)? |= slot;
        self.due_entries += *self.entries.get(usize::from(rank))? as usize;
        Some(())
    }

    /// Sees to it that of so many entries some are due, and answers in how many ticks the clock reaches the first; none if there is none.
    pub(in crate::store) fn make_due(&mut self, clock: u32, entries: usize) -> Option<u32> {
        while self.due_entries < (entries / DUE).max(1) {
            self.make_more_due(clock)?;
        }
        self.first(clock, false).map(|(_, ticks)| ticks)
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(in crate::store) fn entries(&self) -> impl Iterator<Item = (u8, u32)> {
        (0..=u8::MAX).zip(self.entries)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::store::tests::Dice;

    /// Entries of all classes come and go over several turns of the clock, the due ones in any order. Whatever stands in the slot that the
    /// clock reaches was to go then, to within half a slot of its wheel, and a slot without entries is not due.
    #[test]
    fn entries_go_when_the_clock_reaches_their_worth() {
        for seed in 0..if cfg!(miri) { 1 } else { 20 } {
            let mut dice = Dice::new(seed);
            let (mut ranks, mut clock, mut there) = (TimingWheel::new(), u32::MAX / 2, Vec::new());
            for step in 0..if cfg!(miri) { 300 } else { 20_000 } {
                // Mostly small classes, which let the clock stand, or mostly large ones, which turn it.
                let most = if step / 5_000 % 2 == 0 { priority::CLASSES as u64 } else { 40 };
                let class = (dice.roll(most) & dice.roll(most)) as usize;
                if there.len() < 10 || (there.len() < 700 && dice.roll(2) == 0) {
                    let rank = rank(class, clock);
                    assert!(there.iter().any(|entry: &(u8, _, _)| entry.0 == rank) || !ranks.is_due(rank));
                    ranks.add(rank);
                    there.push((rank, class / 8, clock.wrapping_add(priority::priority(class))));
                    continue;
                }
                let ticks = ranks.make_due(clock, there.len());
                let (next, _) = ranks.first(clock, false).unwrap_or_default();
                clock = clock.wrapping_add(ticks.unwrap_or_default());
                for (_, wheel, goes) in there.iter().filter(|entry| entry.0 == next) {
                    let late = clock.wrapping_sub(*goes) as i32;
                    assert!(
                        late.unsigned_abs() <= 1 << log2_of_slot(*wheel) >> 1,
                        "seed {seed}: {late} ticks"
                    );
                }
                let due: Vec<_> = (0..there.len()).filter(|&at| ranks.is_due(there[at].0)).collect();
                assert_eq!(due.len(), ranks.due_entries, "seed {seed}");
                assert!(due.len() >= there.len() / DUE);
                let (rank, ..) = there.swap_remove(due[dice.roll(due.len() as u64) as usize]);
                ranks.take(rank);
            }
        }
    }
}
