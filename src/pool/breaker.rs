//! The circuit breaker: a peer known to be down is skipped at once, and tried again now and then.
//!
//! It opens after [`MOST_IN_A_ROW`] failures in a row, or when half of the last [`HISTORY`] asks failed. While it is
//! open nobody asks the peer, but for one probe when the cool-down is over: an answer closes it, a failure doubles
//! the cool-down, from [`FIRST_COOL_DOWN_MS`] to [`LONGEST_COOL_DOWN_MS`]. Half of each cool-down is jitter, so that
//! nodes which lost a peer together do not come back to it together; it is drawn from a hash of the node's seed, as
//! nothing here draws random numbers.
//!
//! A probe whose asker vanishes is never heard of; the next one is let through a cool-down later all the same.

use std::sync::Arc;

use crate::base::crc32::crc32;
use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;

/// Failures one after the other that open a breaker.
pub const MOST_IN_A_ROW: u32 = 5;
/// How many asks the failure rate is taken over. Fewer open nothing by their rate.
pub const HISTORY: u32 = 32;
/// The first cool-down.
pub const FIRST_COOL_DOWN_MS: u64 = 1_000;
/// The bound on cool-downs.
pub const LONGEST_COOL_DOWN_MS: u64 = 30_000;

/// What is known of one peer.
#[derive(Clone, Debug)]
struct Breaker {
    peer: Arc<str>,
    /// The last asks, the newest in the lowest bit, 1 for one that failed; and how many of the bits are asks.
    failed: u32,
    asked: u32,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// Probes that failed.
    probes: u32,
    retry_at_ms: Millis,
    probing: bool,
}

/// The breakers of a node's peers. Only peers that failed lately have one, so the list is short.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakers {
    seed: u64,
    troubled: Vec<Breaker>,
}

impl Breakers {
    /// Breakers with a jitter of their own.
    pub fn new(seed: u64) -> Breakers {
        Breakers { seed, troubled: Vec::new() }
    }

    /// Whether the peer may be asked now. Whoever is admitted to an open breaker is its probe.
    pub fn allows(&mut self, peer: &str, now: Millis) -> bool {
        let seed = self.seed;
        let Some(Breaker { open: Some(open), .. }) =
            self.troubled.iter_mut().find(|known| *known.peer == *peer)
        else {
            return true;
        };
        if now < open.retry_at_ms {
            return false;
        }
        open.probing = true;
        open.retry_at_ms = now.saturating_add(cool_down_ms(seed, peer, open.probes));
        true
    }

    /// How an ask ended.
    pub fn record_result(&mut self, peer: &Arc<str>, now: Millis, answered: bool) {
        let seed = self.seed;
        let at = self.troubled.iter().position(|known| known.peer == *peer);
        let known = match at {
            Some(at) => self.troubled.get_mut(at),
            None if answered => None,
            None => {
                self.troubled.push(Breaker { peer: peer.clone(), failed: 0, asked: 0, open: None });
                self.troubled.last_mut()
            }
        };
        let Some(known) = known else { return };
        match &mut known.open {
            // Asks that began before it opened still end: their failures say nothing new.
            Some(open) if !answered => {
                if std::mem::take(&mut open.probing) {
                    open.probes += 1;
                    open.retry_at_ms = now.saturating_add(cool_down_ms(seed, peer, open.probes));
                }
            }
            Some(_) if !mutants::active(Mutant::BreakerNeverCloses) => {
                (known.open, known.failed, known.asked) = (None, 0, 0)
            }
            Some(_) => {}
            None => {
                known.failed = known.failed << 1 | u32::from(!answered);
                known.asked = (known.asked + 1).min(HISTORY);
                let in_a_row = known.failed.trailing_ones();
                let too_often = known.asked == HISTORY && known.failed.count_ones() >= HISTORY / 2;
                // An answer opens nothing: whoever has just answered may be asked.
                let opens = !answered && (in_a_row >= MOST_IN_A_ROW || too_often);
                if opens && !mutants::active(Mutant::BreakerNeverOpens) {
                    let retry_at_ms = now.saturating_add(cool_down_ms(seed, peer, 0));
                    known.open = Some(Open { probes: 0, retry_at_ms, probing: false });
                }
            }
        }
        if known.open.is_none() && known.failed == 0 {
            self.troubled.retain(|known| known.peer != *peer);
        }
    }

    /// How many peers are passed over now.
    pub fn open(&self) -> usize {
        self.troubled.iter().filter(|known| known.open.is_some()).count()
    }

    /// Forgets the peers that left.
    pub fn retain(&mut self, stays: impl Fn(&Arc<str>) -> bool) {
        self.troubled.retain(|known| stays(&known.peer));
    }
}

/// Between half of the cool-down and all of it.
fn cool_down_ms(seed: u64, peer: &str, probes: u32) -> u64 {
    let longest = (FIRST_COOL_DOWN_MS << probes.min(10)).min(LONGEST_COOL_DOWN_MS);
    let drawn = [&seed.to_le_bytes()[..], &probes.to_le_bytes(), peer.as_bytes()].concat();
    longest / 2 + u64::from(crc32(&drawn)) % (longest / 2 + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::pool::breaker::{Breakers, HISTORY};

    #[test]
    fn an_answer_opens_no_breaker_however_many_asks_failed_before() {
        let (mut breakers, peer) = (Breakers::new(1), Arc::from("peer"));
        // A failure and an answer in turn: the answer is the last of a full history, half of which failed.
        for ask in 0..HISTORY {
            breakers.record_result(&peer, 0, ask % 2 == 1);
        }
        assert!(breakers.allows(&peer, 0), "it has just answered");
        breakers.record_result(&peer, 0, false);
        assert!(!breakers.allows(&peer, 0), "half of the last asks failed, this one too");
    }
}
