//! The world: the virtual clock, the event queue, and the state of all nodes. One event is handled at a time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use geecache_edge::group::singleflight::FlightId;

use crate::counts::Coverage;
use crate::database::Database;
use crate::faults::Action;
use crate::invariants::{Invariant, Violation};
use crate::leader::Leader;
use crate::network::{Network, PendingAsk, SentRequest, SentResponse};
use crate::node::{Node, START_MS, name};
use crate::plan::{Ms, Plan};
use crate::shell::Request;
use crate::support::Rng;

/// A scheduled event.
#[derive(Debug)]
pub enum Event {
    /// An action of the script: a call or a fault.
    Action(Action),
    /// A follower checks its leader; a request's deadline passes. Each for one wait of the request.
    FollowerTick(u64, u64),
    Deadline(u64, u64),
    /// A leader's heartbeat; its loader returns, or times out. Each for one attempt.
    HeartbeatTick(u64),
    Loaded(u64, u32, Loaded),
    LoadTimesOut(u64, u32),
    /// The runtime kills a request's background leader.
    Killed(u64),
    /// A peer request arrives; its response arrives, the connection breaks, or the request times out.
    RequestArrives(Rc<SentRequest>),
    ResponseArrives(u64, Rc<SentResponse>),
    ConnectionBreaks(u64),
    AskTimesOut(u64),
    /// No URL can carry the key.
    NotSendable(u64),
    /// The handler of a peer request learns that the requester hung up.
    RequesterHungUp(u64),
}

/// How a load ends.
#[derive(Clone, Debug)]
pub enum Loaded {
    Value(usize),
    NotFound,
    Fails,
}

struct Due {
    at: Ms,
    serial: u64,
    event: Event,
}

pub struct World {
    pub now: Ms,
    pub plan: Plan,
    pub rng: Rng,
    pub nodes: Vec<Node>,
    pub database: Database,
    pub network: Network,
    pub requests: BTreeMap<u64, Request>,
    pub leaders: BTreeMap<u64, Leader>,
    /// The leader of each flight, and when a flight's leader vanished.
    pub leader_of: BTreeMap<(usize, FlightId), u64>,
    pub vanished_at: BTreeMap<(usize, FlightId), Ms>,
    pub asks: BTreeMap<u64, PendingAsk>,
    pub coverage: Coverage,
    pub violation: Option<Violation>,
    /// Sum of all clock steps so far: the tolerance of every invariant on time.
    pub stepped_ms: Ms,
    /// Faults have ended: every call must succeed.
    pub is_settled: bool,
    /// The node that the last event touched.
    pub touched: usize,
    pub traces: bool,
    due: BinaryHeap<Reverse<Due>>,
    serial: u64,
}

/// Prints an event if tracing is on.
macro_rules! trace {
    ($world:expr, $($response:tt)*) => {
        if $world.traces {
            println!("{:>8} ms  {}", $world.now - $crate::node::START_MS, format!($($response)*));
        }
    };
}
pub(crate) use trace;

impl World {
    pub fn new(plan: Plan, rng: Rng, traces: bool) -> World {
        let mut world = World {
            now: START_MS,
            plan,
            rng,
            nodes: Vec::new(),
            database: Database::default(),
            network: Network::default(),
            requests: BTreeMap::new(),
            leaders: BTreeMap::new(),
            leader_of: BTreeMap::new(),
            vanished_at: BTreeMap::new(),
            asks: BTreeMap::new(),
            coverage: Coverage::default(),
            violation: None,
            stepped_ms: 0,
            is_settled: false,
            touched: 0,
            traces,
            due: BinaryHeap::new(),
            serial: 0,
        };
        trace!(world, "{:#?}", world.plan);
        let peers: Vec<String> = (0..world.plan.nodes).map(name).collect();
        for at in 0..world.plan.nodes {
            let (skew_ms, secrets) = (world.draw_skew_ms(), world.plan.secrets.clone());
            world.nodes.push(Node::start(at, &world.plan, peers.clone(), secrets, skew_ms));
        }
        world
    }

    pub fn draw_skew_ms(&mut self) -> i64 {
        self.rng.below(2 * self.plan.skew_ms + 1) as i64 - self.plan.skew_ms as i64
    }

    /// Returns the next stamp: a total order of events.
    pub fn stamp(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub fn after(&mut self, ms: Ms, event: Event) {
        let (at, serial) = (self.now + ms, self.stamp());
        self.due.push(Reverse(Due { at, serial, event }));
    }

    /// Like `after`, by a node's timer, which may be late.
    pub fn timer(&mut self, ms: Ms, event: Event) {
        let late_ms = self.rng.below(self.plan.late_ms + 1);
        self.after(ms + late_ms, event);
    }

    /// Draws a number from an inclusive range.
    pub fn between(&mut self, (least, most): (Ms, Ms)) -> Ms {
        least + self.rng.below(most - least + 1)
    }

    /// Handles events until `end`. True if the queue is empty.
    pub fn run_until(&mut self, end: Ms) -> bool {
        while self.violation.is_none() {
            match self.due.peek() {
                None => return true,
                Some(Reverse(next)) if next.at > end => {
                    self.now = end;
                    return false;
                }
                Some(_) => {}
            }
            let Some(Reverse(Due { at, event, .. })) = self.due.pop() else { return true };
            self.now = at;
            self.stamp();
            self.handle(event);
            self.check();
        }
        true
    }

    /// Advances the clock.
    pub fn pass(&mut self, ms: Ms) {
        let end = self.now + ms;
        self.run_until(end);
        self.now = end;
    }

    fn handle(&mut self, event: Event) {
        self.coverage.events += 1;
        match event {
            Event::Action(action) => self.apply(action),
            Event::FollowerTick(request, wait) => self.follower_tick(request, wait),
            Event::Deadline(request, wait) => self.deadline_passes(request, wait),
            Event::HeartbeatTick(leader) => self.heartbeat_tick(leader),
            Event::Loaded(leader, attempt, loaded) => self.loaded(leader, attempt, loaded),
            Event::LoadTimesOut(leader, attempt) => self.load_times_out(leader, attempt),
            Event::Killed(leader) => self.vanish(leader),
            Event::RequestArrives(sent) => self.request_arrives(&sent),
            Event::ResponseArrives(ask, response) => self.response_arrives(ask, &response),
            Event::ConnectionBreaks(ask) => self.ask_failed(ask, "the connection broke"),
            Event::AskTimesOut(ask) => self.ask_failed(ask, "it timed out"),
            Event::NotSendable(ask) => self.not_sendable(ask),
            Event::RequesterHungUp(ask) => self.requester_hung_up(ask),
        }
    }

    /// Records a violation. The first one ends the run.
    pub fn violate(&mut self, invariant: Invariant, what: String) {
        trace!(self, "VIOLATED {}: {what}", invariant.name());
        self.violation.get_or_insert(Violation { invariant, what });
    }

    pub fn key(&self, key: usize) -> Vec<u8> {
        self.plan.keys[key].clone().into_bytes()
    }

    pub fn key_index(&self, key: &[u8]) -> Option<usize> {
        self.plan.keys.iter().position(|known| known.as_bytes() == key)
    }

    pub fn node_index(&self, peer: &str) -> Option<usize> {
        peer.strip_prefix("http://node-")?.parse().ok()
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}
