//! The ladder: whom a flight asks, one after the other, and when it runs the loader itself.
//!
//! The owner, then as many of the ring's next peers as `failover` allows, then our own loader. A peer whose circuit
//! breaker is open is passed over and counts as one that failed, at once. Where it is this node's turn, it loads.
//! The ring is looked at anew at each rung, so that a list that changes midway is followed from there on; nobody is
//! asked twice.

use std::sync::Arc;

use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;
use crate::peer::PeerPicker;

/// How far down a flight is.
#[derive(Debug, Default)]
pub(crate) struct Failover {
    /// The peers whose turn has been; the last of them is the one being asked.
    tried: Vec<Arc<str>>,
    loading: bool,
    /// How many tasks the flight has handed out: the number of its current attempt.
    attempt: u32,
}

impl Failover {
    /// A ladder of the last rung alone.
    pub fn own_loader() -> Failover {
        Failover { loading: !mutants::active(Mutant::QuestionForwarded), ..Failover::default() }
    }

    /// One rung down: the peer to ask, or `None` for our own loader. `short_circuits` counts open breakers.
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
        while !self.loading && self.tried.len() <= failover as usize {
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
        self.loading = true;
        None
    }

    /// The number of the current attempt.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether a result of that attempt is still awaited.
    pub fn awaits(&self, attempt: u32) -> bool {
        attempt == self.attempt || mutants::active(Mutant::LateAnswerTaken)
    }

    /// The peer that is being asked.
    pub fn asked(&self) -> Option<&Arc<str>> {
        if self.loading { None } else { self.tried.last() }
    }

    /// Whether a peer's turn has been.
    pub fn has_tried(&self) -> bool {
        !self.tried.is_empty()
    }

    /// No peer can help: our own loader is next.
    pub fn skip_peers(&mut self) {
        self.loading = true;
    }
}
