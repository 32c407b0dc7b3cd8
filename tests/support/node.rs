//! A group with a clock and peers of its own, driven step by step.
#![allow(dead_code)] // Each test file uses a part of it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use geecache_edge::group::singleflight::FlightId;
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};
use geecache_edge::{Group, GroupOptions, PeerPicker, Stats};

pub const K: &[u8] = b"key";
pub const DEADLINE_MS: u64 = 1_000;
pub const PEER_TIMEOUT_MS: u64 = 250;

/// Peers by rank. An empty name is this node.
#[derive(Default)]
pub struct PeersByRank(pub Cell<&'static [&'static str]>);

impl PeerPicker for PeersByRank {
    fn pick_peer(&self, _key: &[u8], rank: u32) -> Option<Arc<str>> {
        self.0.get().get(rank as usize).filter(|name| !name.is_empty()).map(|&name| name.into())
    }
}

pub struct Node {
    pub group: Group,
    pub peers: PeersByRank,
    pub now: u64,
    /// The current attempt of each flight led through this node.
    attempts: BTreeMap<FlightId, u32>,
}

pub fn node(change: impl FnOnce(&mut GroupOptions)) -> Node {
    let mut options = GroupOptions::new(1 << 16);
    (options.deadline_ms, options.peer_timeout_ms) = (DEADLINE_MS, PEER_TIMEOUT_MS);
    change(&mut options);
    Node {
        group: Group::new("scores", options).unwrap(),
        peers: PeersByRank::default(),
        now: 1_000_000,
        attempts: BTreeMap::new(),
    }
}

pub fn alone() -> Node {
    node(|_| ())
}

pub fn with_peers(ranks: &'static [&'static str]) -> Node {
    let node = alone();
    node.peers.0.set(ranks);
    node
}

impl Node {
    pub fn begin_as(&mut self, origin: Origin, key: &[u8]) -> Step {
        let step = self.group.begin(key, self.now, origin, &mut self.peers).unwrap();
        if let Step::Lead(flight, task) | Step::Stale(_, Some((flight, task))) = &step {
            self.attempts.insert(*flight, task.attempt());
        }
        step
    }

    pub fn begin(&mut self) -> Step {
        self.begin_as(Origin::Local, K)
    }

    /// Begins a lookup, which must lead.
    pub fn lead(&mut self) -> (FlightId, Task) {
        match self.begin() {
            Step::Lead(flight, task) => (flight, task),
            step => panic!("not led: {step:?}"),
        }
    }

    /// Reports the result of the flight's current attempt.
    pub fn complete_task(&mut self, flight: FlightId, result: TaskResult<'_>) -> Next {
        self.complete_attempt(flight, self.attempts[&flight], result)
    }

    /// Reports the result of any attempt.
    pub fn complete_attempt(&mut self, flight: FlightId, attempt: u32, result: TaskResult<'_>) -> Next {
        let next = self.group.complete_task(flight, attempt, self.now, result, &mut self.peers);
        if let Next::Task(task) = &next {
            self.attempts.insert(flight, task.attempt());
        }
        next
    }

    pub fn load(&mut self, value: &[u8]) {
        let (flight, _) = self.lead();
        assert_eq!(self.complete_task(flight, loaded(value)), Next::Done);
    }

    /// Begins a lookup, which must return a copy.
    pub fn cached(&mut self) -> Vec<u8> {
        match self.begin() {
            Step::Hit(entry) | Step::Stale(entry, _) => self.group.at(entry).value.to_vec(),
            step => panic!("no copy: {step:?}"),
        }
    }

    pub fn fresh_copy(&self) -> Option<&[u8]> {
        self.group.peek(K, self.now).map(|found| found.value)
    }

    pub fn stats(&self) -> Stats {
        self.group.stats()
    }
}

pub fn loaded(value: &[u8]) -> TaskResult<'_> {
    TaskResult::Value { value: Some(value), fresh_ms: None }
}

pub fn from_owner(value: &[u8], fresh_ms: u64) -> TaskResult<'_> {
    TaskResult::Value { value: Some(value), fresh_ms: Some(fresh_ms) }
}

pub fn ask(attempt: u32, peer: &str, timeout_ms: u64) -> Task {
    Task::Ask { peer: peer.into(), timeout_ms, attempt }
}

pub const fn load(attempt: u32, timeout_ms: u64) -> Task {
    Task::Load { timeout_ms, attempt }
}
