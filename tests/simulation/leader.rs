//! Leaders: they carry out the core's tasks one after the other, beat while they live, and land their flight for all who
//! wait; unless they vanish.

use geecache_edge::Code;
use geecache_edge::base::time::Millis;
use geecache_edge::group::singleflight::{FlightId, HEARTBEAT_MS};
use geecache_edge::group::{Next, Origin, Task, TaskResult};

use crate::invariants::Invariant;
use crate::plan::Ms;
use crate::shell::Outcome;
use crate::world::{Event, Loaded, World, trace};

/// The part of a request that carries a flight out.
pub struct Leader {
    pub node: usize,
    pub key: usize,
    pub flight: FlightId,
    pub request: u64,
    pub asker: Origin,
    pub began: Ms,
    /// The same by the node's clock.
    pub began_at: Millis,
    pub stamp: u64,
    pub held: bool,
    pub doing: Doing,
    /// The number of its current attempt.
    pub attempt: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Nothing,
    Asks {
        ask: u64,
        peer: usize,
    },
    /// Loads since that stamp.
    Loads(u64),
}

/// What a task comes to.
#[derive(Clone, Debug)]
pub enum Came {
    Is(Outcome),
    PeerFailed,
    NotTransferable,
}

impl Came {
    /// The result as the core takes it; a value of more than `max_bytes` is not handed over.
    fn borrow(&self, max_bytes: usize) -> TaskResult<'_> {
        match self {
            Came::Is(Outcome::Value { bytes, fresh_ms }) => TaskResult::Value {
                value: Some(&**bytes).filter(|bytes| bytes.len() <= max_bytes),
                fresh_ms: *fresh_ms,
            },
            Came::Is(Outcome::Absent) => TaskResult::NotFound,
            Came::Is(Outcome::Failed(_)) => TaskResult::LoadFailed,
            Came::PeerFailed => TaskResult::PeerFailed,
            Came::NotTransferable => TaskResult::NotTransferable,
        }
    }
}

impl Leader {
    pub fn new(node: usize, key: usize, flight: FlightId, request: u64, asker: Origin, held: bool) -> Leader {
        let doing = Doing::Nothing;
        Leader { node, key, flight, request, asker, began: 0, began_at: 0, stamp: 0, held, doing, attempt: 0 }
    }
}

impl World {
    pub fn lead(&mut self, mut leader: Leader, task: Task) -> u64 {
        let id = self.stamp();
        (leader.began, leader.stamp) = (self.now, id);
        leader.began_at = self.nodes[leader.node].clock(self.now);
        self.led.insert((leader.node, leader.flight), id);
        self.leaders.insert(id, leader);
        self.timer(HEARTBEAT_MS.into(), Event::Beat(id));
        self.carry_out(id, task);
        id
    }

    pub fn beats(&mut self, id: u64) {
        let Some(&Leader { node, flight, doing, .. }) = self.leaders.get(&id) else { return };
        self.touched = node;
        let (group, peers) = self.nodes[node].parts();
        let stays = group.heartbeat(flight, peers);
        self.check_beat(node, flight, doing, stays);
        self.timer(HEARTBEAT_MS.into(), Event::Beat(id));
        if let (false, Doing::Asks { ask, .. }) = (stays, doing) {
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
                self.doing(id, Doing::Asks { ask, peer });
            }
            Task::Load { timeout_ms, .. } => {
                let stamp = self.stamp();
                self.doing(id, Doing::Loads(stamp));
                *self.origin.loads.entry(key).or_default() += 1;
                self.seen.loads += 1;
                self.timer(timeout_ms, Event::LoadLate(id, number));
                if !self.rng.chance(self.plan.hangs) {
                    let takes_ms = self.between(self.plan.takes_ms);
                    let loaded = self.draw_loaded();
                    trace!(self, "node {node}: leader {id} loads key {key}: {loaded:?} in {takes_ms} ms");
                    self.after(takes_ms, Event::Loaded(id, number, loaded));
                }
            }
        }
    }

    fn doing(&mut self, id: u64, doing: Doing) {
        if let Some(leader) = self.leaders.get_mut(&id) {
            leader.doing = doing;
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
        let Doing::Loads(stamp) = leader.doing else { return };
        let (node, key) = (leader.node, leader.key);
        let came = match loaded {
            Loaded::Value(bytes) => {
                let (version, bytes) = self.origin.make(key, bytes, self.now);
                self.nodes[node].book.comes(key, version, stamp, None);
                Outcome::Value { bytes, fresh_ms: self.plan.options.ttl_ms }
            }
            Loaded::NotFound => {
                self.origin.absent_at.insert(key, self.now);
                Outcome::Absent
            }
            Loaded::Fails => {
                self.origin.failed_at.insert(key, self.now);
                Outcome::Failed(Code::Load)
            }
        };
        self.came(id, Came::Is(came));
    }

    pub fn load_is_late(&mut self, id: u64, attempt: u32) {
        if self.leaders.get(&id).is_some_and(|leader| leader.attempt == attempt) {
            self.came(id, Came::Is(Outcome::Failed(Code::Timeout)));
        }
    }

    /// Tells the core what came of a leader's task, and does what it says.
    pub fn came(&mut self, id: u64, came: Came) {
        let Some(&Leader { node, key, flight, doing, stamp, attempt, .. }) = self.leaders.get(&id) else {
            return;
        };
        self.touched = node;
        self.doing(id, Doing::Nothing);
        let now = self.nodes[node].clock(self.now);
        let flew = self.nodes[node].parts().0.is_in_flight(flight);
        let refused = self.nodes[node].group().stats().rejected;
        let result = came.borrow(self.plan.options.max_entry_bytes);
        let (group, peers) = self.nodes[node].parts();
        let next = group.complete_task(flight, attempt, now, result, peers);
        trace!(self, "node {node}: leader {id} of {flight:?} told {}, next {next:?}", self.shown_came(&came));
        if flew {
            self.count_told(node, key, stamp, doing, &came, &next);
            self.check_given_up(node, key, &came, &next);
            self.check_kept(node, key, stamp, &came, doing, refused);
        }
        match (next, came) {
            (Next::Task(task), _) => self.carry_out(id, task),
            (Next::Done, Came::Is(outcome)) => self.land(id, Some(outcome)),
            (Next::Done | Next::Retry, _) => self.land(id, None),
            (Next::Superseded, _) => {
                let what = format!("node {node}: {flight:?} takes nothing for its attempt {attempt}");
                self.broke(Invariant::CurrentAttempt, what);
            }
            (Next::DeadlinePassed, _) => self.land(id, Some(Outcome::Failed(Code::Timeout))),
            (Next::Stale(spot), _) => {
                self.check_stale(node, spot, self.plan.options.stale_if_error_ms);
                let bytes = self.nodes[node].group().at(spot).value.into();
                self.land(id, Some(Outcome::Value { bytes, fresh_ms: Some(0) }));
            }
        }
    }

    /// Reports a result that arrives after its attempt has ended: late, or a second time. It changes nothing.
    pub fn report_late(&mut self, id: u64, attempt: u32, came: &Came) {
        let Some(&Leader { node, flight, attempt: current, .. }) = self.leaders.get(&id) else { return };
        let (now, result) =
            (self.nodes[node].clock(self.now), came.borrow(self.plan.options.max_entry_bytes));
        let before = self.nodes[node].group().stats();
        let (group, peers) = self.nodes[node].parts();
        let is_in_flight = group.is_in_flight(flight);
        let next = group.complete_task(flight, attempt, now, result, peers);
        self.seen.superseded += u64::from(next == Next::Superseded);
        if is_in_flight && next != Next::Superseded || before != self.nodes[node].group().stats() {
            let what = format!(
                "node {node}: {flight:?} took a result of attempt {attempt} for that of {current}: {next:?}"
            );
            self.broke(Invariant::CurrentAttempt, what);
        }
    }

    fn land(&mut self, id: u64, outcome: Option<Outcome>) {
        let Some(leader) = self.leaders.remove(&id) else { return };
        self.check_landing(&leader);
        self.led.remove(&(leader.node, leader.flight));
        for request in self.waiting(leader.node, id, leader.flight) {
            self.settle(request, outcome.clone());
        }
    }

    /// A leader is gone at its await, without a word.
    pub fn vanish(&mut self, id: u64) {
        let Some(leader) = self.leaders.remove(&id) else { return };
        trace!(
            self,
            "node {}: leader {id} of {:?} vanishes at {:?}", leader.node, leader.flight, leader.doing
        );
        self.touched = leader.node;
        self.seen.vanished += 1;
        self.led.remove(&(leader.node, leader.flight));
        self.gone.insert((leader.node, leader.flight), self.now);
        match leader.doing {
            Doing::Asks { ask, .. } => self.hang_up(ask),
            Doing::Loads(_) => *self.seen.lost_loads.entry(leader.key).or_default() += 1,
            Doing::Nothing => {}
        }
        if self.plan.tells {
            let followers = self.waiting(leader.node, id, leader.flight);
            followers.iter().for_each(|_| self.nodes[leader.node].parts().0.abandon(leader.flight));
            followers.into_iter().for_each(|request| self.settle(request, None));
        }
    }
}
