//! How much uses should count, learned from the keys that come back soon after they went.
//!
//! An entry that went was kept for as long as its worth bought. If of those that were used often as large a part comes back soon as of
//! those that were used once, the last moment of each was worth the same, and uses count for just enough. If a larger part comes back
//! (by a quarter), uses should count for more; if a smaller, for less, down to nothing, where what was busy is dead. This compares at
//! the margin, as hits would not: most of them come early in an entry's life, whatever it is worth. And it costs a hit nothing.

/// Quarters by which the power of uses may go, and where it begins: at 1.5, as that of the size.
const MAX_POWER: u8 = 8;
const FIRST_POWER: u8 = 6;

/// Keys that came back before the power changes: fewer are chance.
const BACK: u32 = 64;

/// Entries that go before it changes again, in entries that there are: until then, most of what goes has its rank from before.
const TURNS: usize = 2;

/// Entries of one kind.
#[derive(Clone, Copy, Default)]
struct Kind {
    gone: u32,
    back: u32,
}

pub(in crate::store) struct FrequencyTuning {
    once: Kind,
    often: Kind,
    /// Entries that went since the power was last looked at.
    since: usize,
    power: u8,
}

impl FrequencyTuning {
    pub(in crate::store) fn new() -> FrequencyTuning {
        FrequencyTuning { once: Kind::default(), often: Kind::default(), since: 0, power: FIRST_POWER }
    }

    /// The power of uses in an entry's worth, in quarters.
    pub(in crate::store) fn power(&self) -> u8 {
        self.power
    }

    fn kind(&mut self, uses: u8) -> &mut Kind {
        if uses > 1 { &mut self.often } else { &mut self.once }
    }

    /// An entry went, or was refused, after so many uses.
    pub(in crate::store) fn went(&mut self, uses: u8) {
        self.since = self.since.saturating_add(1);
        let kind = self.kind(uses);
        kind.gone = kind.gone.saturating_add(1);
    }

    /// One that had gone after so many uses is wanted again, soon; there are `entries` now.
    pub(in crate::store) fn came_back(&mut self, uses: u8, entries: usize) {
        let kind = self.kind(uses);
        kind.back = kind.back.saturating_add(1);
        if self.once.back.saturating_add(self.often.back) < BACK || self.since < entries.saturating_mul(TURNS)
        {
            return;
        }
        self.since = 0;
        // back / gone of the one kind against that of the other, without dividing by a gone of 0.
        let often = u64::from(self.often.back) * u64::from(self.once.gone);
        let once = u64::from(self.once.back) * u64::from(self.often.gone);
        if often < once {
            self.power = self.power.saturating_sub(1);
        } else if often / 5 > once / 4 {
            self.power = (self.power + 1).min(MAX_POWER);
        }
        for kind in [&mut self.once, &mut self.often] {
            (kind.gone, kind.back) = (kind.gone / 2, kind.back / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a hundred that went of each kind, so many come back.
    fn power_after(rounds: usize, once: u32, often: u32) -> u8 {
        let mut lesson = FrequencyTuning::new();
        for _ in 0..rounds {
            for uses in [1, 2].into_iter().cycle().take(200) {
                lesson.went(uses);
            }
            for at in 0..once.max(often) {
                if at < often {
                    lesson.came_back(7, 50);
                }
                if at < once {
                    lesson.came_back(1, 50);
                }
            }
        }
        lesson.power()
    }

    #[test]
    fn uses_count_as_much_as_comebacks_say() {
        assert_eq!(power_after(100, 50, 2), 0, "what was busy is dead");
        assert_eq!(power_after(100, 2, 50), MAX_POWER, "who was used often is used again");
        assert_eq!(power_after(100, 40, 40), FIRST_POWER, "just enough");
        assert_eq!(power_after(100, 0, 0), FIRST_POWER, "nothing is known");
        assert_eq!(power_after(1, 50, 2), FIRST_POWER, "too few to tell");
    }

    #[test]
    fn it_changes_once_in_two_turns() {
        let mut lesson = FrequencyTuning::new();
        for _ in 0..1000 {
            lesson.went(2);
            lesson.came_back(1, 10_000);
        }
        assert_eq!(lesson.power(), FIRST_POWER);
    }
}
