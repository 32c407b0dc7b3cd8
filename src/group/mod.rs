//! The life of a key: one group's look-ups as a machine of steps. It decides; whoever drives it waits.
//!
//! 1. Is a fresh copy here (owned or hot)? Answer it.
//! 2. Is a stale copy here that may still be served? Answer it, and refresh behind.
//! 3. Is the key already in flight here? Join that flight, with a deadline of our own.
//! 4. Lead a flight. Is another peer the owner, and did this request not itself come from a peer? Ask it, within
//!    the peer timeout.
//! 5. The peer failed: ask the ring's next peer if the ladder allows, else run our own loader. The loader failed:
//!    serve stale if allowed, else its error.
//! 6. Keep the value, end the flight, wake those who joined.
//!
//! [`Group::begin`] takes steps 1 to 4 and says what to do; [`Group::told`] takes what came of it and says what to
//! do next, down to the end of the flight. Nothing here waits, reads a clock or draws a random number, so that a
//! test, a Rust service and the npm package run the same decisions.

use crate::base::check::{check_group, check_key};
use crate::base::error::{Code, Error};
use crate::base::mutants::{self, Mutant};
use crate::base::time::{Millis, NEVER};
use crate::group::failover::Failover;
use crate::group::options::GroupOptions;
use crate::group::singleflight::{FlightId, Flights};
use crate::group::stats::Stats;
pub use crate::group::step::{Next, Origin, Step, Task, TaskResult};
use crate::peer::PeerPicker;
use crate::store::{EntryRef, Found, Meta, Store, StoreOptions};

mod copies;
pub(crate) mod failover;
pub mod options;
pub mod singleflight;
pub mod stats;
pub mod step;
#[cfg(any(test, fuzzing, feature = "validate"))]
mod validate;

use copies::shorter;

/// Marks a copy of a value that another peer owns.
const HOT: u8 = 1;

/// A named space of keys with its store and its flights.
#[derive(Debug)]
pub struct Group {
    name: Box<str>,
    options: GroupOptions,
    store: Store,
    flights: Flights<Failover>,
    stats: Stats,
}

impl Group {
    /// A new, empty group. `ERR_GROUP` for a name that no path can carry, `ERR_OPTION` for nonsense.
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

    /// The group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The options it was made with.
    pub fn options(&self) -> &GroupOptions {
        &self.options
    }

    /// Looks `key` up. `ERR_KEY` for a key that is empty or too long.
    pub fn begin(
        &mut self,
        key: &[u8],
        now: Millis,
        asker: Origin,
        peers: &mut dyn PeerPicker,
    ) -> Result<Step, Error> {
        check_key(key)?;
        match asker {
            Origin::Local => self.stats.requests += 1,
            Origin::Peer => self.stats.peer_requests += 1,
        }
        Ok(self.begin_again(key, now, asker, peers))
    }

    /// The same for a request whose flight was lost: it is one look-up still.
    pub fn begin_again(
        &mut self,
        key: &[u8],
        now: Millis,
        asker: Origin,
        peers: &mut dyn PeerPicker,
    ) -> Step {
        if let Some((entry, meta)) = self.store.find(key) {
            // 1. A fresh copy.
            if now < meta.expires_at_ms {
                self.stats.hits += 1;
                return Step::Hit(entry);
            }
            // 2. A stale copy that may still be served; whoever finds no flight in the air renews it behind.
            let stale_ms =
                self.options.stale_while_revalidate_ms << u32::from(mutants::active(Mutant::StaleTooLong));
            if now < meta.expires_at_ms.saturating_add(stale_ms) {
                self.stats.stale_hits += 1;
                let refresh = match self.joinable(key, now, asker) {
                    Some(_) => None,
                    None => Some(self.lead(key, now, asker, peers)),
                };
                return Step::Stale(entry, refresh);
            }
        }
        // 3. Already in flight.
        if let Some(flight) = self.joinable(key, now, asker) {
            self.stats.coalesced += 1;
            return Step::Join(flight);
        }
        // 4. Lead a flight.
        let (flight, task) = self.lead(key, now, asker, peers);
        Step::Lead(flight, task)
    }

    /// The flight to join. A peer's question never joins a flight that is asking a peer: with lists of peers that
    /// disagree, two nodes would wait for each other.
    fn joinable(&mut self, key: &[u8], now: Millis, asker: Origin) -> Option<FlightId> {
        // No leader outlives its deadline, so what is twice as old has none.
        self.flights.sweep(now.saturating_sub(self.options.deadline_ms.saturating_mul(2)));
        let flight = self.flights.joinable(key)?;
        let joins_any = mutants::active(Mutant::PeerJoinsAsking);
        (joins_any || asker == Origin::Local || flight.state.asked().is_none()).then_some(flight.id())
    }

    fn lead(
        &mut self,
        key: &[u8],
        now: Millis,
        asker: Origin,
        peers: &mut dyn PeerPicker,
    ) -> (FlightId, Task) {
        let ladder = match asker {
            Origin::Local => Failover::default(),
            Origin::Peer => Failover::own_loader(),
        };
        let flight = self.flights.lead(key, now, ladder);
        (
            flight,
            self.next_attempt(flight, now, peers)
                .unwrap_or(Task::Load { timeout_ms: self.options.deadline_ms, attempt: 1 }),
        )
    }

    /// One rung down the ladder, while there is time for it.
    fn next_attempt(&mut self, id: FlightId, now: Millis, peers: &mut dyn PeerPicker) -> Option<Task> {
        let flight = self.flights.get_mut(id)?;
        let began_at_ms = if mutants::active(Mutant::RungTakesAll) { now } else { flight.began_at_ms };
        let left_ms = self.options.deadline_ms.saturating_sub(now.saturating_sub(began_at_ms));
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

    /// Takes the result of a leader's task and returns what the leader does next. `attempt` is the number of the task:
    /// a result of any other attempt than the flight's current one is [`Next::Superseded`] and changes nothing. Not even
    /// the peer's circuit breaker counts it: its timeout was recorded as the failure it was.
    pub fn complete_task(
        &mut self,
        id: FlightId,
        attempt: u32,
        now: Millis,
        told: TaskResult<'_>,
        peers: &mut dyn PeerPicker,
    ) -> Next {
        let Some(flight) = self.flights.get_mut(id) else {
            // Lost to another leader. A value is still right for those who hold this flight's promise.
            return match told {
                TaskResult::PeerFailed | TaskResult::NotTransferable => Next::Retry,
                _ => Next::Done,
            };
        };
        if !flight.state.awaits(attempt) {
            return Next::Superseded;
        }
        if let Some(peer) = flight.state.asked() {
            // Keys that no peer can be asked for are strangers' to choose: they say nothing of the peer.
            if told != TaskResult::NotTransferable {
                peers.record_result(peer, now, told != TaskResult::PeerFailed);
            }
        }
        match told {
            // 5. The peer failed: the ring's next peer, or our own loader.
            TaskResult::PeerFailed | TaskResult::NotTransferable => {
                self.stats.peer_failures += 1;
                if told == TaskResult::NotTransferable {
                    flight.state.skip_peers();
                }
                if !mutants::active(Mutant::MeanwhileIgnored) && self.filled_concurrently(id, now) {
                    self.flights.end(id);
                    return Next::Retry;
                }
                match self.next_attempt(id, now, peers) {
                    Some(task) => Next::Task(task),
                    None => match self.end_failed(id, now) {
                        Next::Done => Next::DeadlinePassed,
                        stale => stale,
                    },
                }
            }
            TaskResult::LoadFailed => self.end_failed(id, now),
            TaskResult::NotFound => {
                self.stats.not_found += 1;
                if let Some((flight, true)) = self.flights.end(id) {
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

    /// Whether the key has come, or is being loaded here, while this flight asked a peer in vain: peers whom the
    /// owner failed as well ask us, the ring's next, and we load for them.
    fn filled_concurrently(&self, id: FlightId, now: Millis) -> bool {
        let Some(flight) = self.flights.get(id) else { return false };
        let newer = self.flights.joinable(&flight.key).filter(|newer| newer.id() != id);
        newer.is_some_and(|newer| newer.state.asked().is_none()) || self.peek(&flight.key, now).is_some()
    }

    /// 5. The loader failed: the stale copy if it may be served, else the error.
    fn end_failed(&mut self, id: FlightId, now: Millis) -> Next {
        let ended = self.flights.end(id);
        if let Some(entry) = ended.and_then(|(flight, _)| self.stale_on_error(&flight.key, now)) {
            return Next::Stale(entry);
        }
        self.stats.errors += 1;
        Next::Done
    }

    /// 6. Keep the value, end the flight.
    fn end_with_value(&mut self, id: FlightId, now: Millis, value: Option<&[u8]>, fresh_ms: Option<u64>) {
        let Some((flight, keep)) = self.flights.end(id) else { return };
        mutants::active(Mutant::GhostFlight)
            .then(|| self.flights.lead(&flight.key, now, Failover::own_loader()));
        let hot = flight.state.asked().is_some();
        self.stats.peer_hits += u64::from(hot);
        if !keep {
            self.stats.invalidated_loads += 1;
            return;
        }
        let lives_ms = match hot {
            // A Go peer does not say how long its copy is fresh; ours may not outlive what we would load ourselves.
            true if mutants::active(Mutant::HotTooLong) => self.options.ttl_ms,
            true => shorter(self.options.hot_ttl_ms.or(self.options.ttl_ms), fresh_ms),
            false => self.options.ttl_ms,
        };
        if lives_ms == Some(0) {
            self.store.remove(&flight.key);
            return;
        }
        let expires_at_ms = lives_ms.map_or(NEVER, |ms| now.saturating_add(ms));
        let meta = Meta { expires_at_ms, flags: if hot { HOT } else { 0 } };
        self.keep(&flight.key, value, meta);
    }

    /// Keeps a value, or counts it as refused: also one that there was no room to hand over. Either way the old one is gone.
    fn keep(&mut self, key: &[u8], value: Option<&[u8]>, meta: Meta) -> bool {
        let kept = match value {
            Some(value) => self.store.insert(key, value, meta).is_ok(),
            None => {
                self.store.remove(key);
                false
            }
        };
        self.stats.rejected += u64::from(!kept);
        kept
    }

    /// The copy at a entry that a step named. Spots hold until the group is next changed.
    pub fn at(&self, entry: EntryRef) -> Found<'_> {
        self.store.at(entry)
    }

    /// A leader lives; see [`flight`](crate::group::singleflight). False: the peer it asks has left the ring meanwhile, and is not
    /// to be waited for.
    pub fn heartbeat(&mut self, id: FlightId, peers: &dyn PeerPicker) -> bool {
        self.flights.heartbeat(id);
        let asked = self.flights.get(id).and_then(|flight| flight.state.asked());
        asked.is_none_or(|peer| peers.contains(peer))
    }

    /// A follower looks whether its leader lives; false says: look the key up again.
    pub fn watch(&mut self, id: FlightId, now: Millis) -> bool {
        self.flights.watch(id, now)
    }

    /// The flight's leader is known to be gone: the next look-up of its key leads.
    pub fn abandon(&mut self, id: FlightId) {
        self.flights.abandon(id);
    }

    /// Whether the flight is in the air.
    pub fn is_in_flight(&mut self, id: FlightId) -> bool {
        self.flights.get_mut(id).is_some()
    }

    /// A caller's deadline passed before its answer came: the stale copy of its key, if it may be served on an error.
    pub fn timed_out(&mut self, key: &[u8], now: Millis) -> Option<EntryRef> {
        self.stats.timeouts += 1;
        self.stale_on_error(key, now)
    }

    fn stale_on_error(&mut self, key: &[u8], now: Millis) -> Option<EntryRef> {
        let (entry, meta) = self.store.find(key)?;
        let is_served = now < meta.expires_at_ms.saturating_add(self.options.stale_if_error_ms);
        self.stats.stale_hits += u64::from(is_served);
        is_served.then_some(entry)
    }

    /// The counters, and the size now.
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
