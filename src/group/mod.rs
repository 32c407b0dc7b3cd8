//! The life of a key: a group's lookups as a state machine that decides and never waits.
//!
//! 1. Is a fresh copy here (owned or hot)? Return it.
//! 2. Is a stale copy here that may still be served? Return it, and refresh it in the background.
//! 3. Is the key already in flight here? Join that flight, with a deadline of our own.
//! 4. Lead a flight. Is another peer the owner, and did this request not itself come from a peer? Ask it, within the
//!    peer timeout.
//! 5. The peer failed: ask the ring's next peer if failover allows, else run our own loader. The loader failed:
//!    serve stale if allowed, else its error.
//! 6. Store the value, end the flight, wake the followers.
//!
//! [`Group::begin`] takes steps 1 to 4 and returns the work to do. [`Group::complete_task`] takes the result and
//! returns the next task, down to the end of the flight. Nothing here waits, reads a clock or draws a random number,
//! so a test, a Rust service and the npm package run the same decisions.
//!
//! | module | its decision |
//! |---|---|
//! | [`singleflight`] | which flight a lookup joins, and whether its leader is alive |
//! | `failover` | which peer a flight asks next, and when it runs the loader |
//! | `freshness` | how long a copy lives, and when a stale one is served |
//! | `liveness` | heartbeats: whether the leader of a flight is alive |
//! | `copies` | `peek`, `set`, `remove`, `clear`: copies without a lookup |
//! | [`step`] | the vocabulary between a group and its driver |
//!
//! **Invariants.** Callers of one key share one load. A remove or a set beats every load that began before it. A
//! request from a peer is answered here and never forwarded. A result counts for its own attempt only.

use crate::base::check::{check_group, check_key};
use crate::base::error::{Code, Error};
use crate::base::mutants::{self, Mutant};
use crate::base::time::Millis;
use crate::peer::PeerPicker;
use crate::store::{EntryRef, Found, Meta, Store, StoreOptions};

mod copies;
pub(crate) mod failover;
mod freshness;
mod liveness;
pub mod options;
pub mod singleflight;
pub mod stats;
pub mod step;
#[cfg(any(test, fuzzing, feature = "validate"))]
mod validate;

use failover::Failover;
use freshness::is_fresh;
use options::GroupOptions;
use singleflight::{FlightId, Flights};
use stats::Stats;
pub use step::{Next, Origin, Step, Task, TaskResult};

/// A namespace of keys, with its own store, flights, options and counters.
#[derive(Debug)]
pub struct Group {
    name: Box<str>,
    options: GroupOptions,
    store: Store,
    flights: Flights<Failover>,
    stats: Stats,
}

impl Group {
    /// Creates an empty group. Errors: `ERR_GROUP` for a name that no URL path can carry, `ERR_OPTION` for an option
    /// out of its range.
    pub fn new(name: &str, options: GroupOptions) -> Result<Group, Error> {
        check_group(name)?;
        options.check()?;
        let store = Store::new(StoreOptions {
            max_bytes: options.max_bytes,
            max_entry_bytes: options.max_entry_bytes,
            policy: options.policy,
            hash_seed: options.hash_seed,
        });
        let store = store.map_err(|error| Error::new(Code::Option, error.message()))?;
        Ok(Group { name: name.into(), options, store, flights: Flights::default(), stats: Stats::default() })
    }

    /// The group's name, as peers address it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The options the group was created with.
    pub fn options(&self) -> &GroupOptions {
        &self.options
    }

    /// Begins a lookup of `key`: steps 1 to 4. Error: `ERR_KEY` for a key that is empty or too long.
    ///
    /// Cost: one lookup in the store; on a miss, a walk over the flights.
    pub fn begin(
        &mut self,
        key: &[u8],
        now: Millis,
        origin: Origin,
        peers: &mut dyn PeerPicker,
    ) -> Result<Step, Error> {
        check_key(key)?;
        match origin {
            Origin::Local => self.stats.requests += 1,
            Origin::Peer => self.stats.peer_requests += 1,
        }
        Ok(self.begin_again(key, now, origin, peers))
    }

    /// Begins a lookup once more, after its flight was lost. Counts no new request.
    pub fn begin_again(
        &mut self,
        key: &[u8],
        now: Millis,
        origin: Origin,
        peers: &mut dyn PeerPicker,
    ) -> Step {
        if let Some((entry, meta)) = self.store.find(key) {
            // 1. A fresh copy.
            if is_fresh(&meta, now) {
                self.stats.hits += 1;
                return Step::Hit(entry);
            }
            // 2. A stale copy that may still be served. A flight in progress refreshes it already.
            if self.options.serves_while_revalidating(&meta, now) {
                self.stats.stale_hits += 1;
                let refresh = match self.joinable(key, now, origin) {
                    Some(_) => None,
                    None => Some(self.lead(key, now, origin, peers)),
                };
                return Step::Stale(entry, refresh);
            }
        }
        // 3. Already in flight.
        if let Some(flight) = self.joinable(key, now, origin) {
            self.stats.coalesced += 1;
            return Step::Join(flight);
        }
        // 4. Lead a flight.
        let (flight, task) = self.lead(key, now, origin, peers);
        Step::Lead(flight, task)
    }

    /// Returns the flight to join. A peer's request never joins a flight that is asking a peer: two nodes whose peer
    /// lists disagree would wait for each other.
    fn joinable(&mut self, key: &[u8], now: Millis, origin: Origin) -> Option<FlightId> {
        // A leader ends by its deadline, so a flight of twice that age has none.
        self.flights.sweep(now.saturating_sub(self.options.deadline_ms.saturating_mul(2)));
        let flight = self.flights.joinable(key)?;
        let joins_any = mutants::active(Mutant::PeerJoinsPeerRequest);
        (joins_any || origin == Origin::Local || flight.state.asked().is_none()).then_some(flight.id())
    }

    fn lead(
        &mut self,
        key: &[u8],
        now: Millis,
        origin: Origin,
        peers: &mut dyn PeerPicker,
    ) -> (FlightId, Task) {
        let failover = match origin {
            Origin::Local => Failover::default(),
            Origin::Peer => Failover::own_loader(),
        };
        let flight = self.flights.lead(key, now, failover);
        let task = self.next_attempt(flight, now, peers);
        // A new flight has its whole deadline left, so there is a task.
        (flight, task.unwrap_or(Task::Load { timeout_ms: self.options.deadline_ms, attempt: 1 }))
    }

    /// Starts the flight's next attempt. `None` if its deadline has passed.
    fn next_attempt(&mut self, id: FlightId, now: Millis, peers: &mut dyn PeerPicker) -> Option<Task> {
        let flight = self.flights.get_mut(id)?;
        let restarts = mutants::active(Mutant::AttemptTakesWholeDeadline);
        let started_at_ms = if restarts { now } else { flight.started_at_ms };
        let left_ms = self.options.deadline_ms.saturating_sub(now.saturating_sub(started_at_ms));
        if left_ms == 0 {
            return None;
        }
        let (failover, short_circuits) = (self.options.failover, &mut self.stats.short_circuits);
        let peer = flight.state.next(&flight.key, now, failover, peers, short_circuits);
        let attempt = flight.state.attempt();
        Some(match peer {
            Some(peer) => Task::Ask { peer, timeout_ms: self.options.peer_timeout_ms.min(left_ms), attempt },
            None => {
                self.stats.loads += 1;
                self.stats.fallbacks += u64::from(flight.state.has_tried());
                Task::Load { timeout_ms: left_ms, attempt }
            }
        })
    }

    /// Takes the result of a leader's task and returns the leader's next step: steps 5 and 6.
    ///
    /// `attempt` is the number of the task. A result of another attempt than the flight's current one is
    /// [`Next::Superseded`] and changes nothing. The peer's circuit breaker does not count it either: the timeout
    /// that ended its attempt was recorded as the failure.
    ///
    /// A flight that is no longer in flight was lost to another leader, or has ended. Its late value is still right
    /// for callers that hold this flight's promise ([`Next::Done`]), and is not stored.
    pub fn complete_task(
        &mut self,
        id: FlightId,
        attempt: u32,
        now: Millis,
        result: TaskResult<'_>,
        peers: &mut dyn PeerPicker,
    ) -> Next {
        let Some(flight) = self.flights.get_mut(id) else {
            return match result {
                TaskResult::PeerFailed | TaskResult::NotTransferable => Next::Retry,
                _ => Next::Done,
            };
        };
        if !flight.state.is_current(attempt) {
            return Next::Superseded;
        }
        // Strangers choose keys that cannot travel: such a result says nothing about the peer.
        if let Some(peer) = flight.state.asked()
            && result != TaskResult::NotTransferable
        {
            peers.record_result(peer, now, result != TaskResult::PeerFailed);
        }
        match result {
            // 5. The peer failed: the ring's next peer, or our own loader.
            TaskResult::PeerFailed | TaskResult::NotTransferable => {
                self.stats.peer_failures += 1;
                if result == TaskResult::NotTransferable {
                    flight.state.skip_peers();
                }
                if !mutants::active(Mutant::ConcurrentFillIgnored) && self.filled_concurrently(id, now) {
                    self.flights.end(id);
                    return Next::Retry;
                }
                match self.next_attempt(id, now, peers) {
                    Some(task) => Next::Task(task),
                    None => match self.end_with_error(id, now) {
                        Next::Done => Next::DeadlinePassed,
                        stale => stale,
                    },
                }
            }
            TaskResult::LoadFailed => self.end_with_error(id, now),
            TaskResult::NotFound => {
                self.stats.not_found += 1;
                if let Some(flight) = self.flights.end(id).filter(|flight| !flight.is_invalidated()) {
                    self.store.remove(&flight.key);
                }
                Next::Done
            }
            TaskResult::Value { value, fresh_ms } => {
                self.end_with_value(id, now, value, fresh_ms);
                Next::Done
            }
        }
    }

    /// True if the key was filled, or is being loaded, while this flight waited for a failing peer. Other peers that
    /// the owner failed ask this node, the ring's next, and it loads for them.
    fn filled_concurrently(&self, id: FlightId, now: Millis) -> bool {
        let Some(flight) = self.flights.get(id) else { return false };
        let newer = self.flights.joinable(&flight.key).filter(|newer| newer.id() != id);
        newer.is_some_and(|newer| newer.state.asked().is_none()) || self.peek(&flight.key, now).is_some()
    }

    /// 5. The loader failed: ends the flight with the stale copy if it may be served, else with the error.
    fn end_with_error(&mut self, id: FlightId, now: Millis) -> Next {
        let ended = self.flights.end(id);
        if let Some(entry) = ended.and_then(|flight| self.stale_on_error(&flight.key, now)) {
            return Next::Stale(entry);
        }
        self.stats.errors += 1;
        Next::Done
    }

    /// 6. Stores the value and ends the flight.
    fn end_with_value(&mut self, id: FlightId, now: Millis, value: Option<&[u8]>, fresh_ms: Option<u64>) {
        let Some(flight) = self.flights.end(id) else { return };
        if mutants::active(Mutant::FlightLeaked) {
            self.flights.lead(&flight.key, now, Failover::own_loader());
        }
        let is_hot = flight.state.asked().is_some();
        self.stats.peer_hits += u64::from(is_hot);
        if flight.is_invalidated() {
            self.stats.invalidated_loads += 1;
            return;
        }
        let meta = if is_hot {
            self.options.hot_copy(now, fresh_ms)
        } else {
            Some(self.options.own_copy(now, None))
        };
        match meta {
            Some(meta) => drop(self.insert(&flight.key, value, meta)),
            None => drop(self.store.remove(&flight.key)),
        }
    }

    /// Stores a value, or counts it as rejected; `None` is a value that the caller had no memory to hand over. The
    /// previous copy is removed in either case. Returns true if the value was stored.
    fn insert(&mut self, key: &[u8], value: Option<&[u8]>, meta: Meta) -> bool {
        let is_stored = match value {
            Some(value) => self.store.insert(key, value, meta).is_ok(),
            None => {
                self.store.remove(key);
                false
            }
        };
        self.stats.rejected += u64::from(!is_stored);
        is_stored
    }

    /// Reads the copy that a step returned. An [`EntryRef`] is valid until the group is next changed.
    pub fn at(&self, entry: EntryRef) -> Found<'_> {
        self.store.at(entry)
    }

    /// The key of a flight in progress.
    pub fn flight_key(&self, id: FlightId) -> Option<&[u8]> {
        self.flights.get(id).map(|flight| &*flight.key)
    }

    /// Counts a caller whose deadline passed before its flight ended. Returns the stale copy of `key`, if
    /// `stale_if_error_ms` allows one.
    pub fn timed_out(&mut self, key: &[u8], now: Millis) -> Option<EntryRef> {
        self.stats.timeouts += 1;
        self.stale_on_error(key, now)
    }

    fn stale_on_error(&mut self, key: &[u8], now: Millis) -> Option<EntryRef> {
        let (entry, meta) = self.store.find(key)?;
        let is_served = self.options.serves_on_error(&meta, now);
        self.stats.stale_hits += u64::from(is_served);
        is_served.then_some(entry)
    }

    /// The counters since the group was created, and its current size.
    pub fn stats(&self) -> Stats {
        Stats {
            lost_flights: self.flights.lost(),
            evictions: self.store.evictions(),
            entries: self.store.len() as u64,
            used_bytes: self.store.used_bytes() as u64,
            max_bytes: self.options.max_bytes as u64,
            flights: self.flights.len() as u64,
            ..self.stats.clone()
        }
    }
}
