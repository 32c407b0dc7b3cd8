//! Singleflight: concurrent callers of one key share one load. A flight is plain data, without promise or waker.
//!
//! The request that leads a flight can vanish at any await without notice: a Worker whose client hangs up never runs
//! its `finally`. So a leader sends a heartbeat every [`HEARTBEAT_MS`], and each follower checks for it on a timer of
//! its own ([`Flights::watch`]). The follower that counts the [`MAX_MISSED_HEARTBEATS`]th check without a heartbeat
//! declares the flight lost. The next lookup of the key leads a new flight and the others join it, so there is no
//! stampede.
//!
//! Checks are counted, not milliseconds: a request that blocks the isolate delays leader and followers alike, and must
//! not cause a takeover. Followers share one count per flight: callers that wait for less time than a dead leader
//! takes to show would otherwise join it one after the other, for ever.
//!
//! Source of the numbers: measured in workerd, with leaders cut off by TCP resets and aborted bindings.

use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;

/// How often a leader sends a heartbeat and a follower checks for one, in ms.
pub const HEARTBEAT_MS: u32 = 100;

/// Checks in a row without a heartbeat after which a leader counts as vanished.
pub const MAX_MISSED_HEARTBEATS: u32 = 4;

/// Identifies a flight, unique in its [`Flights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlightId(pub u64);

/// One load in progress.
#[derive(Debug)]
pub struct Flight<State> {
    id: FlightId,
    /// The key being loaded.
    pub key: Box<[u8]>,
    /// When its leader began.
    pub started_at_ms: Millis,
    /// The leader's progress.
    pub state: State,
    /// Whether a heartbeat arrived since the last check, the time of that check, and the checks missed before it.
    had_heartbeat: bool,
    checked_at_ms: Millis,
    missed_heartbeats: u32,
    /// A remove or a set of the key followed the start.
    invalidated: bool,
}

/// The flights of one group, of which at most one per key can be joined.
///
/// A list in order of start. Finding a key walks it: with a thousand loads in flight that is cheap beside the load it
/// precedes, and a hash map or a B-tree would weigh too much in the WebAssembly file.
#[derive(Debug)]
pub struct Flights<State> {
    in_flight: Vec<Flight<State>>,
    started: u64,
    lost: u64,
}

impl<State> Default for Flights<State> {
    fn default() -> Self {
        Flights { in_flight: Vec::new(), started: 0, lost: 0 }
    }
}

impl<State> Flights<State> {
    /// Returns the flight that a caller of `key` can join.
    pub fn joinable(&self, key: &[u8]) -> Option<&Flight<State>> {
        let joins_any = mutants::active(Mutant::InvalidatedJoined);
        self.in_flight.iter().rev().find(|flight| (joins_any || !flight.invalidated) && *flight.key == *key)
    }

    /// Starts a flight of `key`. An earlier flight of the key can no longer be joined.
    pub fn lead(&mut self, key: &[u8], now: Millis, state: State) -> FlightId {
        self.started += 1;
        let id = FlightId(self.started);
        self.in_flight.push(Flight {
            id,
            key: key.into(),
            started_at_ms: now,
            state,
            had_heartbeat: false,
            checked_at_ms: now,
            missed_heartbeats: 0,
            invalidated: false,
        });
        id
    }

    fn position(&self, id: FlightId) -> Option<usize> {
        self.in_flight.binary_search_by_key(&id, |flight| flight.id).ok()
    }

    /// Returns the flight, unless it has ended.
    pub fn get(&self, id: FlightId) -> Option<&Flight<State>> {
        self.position(id).and_then(|at| self.in_flight.get(at))
    }

    /// Like [`get`](Self::get), mutable.
    pub fn get_mut(&mut self, id: FlightId) -> Option<&mut Flight<State>> {
        self.position(id).and_then(|at| self.in_flight.get_mut(at))
    }

    /// Records a heartbeat of the leader.
    pub fn heartbeat(&mut self, id: FlightId) {
        if let Some(flight) = self.get_mut(id) {
            flight.had_heartbeat = true;
        }
    }

    /// Checks for the leader's heartbeat. Returns false if the flight has ended or its leader has vanished: the follower
    /// then looks the key up again. Every follower calls this each [`HEARTBEAT_MS`]; checks close together count once.
    pub fn watch(&mut self, id: FlightId, now: Millis) -> bool {
        let Some(flight) = self.get_mut(id) else { return false };
        // A clock that was set back must count too, or a dead leader would not be noticed until it caught up.
        if now.abs_diff(flight.checked_at_ms) < u64::from(HEARTBEAT_MS) * 9 / 10 {
            return true;
        }
        flight.checked_at_ms = now;
        flight.missed_heartbeats = if flight.had_heartbeat { 0 } else { flight.missed_heartbeats + 1 };
        flight.had_heartbeat = false;
        let is_alive = mutants::active(Mutant::MissedHeartbeatsIgnored)
            || flight.missed_heartbeats < MAX_MISSED_HEARTBEATS;
        if !is_alive {
            self.abandon(id);
        }
        is_alive
    }

    /// Abandons a flight whose leader has vanished: the next lookup of its key leads.
    pub fn abandon(&mut self, id: FlightId) {
        self.lost += u64::from(self.end(id).is_some());
    }

    /// The number of flights abandoned so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Ends a flight and returns it; `None` if it has ended before.
    pub fn end(&mut self, id: FlightId) -> Option<Flight<State>> {
        Some(self.in_flight.remove(self.position(id)?))
    }

    /// Invalidates the flights of `key` after a remove or a set: callers no longer join them, and their values are not
    /// stored.
    pub fn invalidate(&mut self, key: &[u8]) {
        if mutants::active(Mutant::RemoveDoesNotInvalidate) {
            return;
        }
        self.in_flight
            .iter_mut()
            .filter(|flight| *flight.key == *key)
            .for_each(|flight| flight.invalidated = true);
    }

    /// Invalidates every flight.
    pub fn invalidate_all(&mut self) {
        self.in_flight.iter_mut().for_each(|flight| flight.invalidated = true);
    }

    /// Abandons the flights that started before `since`: their leaders vanished without a follower to notice.
    pub fn sweep(&mut self, since: Millis) {
        while let Some(oldest) = self.in_flight.first()
            && oldest.started_at_ms < since
        {
            self.abandon(oldest.id);
        }
    }

    /// The number of flights in progress.
    pub fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// True if nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }
}

impl<State> Flight<State> {
    /// The flight's id.
    pub fn id(&self) -> FlightId {
        self.id
    }

    /// True if a remove or a set followed the start: the callers that wait get the value, the store does not.
    pub fn is_invalidated(&self) -> bool {
        self.invalidated
    }
}
