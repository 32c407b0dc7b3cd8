//! The pool's `PeerPicker`: the ring, this node's name, and the circuit breakers.

use std::sync::Arc;

use super::breaker::Breakers;
use super::options::{PoolOptions, check_peers};
use crate::base::error::Error;
use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;
use crate::peer::PeerPicker;
use crate::ring::{Placement, Ring};

/// The peers of a node: GeeCache's `HTTPPool` without the HTTP.
#[derive(Clone, Debug)]
pub struct Peers {
    self_name: Option<Arc<str>>,
    placement: Placement,
    replicas: u32,
    ring: Ring,
    breakers: Breakers,
}

impl Peers {
    pub(super) fn new(options: &PoolOptions) -> Peers {
        let self_name = options.self_name.as_deref().map(Arc::from);
        let (placement, replicas) = (options.placement(), options.replicas);
        let ring = Ring::placed(placement, replicas, &options.peers);
        Peers { self_name, placement, replicas, ring, breakers: Breakers::new(options.seed) }
    }

    /// The ring of the current list.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Returns the name of the peer that owns `key`, which may be this node; `None` if there are no peers.
    pub fn owner(&self, key: &[u8]) -> Option<&Arc<str>> {
        self.ring.owner(key)
    }

    /// The number of peers whose circuit breaker is open.
    pub fn open_breakers(&self) -> usize {
        self.breakers.open()
    }

    /// Replaces the list of peers. Lookups use it at once, flights from their next attempt on; a flight that is asking
    /// a peer which left stops waiting at its next heartbeat. Error: `ERR_OPTION`, and the old list stays.
    pub fn set_peers(&mut self, peers: &[String]) -> Result<(), Error> {
        check_peers(peers)?;
        self.ring = Ring::placed(self.placement, self.replicas, peers);
        self.breakers.retain(|peer| self.ring.peers().contains(peer));
        Ok(())
    }
}

impl PeerPicker for Peers {
    fn pick_peer(&self, key: &[u8], rank: u32) -> Option<Arc<str>> {
        let peer = match rank {
            0 => self.ring.owner(key),
            _ => self.ring.owners(key).nth(rank as usize),
        };
        peer.filter(|&peer| Some(peer) != self.self_name.as_ref()).cloned()
    }

    fn allows(&mut self, peer: &Arc<str>, now: Millis) -> bool {
        self.breakers.allows(peer, now)
    }

    fn record_result(&mut self, peer: &Arc<str>, now: Millis, answered: bool) {
        if self.contains(peer) {
            self.breakers.record_result(peer, now, answered);
        }
    }

    fn contains(&self, peer: &Arc<str>) -> bool {
        self.ring.peers().contains(peer) || mutants::active(Mutant::LeftPeerAwaited)
    }
}
