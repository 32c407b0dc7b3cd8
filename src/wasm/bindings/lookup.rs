//! The life of a key: the steps of a lookup, and the signs of life of the flights that it leads or follows.

use wasm_bindgen::prelude::*;

use super::{Core, fresh_for};
use crate::base::time::Millis;
use crate::group::singleflight::FlightId;
use crate::group::{Group, Next, Origin, TaskResult};
use crate::pool::GroupId;
use crate::protocol::{InjectedTrap, Outcome, Step};

#[wasm_bindgen]
impl Core {
    /// Begins a lookup of the key in the scratch area. Returns the step: `Hit` or `Stale` with the value,
    /// `Join` with the flight, `Ask` or `Load` with the flight and its task, or `Refused`. `Stale` may bring a
    /// task as well. `Done` for an unknown group.
    pub fn begin(&mut self, group: u32, key_bytes: usize, now: f64, from_peer: bool, is_retry: bool) -> u32 {
        self.trap_if(InjectedTrap::Begin);
        let origin = if from_peer { Origin::Peer } else { Origin::Local };
        let (key, now) = (self.scratch.key(key_bytes), now as Millis);
        let Some((group, peers)) = self.pool.group_mut(GroupId(group)) else { return Step::Done as u32 };
        let step = match is_retry {
            true => Ok(group.begin_again(key, now, origin, peers)),
            false => group.begin(key, now, origin, peers),
        };
        self.scratch.show_flight(None);
        use crate::group::Step as Begun;
        let step = match step {
            Ok(Begun::Hit(entry)) => {
                self.scratch.show_found(group.at(entry), now);
                Step::Hit
            }
            Ok(Begun::Stale(entry, refresh)) => {
                self.scratch.show_found(group.at(entry), now);
                if let Some((flight, task)) = refresh {
                    self.scratch.show_flight(Some(flight));
                    self.scratch.show_task(task);
                }
                Step::Stale
            }
            Ok(Begun::Join(flight)) => {
                self.scratch.show_flight(Some(flight));
                Step::Join
            }
            Ok(Begun::Lead(flight, task)) => {
                self.scratch.show_flight(Some(flight));
                self.scratch.show_task(task)
            }
            Err(error) => self.scratch.refuse(&error),
        };
        step as u32
    }

    /// Completes a leader's task with an `Outcome`; a value is the one staged by [`Core::stage`], or one that
    /// could not be staged, and stays fresh for `fresh_ms` (below 0: forever). Returns the leader's next step.
    #[wasm_bindgen(js_name = completeTask)]
    #[expect(clippy::too_many_arguments, reason = "an object would be read field by field")]
    pub fn complete_task(
        &mut self,
        group: u32,
        flight: f64,
        attempt: u32,
        now: f64,
        outcome: u32,
        is_staged: bool,
        fresh_ms: f64,
    ) -> u32 {
        let staged = std::mem::take(&mut self.staged);
        let result = match Outcome::try_from(outcome) {
            Ok(Outcome::Value) => {
                TaskResult::Value { value: is_staged.then_some(&*staged), fresh_ms: fresh_for(fresh_ms) }
            }
            Ok(Outcome::NotFound) => TaskResult::NotFound,
            Ok(Outcome::LoadFailed) => TaskResult::LoadFailed,
            Ok(Outcome::PeerFailed) => TaskResult::PeerFailed,
            Ok(Outcome::NotTransferable) => TaskResult::NotTransferable,
            Err(error) => return self.scratch.refuse(&error) as u32,
        };
        self.complete(GroupId(group), FlightId(flight as u64), attempt, now as Millis, result) as u32
    }

    /// The heartbeat of a flight's leader. Returns false if the peer being asked has left the ring.
    pub fn heartbeat(&mut self, group: u32, flight: f64) -> bool {
        self.trap_if(InjectedTrap::Heartbeat);
        let group = self.pool.group_mut(GroupId(group));
        group.is_some_and(|(group, peers)| group.heartbeat(FlightId(flight as u64), peers))
    }

    /// Abandons a flight whose leader is known to have vanished: the next lookup of its key leads.
    pub fn abandon(&mut self, group: u32, flight: f64) {
        self.trap_if(InjectedTrap::Heartbeat);
        self.with(group, |group| group.abandon(FlightId(flight as u64)));
    }

    /// A follower checks on its leader. Returns false if the key must be looked up again.
    pub fn watch(&mut self, group: u32, flight: f64, now: f64) -> bool {
        self.trap_if(InjectedTrap::Watch);
        self.with(group, |group| group.watch(FlightId(flight as u64), now as Millis)).unwrap_or(false)
    }

    /// Whether the flight is still in progress.
    #[wasm_bindgen(js_name = isInFlight)]
    pub fn is_in_flight(&mut self, group: u32, flight: f64) -> bool {
        self.with(group, |group| group.is_in_flight(FlightId(flight as u64))).unwrap_or(false)
    }

    /// Records that a caller's deadline passed. Returns `Stale` with a copy that may still be served, or
    /// `Done`.
    #[wasm_bindgen(js_name = timedOut)]
    pub fn timed_out(&mut self, group: u32, key_bytes: usize, now: f64) -> u32 {
        self.trap_if(InjectedTrap::TimedOut);
        let (key, now) = (self.scratch.key(key_bytes), now as Millis);
        let Some((group, _)) = self.pool.group_mut(GroupId(group)) else { return Step::Done as u32 };
        let step = match group.timed_out(key, now) {
            Some(entry) => {
                self.scratch.show_found(group.at(entry), now);
                Step::Stale
            }
            None => Step::Done,
        };
        step as u32
    }
}

impl Core {
    /// Completes a task and shows the leader's next step.
    pub(super) fn complete(
        &mut self,
        group: GroupId,
        flight: FlightId,
        attempt: u32,
        now: Millis,
        result: TaskResult<'_>,
    ) -> Step {
        self.trap_if(InjectedTrap::CompleteTask);
        let Some((group, peers)) = self.pool.group_mut(group) else { return Step::Done };
        match group.complete_task(flight, attempt, now, result, peers) {
            Next::Done => Step::Done,
            Next::Retry => Step::Retry,
            Next::DeadlinePassed => Step::DeadlinePassed,
            Next::Superseded => Step::Superseded,
            Next::Stale(entry) => {
                self.scratch.show_found(group.at(entry), now);
                Step::Stale
            }
            Next::Task(task) => self.scratch.show_task(task),
        }
    }

    pub(super) fn with<T>(&mut self, group: u32, change: impl FnOnce(&mut Group) -> T) -> Option<T> {
        self.pool.group_mut(GroupId(group)).map(|(group, _)| change(group))
    }
}
