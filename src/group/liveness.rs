//! Liveness: leaders send heartbeats, followers watch for them, and a flight without a leader is abandoned.

use super::Group;
use crate::base::time::Millis;
use crate::group::singleflight::FlightId;
use crate::peer::PeerPicker;

impl Group {
    /// Records a leader's heartbeat, due every [`HEARTBEAT_MS`](crate::group::singleflight::HEARTBEAT_MS). Returns false if the
    /// peer being asked has left the ring: the leader then stops waiting for it.
    pub fn heartbeat(&mut self, id: FlightId, peers: &dyn PeerPicker) -> bool {
        self.flights.heartbeat(id);
        let asked = self.flights.get(id).and_then(|flight| flight.state.asked());
        asked.is_none_or(|peer| peers.contains(peer))
    }

    /// Checks on a follower's timer whether the leader is alive. Returns false if the flight has ended or its leader
    /// has vanished: the follower then begins again.
    pub fn watch(&mut self, id: FlightId, now: Millis) -> bool {
        self.flights.watch(id, now)
    }

    /// Abandons a flight whose leader is known to have vanished: the next lookup of its key leads.
    pub fn abandon(&mut self, id: FlightId) {
        self.flights.abandon(id);
    }

    /// True until the flight ends or is abandoned.
    pub fn is_in_flight(&mut self, id: FlightId) -> bool {
        self.flights.get(id).is_some()
    }
}
