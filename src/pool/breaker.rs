//! The circuit breaker: a peer that keeps failing is not asked for a while, so that lookups fail over at once.
//!
//! A breaker opens after [`FAILURES_IN_A_ROW`] failures in a row, or when half of the last [`HISTORY`] requests failed.
//! While it is open no request is sent, except one probe after each cool-down. A response closes the breaker, a failed
//! probe doubles the cool-down, from [`FIRST_COOL_DOWN_MS`] up to [`LONGEST_COOL_DOWN_MS`]. Half of each cool-down is
//! jitter, so that nodes which lost a peer together do not return to it together. The jitter is a hash of the node's
//! seed: nothing here draws random numbers.
//!
//! A probe whose leader vanishes reports no result. Another is allowed one cool-down later.

use std::sync::Arc;

use crate::base::crc32::crc32;
use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;

/// Failures in a row that open a breaker.
pub const FAILURES_IN_A_ROW: u32 = 5;
/// The number of requests that the failure rate covers. Fewer do not open a breaker by their rate.
pub const HISTORY: u32 = 32;
/// The first cool-down, in ms.
pub const FIRST_COOL_DOWN_MS: u64 = 1_000;
/// The longest cool-down, in ms.
pub const LONGEST_COOL_DOWN_MS: u64 = 30_000;

/// The breaker of one peer.
#[derive(Clone, Debug)]
struct Breaker {
    peer: Arc<str>,
    /// The last requests as bits, the newest lowest, 1 for a failure; and how many of the bits are in use.
    failures: u32,
    requests: u32,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// Failed probes.
    probes: u32,
    retry_at_ms: Millis,
    probing: bool,
}

/// The breakers of a node's peers. Only peers with recent failures have one, so the list is short.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakers {
    seed: u64,
    breakers: Vec<Breaker>,
}

impl Breakers {
    /// Closed breakers, whose jitter derives from `seed`.
    pub fn new(seed: u64) -> Breakers {
        Breakers { seed, breakers: Vec::new() }
    }

    /// Returns true if a request may be sent to the peer now. Of an open breaker, that request is the probe.
    pub fn allows(&mut self, peer: &str, now: Millis) -> bool {
        let seed = self.seed;
        let Some(Breaker { open: Some(open), .. }) =
            self.breakers.iter_mut().find(|known| *known.peer == *peer)
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

    /// Records the result of a request: answered, or failed.
    pub fn record_result(&mut self, peer: &Arc<str>, now: Millis, answered: bool) {
        let seed = self.seed;
        let at = self.breakers.iter().position(|known| known.peer == *peer);
        let known = match at {
            Some(at) => self.breakers.get_mut(at),
            None if answered => None,
            None => {
                self.breakers.push(Breaker { peer: peer.clone(), failures: 0, requests: 0, open: None });
                self.breakers.last_mut()
            }
        };
        let Some(known) = known else { return };
        match &mut known.open {
            // Requests sent before it opened may still fail: they say nothing new.
            Some(open) if !answered => {
                if std::mem::take(&mut open.probing) {
                    open.probes += 1;
                    open.retry_at_ms = now.saturating_add(cool_down_ms(seed, peer, open.probes));
                }
            }
            Some(_) if !mutants::active(Mutant::BreakerNeverCloses) => {
                (known.open, known.failures, known.requests) = (None, 0, 0)
            }
            Some(_) => {}
            None => {
                known.failures = known.failures << 1 | u32::from(!answered);
                known.requests = (known.requests + 1).min(HISTORY);
                let in_a_row = known.failures.trailing_ones();
                let too_often = known.requests == HISTORY && known.failures.count_ones() >= HISTORY / 2;
                // A response does not open a breaker, even if it completes a history of failures.
                let opens = !answered && (in_a_row >= FAILURES_IN_A_ROW || too_often);
                if opens && !mutants::active(Mutant::BreakerNeverOpens) {
                    let retry_at_ms = now.saturating_add(cool_down_ms(seed, peer, 0));
                    known.open = Some(Open { probes: 0, retry_at_ms, probing: false });
                }
            }
        }
        if known.open.is_none() && known.failures == 0 {
            self.breakers.retain(|known| known.peer != *peer);
        }
    }

    /// The number of open breakers.
    pub fn open(&self) -> usize {
        self.breakers.iter().filter(|known| known.open.is_some()).count()
    }

    /// Drops the breakers of peers that left.
    pub fn retain(&mut self, contains: impl Fn(&Arc<str>) -> bool) {
        self.breakers.retain(|known| contains(&known.peer));
    }
}

/// A time between half of the cool-down and all of it, in ms.
fn cool_down_ms(seed: u64, peer: &str, probes: u32) -> u64 {
    let longest = (FIRST_COOL_DOWN_MS << probes.min(10)).min(LONGEST_COOL_DOWN_MS);
    let input = [&seed.to_le_bytes()[..], &probes.to_le_bytes(), peer.as_bytes()].concat();
    longest / 2 + u64::from(crc32(&input)) % (longest / 2 + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::pool::breaker::{Breakers, HISTORY};

    #[test]
    fn response_after_failures_does_not_open_the_breaker() {
        let (mut breakers, peer) = (Breakers::new(1), Arc::from("peer"));
        // Failures and responses alternate: a response completes a history of which half failed.
        for request in 0..HISTORY {
            breakers.record_result(&peer, 0, request % 2 == 1);
        }
        assert!(breakers.allows(&peer, 0), "it has just responded");
        breakers.record_result(&peer, 0, false);
        assert!(!breakers.allows(&peer, 0), "half of the last requests failed, and this one");
    }
}
