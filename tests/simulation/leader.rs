//! Leaders: they carry out the core's tasks, send heartbeats while they live, and end their flight for all followers,
//! unless they vanish.

use geecache_edge::Code;
use geecache_edge::base::time::Millis;
use geecache_edge::group::singleflight::{FlightId, HEARTBEAT_MS};
use geecache_edge::group::{Next, Origin, Task, TaskResult};

use crate::invariants::Invariant;
use crate::plan::Ms;
use crate::shell::Outcome;
use crate::world::{Event, Loaded, World, trace};

/// The part of a request that leads a flight.
pub struct Leader {
    pub node: usize,
    pub key: usize,
    pub flight: FlightId,
    pub request: u64,
    pub origin: Origin,
    pub began: Ms,
    /// `began` by the node's clock.
    pub began_at: Millis,
    pub stamp: u64,
    pub has_wait_until: bool,
    pub work: Work,
    /// Number of the current attempt.
    pub attempt: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Idle,
    Ask {
        ask: u64,
        peer: usize,
    },
    /// Stamp at which the load began.
    Load(u64),
}

/// The outcome of a task.
#[derive(Clone, Debug)]
pub enum TaskOutcome {
    Ended(Outcome),
    PeerFailed,
    NotTransferable,
}

impl TaskOutcome {
    /// The result as the core takes it. A value of more than `max_bytes` is not staged.
    fn borrow(&self, max_bytes: usize) -> TaskResult<'_> {
        match self {
            TaskOutcome::Ended(Outcome::Value { bytes, fresh_ms }) => TaskResult::Value {
                value: Some(&**bytes).filter(|bytes| bytes.len() <= max_bytes),
                fresh_ms: *fresh_ms,
            },
            TaskOutcome::Ended(Outcome::Absent) => TaskResult::NotFound,
            TaskOutcome::Ended(Outcome::Failed(_)) => TaskResult::LoadFailed,
            TaskOutcome::PeerFailed => TaskResult::PeerFailed,
            TaskOutcome::NotTransferable => TaskResult::NotTransferable,
        }
    }
}

impl Leader {
    pub fn new(
        node: usize,
        key: usize,
        flight: FlightId,
        request: u64,
        origin: Origin,
        has_wait_until: bool,
    ) -> Leader {
        let work = Work::Idle;
        Leader {
            node,
            key,
            flight,
            request,
            origin,
            began: 0,
            began_at: 0,
            stamp: 0,
            has_wait_until,
            work,
            attempt: 0,
        }
    }
}

impl World {
    pub fn lead(&mut self, mut leader: Leader, task: Task) -> u64 {
        let id = self.stamp();
        (leader.began, leader.stamp) = (self.now, id);
        leader.began_at = self.nodes[leader.node].clock(self.now);
        self.leader_of.insert((leader.node, leader.flight), id);
        self.leaders.insert(id, leader);
        self.timer(HEARTBEAT_MS.into(), Event::HeartbeatTick(id));
        self.carry_out(id, task);
        id
    }

    pub fn heartbeat_tick(&mut self, id: u64) {
        let Some(&Leader { node, flight, work, .. }) = self.leaders.get(&id) else { return };
        self.touched = node;
        let (group, peers) = self.nodes[node].parts();
        let stays = group.heartbeat(flight, peers);
        self.check_heartbeat(node, flight, work, stays);
        self.timer(HEARTBEAT_MS.into(), Event::HeartbeatTick(id));
        if let (false, Work::Ask { ask, .. }) = (stays, work) {
            self.ask_failed(ask, "the peer has left the ring");
        }
    }

    fn carry_out(&mut self, id: u64, task: Task) {
        let Some(leader) = self.leaders.get_mut(&id) else { return };
        leader.attempt = task.attempt();
        let (node, key, number) = (leader.node, leader.key, leader.attempt);
        self.check_task(id, &task);
        match task {
            Task::Ask { peer, timeout_ms, .. } => {
                let peer = self.node_index(&peer).expect("peers are nodes");
                let ask = self.ask(id, peer, timeout_ms);
                self.set_work(id, Work::Ask { ask, peer });
            }
            Task::Load { timeout_ms, .. } => {
                let stamp = self.stamp();
                self.set_work(id, Work::Load(stamp));
                *self.database.loads.entry(key).or_default() += 1;
                self.coverage.loads += 1;
                self.timer(timeout_ms, Event::LoadTimesOut(id, number));
                if !self.rng.chance(self.plan.hangs) {
                    let load_ms = self.between(self.plan.load_ms);
                    let loaded = self.draw_loaded();
                    trace!(self, "node {node}: leader {id} loads key {key}: {loaded:?} in {load_ms} ms");
                    self.after(load_ms, Event::Loaded(id, number, loaded));
                }
            }
        }
    }

    fn set_work(&mut self, id: u64, work: Work) {
        if let Some(leader) = self.leaders.get_mut(&id) {
            leader.work = work;
        }
    }

    fn draw_loaded(&mut self) -> Loaded {
        if self.rng.chance(self.plan.fails) {
            Loaded::Fails
        } else if self.rng.chance(self.plan.absent) {
            Loaded::NotFound
        } else {
            Loaded::Value(self.rng.below(self.plan.value_bytes as u64 + 1) as usize)
        }
    }

    pub fn loaded(&mut self, id: u64, attempt: u32, loaded: Loaded) {
        let Some(leader) = self.leaders.get(&id).filter(|leader| leader.attempt == attempt) else { return };
        let Work::Load(stamp) = leader.work else { return };
        let (node, key) = (leader.node, leader.key);
        let outcome = match loaded {
            Loaded::Value(bytes) => {
                let (version, bytes) = self.database.make(key, bytes, self.now);
                self.nodes[node].observed.record_arrival(key, version, stamp, None);
                Outcome::Value { bytes, fresh_ms: self.plan.options.ttl_ms }
            }
            Loaded::NotFound => {
                self.database.absent_at.insert(key, self.now);
                Outcome::Absent
            }
            Loaded::Fails => {
                self.database.failed_at.insert(key, self.now);
                Outcome::Failed(Code::Load)
            }
        };
        self.finish_task(id, TaskOutcome::Ended(outcome));
    }

    pub fn load_times_out(&mut self, id: u64, attempt: u32) {
        if self.leaders.get(&id).is_some_and(|leader| leader.attempt == attempt) {
            self.finish_task(id, TaskOutcome::Ended(Outcome::Failed(Code::Timeout)));
        }
    }

    /// Completes a leader's task in the core, and carries out the next step.
    pub fn finish_task(&mut self, id: u64, outcome: TaskOutcome) {
        let Some(&Leader { node, key, flight, work, stamp, attempt, .. }) = self.leaders.get(&id) else {
            return;
        };
        self.touched = node;
        self.set_work(id, Work::Idle);
        let now = self.nodes[node].clock(self.now);
        let was_in_flight = self.nodes[node].parts().0.is_in_flight(flight);
        let refused = self.nodes[node].group().stats().rejected;
        let result = outcome.borrow(self.plan.options.max_entry_bytes);
        let (group, peers) = self.nodes[node].parts();
        let next = group.complete_task(flight, attempt, now, result, peers);
        trace!(
            self,
            "node {node}: leader {id} of {flight:?} told {}, next {next:?}",
            self.describe_task(&outcome)
        );
        if was_in_flight {
            self.count_result(node, key, stamp, work, &outcome, &next);
            self.check_failed_flight(node, key, &outcome, &next);
            self.check_stored(node, key, stamp, &outcome, work, refused);
        }
        match (next, outcome) {
            (Next::Task(task), _) => self.carry_out(id, task),
            (Next::Done, TaskOutcome::Ended(outcome)) => self.end_flight(id, Some(outcome)),
            (Next::Done | Next::Retry, _) => self.end_flight(id, None),
            (Next::Superseded, _) => {
                let what =
                    format!("node {node}: {flight:?} ignores a result of its current attempt {attempt}");
                self.violate(Invariant::CurrentAttempt, what);
            }
            (Next::DeadlinePassed, _) => self.end_flight(id, Some(Outcome::Failed(Code::Timeout))),
            (Next::Stale(entry), _) => {
                self.check_stale(node, entry, self.plan.options.stale_if_error_ms);
                let bytes = self.nodes[node].group().at(entry).value.into();
                self.end_flight(id, Some(Outcome::Value { bytes, fresh_ms: Some(0) }));
            }
        }
    }

    /// Reports a result that arrives after its attempt has ended: late, or a second time. It changes nothing.
    pub fn report_late(&mut self, id: u64, attempt: u32, outcome: &TaskOutcome) {
        let Some(&Leader { node, flight, attempt: current, .. }) = self.leaders.get(&id) else { return };
        let (now, result) =
            (self.nodes[node].clock(self.now), outcome.borrow(self.plan.options.max_entry_bytes));
        let before = self.nodes[node].group().stats();
        let (group, peers) = self.nodes[node].parts();
        let is_in_flight = group.is_in_flight(flight);
        let next = group.complete_task(flight, attempt, now, result, peers);
        self.coverage.superseded += u64::from(next == Next::Superseded);
        if is_in_flight && next != Next::Superseded || before != self.nodes[node].group().stats() {
            let what = format!(
                "node {node}: {flight:?} took a result of attempt {attempt} for that of {current}: {next:?}"
            );
            self.violate(Invariant::CurrentAttempt, what);
        }
    }

    fn end_flight(&mut self, id: u64, outcome: Option<Outcome>) {
        let Some(leader) = self.leaders.remove(&id) else { return };
        self.check_leader_end(&leader);
        self.leader_of.remove(&(leader.node, leader.flight));
        for request in self.waiting(leader.node, id, leader.flight) {
            self.settle(request, outcome.clone());
        }
    }

    /// A leader vanishes at an await, without notice.
    pub fn vanish(&mut self, id: u64) {
        let Some(leader) = self.leaders.remove(&id) else { return };
        trace!(
            self,
            "node {}: leader {id} of {:?} vanishes at {:?}", leader.node, leader.flight, leader.work
        );
        self.touched = leader.node;
        self.coverage.vanished += 1;
        self.leader_of.remove(&(leader.node, leader.flight));
        self.vanished_at.insert((leader.node, leader.flight), self.now);
        match leader.work {
            Work::Ask { ask, .. } => self.hang_up(ask),
            Work::Load(_) => *self.coverage.lost_loads.entry(leader.key).or_default() += 1,
            Work::Idle => {}
        }
        if self.plan.reports_lost_leaders {
            let followers = self.waiting(leader.node, id, leader.flight);
            followers.iter().for_each(|_| self.nodes[leader.node].parts().0.abandon(leader.flight));
            followers.into_iter().for_each(|request| self.settle(request, None));
        }
    }
}
