//! Flights: many callers of one key, one load. Plain data, no promise and no waker in it.
//!
//! A flight belongs to the request that leads it, and that request can vanish at any await without a word: a
//! Worker whose client hangs up never runs its `finally`. So a leader tells now and then that it lives
//! ([`Flights::beat`]), every follower looks on a timer of its own ([`Flights::watch`]), and the one whose look is the
//! [`MAX_MISSED_HEARTBEATS`]th without a beat declares the flight lost; whoever looks the key up next leads a new one, and the
//! others join that. Looks are counted, not milliseconds: another request that burns a second of CPU holds up leader
//! and followers alike and takes nothing over. The followers count together, one look a beat: callers who wait for
//! less time than a leader's silence takes to show would else join a dead flight one after the other, for ever.
//!
//! Source of the numbers: measured in workerd with leaders cut off by TCP resets and aborted bindings.

use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;

/// How often a leader beats and a follower looks, in ms.
pub const HEARTBEAT_MS: u32 = 100;

/// Looks in vain after which a leader counts as gone.
pub const MAX_MISSED_HEARTBEATS: u32 = 4;

/// Names a flight for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlightId(pub u64);

/// One load in the air.
#[derive(Debug)]
pub struct Flight<State> {
    id: FlightId,
    /// The key that is being loaded.
    pub key: Box<[u8]>,
    /// When its leader took off.
    pub began_at_ms: Millis,
    /// How far down its leader is.
    pub state: State,
    /// Whether its leader has beaten since the last look, when that was, and how many looks before it were in vain.
    beaten: bool,
    looked_at_ms: Millis,
    missed_heartbeats: u32,
    /// A remove or a set has come since take-off: the value is answered to those who wait, and not kept; and whoever
    /// comes now does not join.
    invalidated: bool,
}

/// The flights of one group: at most one that can be joined for each key.
///
/// A plain list in order of take-off. Finding a key walks it: a thousand loads in the air cost a microsecond, on the
/// way to a load that costs a thousand times that; a hash map and a B-tree in its place cost 9 KB of gzipped wasm.
#[derive(Debug)]
pub struct Flights<State> {
    in_the_air: Vec<Flight<State>>,
    taken_off: u64,
    lost: u64,
}

impl<State> Default for Flights<State> {
    fn default() -> Self {
        Flights { in_the_air: Vec::new(), taken_off: 0, lost: 0 }
    }
}

impl<State> Flights<State> {
    /// The flight that a caller of `key` can join.
    pub fn joinable(&self, key: &[u8]) -> Option<&Flight<State>> {
        let joins_any = mutants::active(Mutant::OvertakenJoined);
        self.in_the_air.iter().rev().find(|flight| (joins_any || !flight.invalidated) && *flight.key == *key)
    }

    /// Takes off for `key`. A flight that could be joined for it before no longer can.
    pub fn lead(&mut self, key: &[u8], now: Millis, state: State) -> FlightId {
        self.taken_off += 1;
        let id = FlightId(self.taken_off);
        self.in_the_air.push(Flight {
            id,
            key: key.into(),
            began_at_ms: now,
            state,
            beaten: false,
            looked_at_ms: now,
            missed_heartbeats: 0,
            invalidated: false,
        });
        id
    }

    fn position(&self, id: FlightId) -> Option<usize> {
        self.in_the_air.binary_search_by_key(&id, |flight| flight.id).ok()
    }

    /// The flight, while it is in the air.
    pub fn get(&self, id: FlightId) -> Option<&Flight<State>> {
        self.position(id).and_then(|at| self.in_the_air.get(at))
    }

    /// The flight, to change it.
    pub fn get_mut(&mut self, id: FlightId) -> Option<&mut Flight<State>> {
        self.position(id).and_then(|at| self.in_the_air.get_mut(at))
    }

    /// Its leader lives.
    pub fn heartbeat(&mut self, id: FlightId) {
        if let Some(flight) = self.get_mut(id) {
            flight.beaten = true;
        }
    }

    /// A follower looks whether its leader lives. False: the flight is over or its leader gone, and the key is to be
    /// looked up again. Called every [`HEARTBEAT_MS`] by each follower; looks that fall together count once.
    pub fn watch(&mut self, id: FlightId, now: Millis) -> bool {
        let Some(flight) = self.get_mut(id) else { return false };
        // A clock that was set back counts as well, or the leader could not be missed for as long as that.
        if now.abs_diff(flight.looked_at_ms) < u64::from(HEARTBEAT_MS) * 9 / 10 {
            return true;
        }
        flight.looked_at_ms = now;
        flight.missed_heartbeats = if flight.beaten { 0 } else { flight.missed_heartbeats + 1 };
        flight.beaten = false;
        let lives =
            mutants::active(Mutant::BlindFollowers) || flight.missed_heartbeats < MAX_MISSED_HEARTBEATS;
        if !lives {
            self.abandon(id);
        }
        lives
    }

    /// The flight's leader is known to be gone: whoever looks the key up next leads.
    pub fn abandon(&mut self, id: FlightId) {
        self.lost += u64::from(self.end(id).is_some());
    }

    /// Flights whose leaders vanished, so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Ends a flight. The second value tells whether its value may be kept.
    pub fn end(&mut self, id: FlightId) -> Option<(Flight<State>, bool)> {
        let flight = self.in_the_air.remove(self.position(id)?);
        let keep = !flight.invalidated;
        Some((flight, keep))
    }

    /// A remove or a set of `key`: what took off before it neither keeps its value nor is joined any more.
    pub fn invalidate(&mut self, key: &[u8]) {
        if mutants::active(Mutant::RemoveLosesToLoad) {
            return;
        }
        self.in_the_air
            .iter_mut()
            .filter(|flight| *flight.key == *key)
            .for_each(|flight| flight.invalidated = true);
    }

    /// [`invalidate`](Self::invalidate) for every key.
    pub fn invalidate_all(&mut self) {
        self.in_the_air.iter_mut().for_each(|flight| flight.invalidated = true);
    }

    /// Drops the flights that took off before `since`: their leaders vanished and nobody followed.
    pub fn sweep(&mut self, since: Millis) {
        while let Some(oldest) = self.in_the_air.first()
            && oldest.began_at_ms < since
        {
            self.abandon(oldest.id);
        }
    }

    /// Flights in the air.
    pub fn len(&self) -> usize {
        self.in_the_air.len()
    }

    /// Whether none is in the air.
    pub fn is_empty(&self) -> bool {
        self.in_the_air.is_empty()
    }
}

impl<State> Flight<State> {
    /// Its name.
    pub fn id(&self) -> FlightId {
        self.id
    }
}
