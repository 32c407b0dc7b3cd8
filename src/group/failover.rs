//! Failover: which peer a flight asks next, and when it runs the loader.
//!
//! A flight asks the owner, then up to `failover` of the ring's next peers, then runs its own loader. A peer with an
//! open circuit breaker is skipped and counts as tried. If the next position on the ring is this node's own, it loads.
//! Every attempt reads the ring again, so a changed list of peers applies from there on; no peer is asked twice.

use std::sync::Arc;

use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;
use crate::peer::PeerPicker;

/// The attempts of one flight.
#[derive(Debug, Default)]
pub(crate) struct Failover {
    /// The peers asked or skipped so far. The last is the one being asked, unless the loader runs.
    tried: Vec<Arc<str>>,
    is_loading: bool,
    /// The number of the current attempt, from 1.
    attempt: u32,
}

impl Failover {
    /// A flight that asks no peer: the request is a peer's.
    pub fn own_loader() -> Failover {
        Failover { is_loading: !mutants::active(Mutant::PeerRequestForwarded), ..Failover::default() }
    }

    /// Starts the next attempt: returns the peer to ask, or `None` to run the loader. Adds each peer skipped by its
    /// circuit breaker to `short_circuits`.
    pub fn next(
        &mut self,
        key: &[u8],
        now: Millis,
        failover: u32,
        peers: &mut dyn PeerPicker,
        short_circuits: &mut u64,
    ) -> Option<Arc<str>> {
        self.attempt += 1;
        let failover = if mutants::active(Mutant::NoFailover) { 0 } else { failover };
        let mut rank = 0;
        while !self.is_loading && self.tried.len() <= failover as usize {
            let Some(peer) = peers.pick_peer(key, rank) else { break };
            rank += 1;
            if self.tried.contains(&peer) {
                continue;
            }
            self.tried.push(peer.clone());
            if peers.allows(&peer, now) {
                return Some(peer);
            }
            *short_circuits += 1;
        }
        self.is_loading = true;
        None
    }

    /// The number of the current attempt.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// True if a result of that attempt belongs to the current one.
    pub fn is_current(&self, attempt: u32) -> bool {
        attempt == self.attempt || mutants::active(Mutant::LateAnswerTaken)
    }

    /// The peer being asked; `None` while the loader runs.
    pub fn asked(&self) -> Option<&Arc<str>> {
        if self.is_loading { None } else { self.tried.last() }
    }

    /// True if a peer was asked or skipped.
    pub fn has_tried(&self) -> bool {
        !self.tried.is_empty()
    }

    /// Makes the next attempt run the loader: no peer can serve this key.
    pub fn skip_peers(&mut self) {
        self.is_loading = true;
    }
}
