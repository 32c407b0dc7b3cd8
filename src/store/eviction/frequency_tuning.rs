//! Tuning of the exponent of uses: how much the use count of an entry raises its priority.
//!
//! The policy compares the rates at which two kinds of ghosts return soon: of keys used once, and of keys used more often. Equal rates
//! mean that the last moment in the cache had the same value for both, so the exponent is right. If the rate of the often used is higher
//! by more than a quarter, the exponent rises; if it is lower, the exponent falls, down to 0, where a count from the past has no
//! influence. The comparison is at the margin, where hits would mislead: most hits fall early in an entry's life, whatever its
//! priority. A hit pays nothing for it.

/// The exponent in quarters: its limit, and its first value, 1.5, as for the size.
const MAX_POWER: u8 = 8;
const FIRST_POWER: u8 = 6;

/// Ghost hits before the exponent changes: fewer are noise.
const MIN_GHOST_HITS: u32 = 64;

/// Evictions before the exponent changes again, as a multiple of the entries: earlier victims mostly have slots from before the last
/// change.
const MIN_TURNS: usize = 2;

/// Keys of one kind: used once, or more often.
#[derive(Clone, Copy, Default)]
struct Cohort {
    evicted: u32,
    ghost_hits: u32,
}

pub(super) struct FrequencyTuning {
    once: Cohort,
    often: Cohort,
    /// Evictions since the exponent was last considered.
    evictions: usize,
    power: u8,
}

impl FrequencyTuning {
    pub(super) fn new() -> FrequencyTuning {
        FrequencyTuning {
            once: Cohort::default(),
            often: Cohort::default(),
            evictions: 0,
            power: FIRST_POWER,
        }
    }

    /// The exponent of uses, in quarters.
    pub(super) fn power(&self) -> u8 {
        self.power
    }

    fn cohort(&mut self, uses: u8) -> &mut Cohort {
        if uses > 1 { &mut self.often } else { &mut self.once }
    }

    /// Records a key that was evicted, or rejected, after `uses` uses.
    pub(super) fn record_eviction(&mut self, uses: u8) {
        self.evictions = self.evictions.saturating_add(1);
        let cohort = self.cohort(uses);
        cohort.evicted = cohort.evicted.saturating_add(1);
    }

    /// Records a ghost hit: a key evicted after `uses` uses was requested again. The store has `entries` entries.
    pub(super) fn record_ghost_hit(&mut self, uses: u8, entries: usize) {
        let cohort = self.cohort(uses);
        cohort.ghost_hits = cohort.ghost_hits.saturating_add(1);
        if self.once.ghost_hits.saturating_add(self.often.ghost_hits) < MIN_GHOST_HITS
            || self.evictions < entries.saturating_mul(MIN_TURNS)
        {
            return;
        }
        self.evictions = 0;
        // Compares ghost_hits / evicted of the cohorts by cross multiplication, because a divisor may be 0.
        let often = u64::from(self.often.ghost_hits) * u64::from(self.once.evicted);
        let once = u64::from(self.once.ghost_hits) * u64::from(self.often.evicted);
        if often < once {
            self.power = self.power.saturating_sub(1);
        } else if often / 5 > once / 4 {
            self.power = (self.power + 1).min(MAX_POWER);
        }
        for cohort in [&mut self.once, &mut self.often] {
            (cohort.evicted, cohort.ghost_hits) = (cohort.evicted / 2, cohort.ghost_hits / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exponent after so many rounds. In each, a hundred keys of each cohort are evicted, and `once` and `often` of them return.
    fn power_after(rounds: usize, once: u32, often: u32) -> u8 {
        let mut tuning = FrequencyTuning::new();
        for _ in 0..rounds {
            for uses in [1, 2].into_iter().cycle().take(200) {
                tuning.record_eviction(uses);
            }
            for at in 0..once.max(often) {
                if at < often {
                    tuning.record_ghost_hit(7, 50);
                }
                if at < once {
                    tuning.record_ghost_hit(1, 50);
                }
            }
        }
        tuning.power()
    }

    #[test]
    fn power_cohorts_return_at_different_rates_follows_the_often_used() {
        assert_eq!(power_after(100, 50, 2), 0, "often used keys do not return");
        assert_eq!(power_after(100, 2, 50), MAX_POWER, "often used keys return");
        assert_eq!(power_after(100, 40, 40), FIRST_POWER, "equal rates");
        assert_eq!(power_after(100, 0, 0), FIRST_POWER, "no ghost hits");
        assert_eq!(power_after(1, 50, 2), FIRST_POWER, "too few ghost hits");
    }

    #[test]
    fn power_fewer_evictions_than_two_turns_is_unchanged() {
        let mut tuning = FrequencyTuning::new();
        for _ in 0..1000 {
            tuning.record_eviction(2);
            tuning.record_ghost_hit(1, 10_000);
        }
        assert_eq!(tuning.power(), FIRST_POWER);
    }
}
