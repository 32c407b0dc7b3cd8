//! The world: one clock, what is due on it, and everything that lives. One thing happens after the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use geecache_edge::group::singleflight::FlightId;

use crate::counts::Seen;
use crate::faults::Deed;
use crate::invariants::{Invariant, Violation};
use crate::leader::Leader;
use crate::network::{Ask, Network, Question, Said};
use crate::node::{Node, START_MS, name};
use crate::origin::Database;
use crate::plan::{Ms, Plan};
use crate::shell::Request;
use crate::support::Rng;

/// What is due.
#[derive(Debug)]
pub enum Event {
    /// The script: a call, or something that goes wrong.
    Deed(Deed),
    /// A follower looks whether its leader lives; a request's time is over. Each for one wait of the request.
    Look(u64, u64),
    Deadline(u64, u64),
    /// A leader beats; its loader gives something (`None`: it fails), or its time is over. Each for one attempt.
    Beat(u64),
    Loaded(u64, u32, Loaded),
    LoadLate(u64, u32),
    /// The runtime kills what a request left behind.
    Killed(u64),
    /// A question arrives; its answer does, or the connection breaks, or its time is over.
    Asked(Rc<Question>),
    Answered(u64, Rc<Said>),
    Broken(u64),
    AskLate(u64),
    /// No URL can carry the key.
    Unaskable(u64),
    /// The handler of a question is told that its asker is gone.
    HungUp(u64),
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
    pub origin: Database,
    pub network: Network,
    pub requests: BTreeMap<u64, Request>,
    pub leaders: BTreeMap<u64, Leader>,
    /// Who leads which flight, and when the leaders of those without one vanished.
    pub led: BTreeMap<(usize, FlightId), u64>,
    pub gone: BTreeMap<(usize, FlightId), Ms>,
    pub asks: BTreeMap<u64, Ask>,
    pub seen: Seen,
    pub broken: Option<Violation>,
    /// By how much clocks have been set so far, in all: no promise that is kept by the clock is better than that.
    pub stepped_ms: Ms,
    /// The chaos is over: whoever calls now must be answered.
    pub rests: bool,
    /// The node that the last event touched.
    pub touched: usize,
    pub traces: bool,
    due: BinaryHeap<Reverse<Due>>,
    serial: u64,
}

/// Tells what happens, where somebody listens.
macro_rules! trace {
    ($world:expr, $($said:tt)*) => {
        if $world.traces {
            println!("{:>8} ms  {}", $world.now - $crate::node::START_MS, format!($($said)*));
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
            origin: Database::default(),
            network: Network::default(),
            requests: BTreeMap::new(),
            leaders: BTreeMap::new(),
            led: BTreeMap::new(),
            gone: BTreeMap::new(),
            asks: BTreeMap::new(),
            seen: Seen::default(),
            broken: None,
            stepped_ms: 0,
            rests: false,
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

    /// Numbers everything that happens, in order.
    pub fn stamp(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub fn after(&mut self, ms: Ms, event: Event) {
        let (at, serial) = (self.now + ms, self.stamp());
        self.due.push(Reverse(Due { at, serial, event }));
    }

    /// The same by a node's timer, which may be late.
    pub fn timer(&mut self, ms: Ms, event: Event) {
        let late_ms = self.rng.below(self.plan.late_ms + 1);
        self.after(ms + late_ms, event);
    }

    /// A number from one to the other, both included.
    pub fn between(&mut self, (least, most): (Ms, Ms)) -> Ms {
        least + self.rng.below(most - least + 1)
    }

    /// Lets happen what is due until then; whether that was all there is.
    pub fn run_until(&mut self, end: Ms) -> bool {
        while self.broken.is_none() {
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
            self.happen(event);
            self.check();
        }
        true
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, ms: Ms) {
        let end = self.now + ms;
        self.run_until(end);
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        self.seen.events += 1;
        match event {
            Event::Deed(deed) => self.does(deed),
            Event::Look(request, wait) => self.looks(request, wait),
            Event::Deadline(request, wait) => self.runs_out(request, wait),
            Event::Beat(leader) => self.beats(leader),
            Event::Loaded(leader, attempt, loaded) => self.loaded(leader, attempt, loaded),
            Event::LoadLate(leader, attempt) => self.load_is_late(leader, attempt),
            Event::Killed(leader) => self.vanish(leader),
            Event::Asked(question) => self.asked(&question),
            Event::Answered(ask, said) => self.heard(ask, &said),
            Event::Broken(ask) => self.ask_failed(ask, "the connection broke"),
            Event::AskLate(ask) => self.ask_failed(ask, "no answer in time"),
            Event::Unaskable(ask) => self.unaskable(ask),
            Event::HungUp(ask) => self.hung_up(ask),
        }
    }

    /// The first thing that is not as it should be ends the run.
    pub fn broke(&mut self, invariant: Invariant, what: String) {
        trace!(self, "BROKEN {}: {what}", invariant.name());
        self.broken.get_or_insert(Violation { invariant, what });
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
