//! A node: the shipped pool with one group, its own clock, and the simulator's record of its behaviour.

use std::collections::{BTreeMap, VecDeque};

use geecache_edge::base::time::Millis;
use geecache_edge::pool::{GroupId, Peers};
use geecache_edge::wire::{Exchange, Secret};
use geecache_edge::{Group, Pool, PoolOptions};

use crate::plan::{Ms, Plan};

/// Start time of every run: far from 0, so that a time used as a duration is noticed.
pub const START_MS: Ms = 1_000_000_000;

pub const GROUP: &str = "scores & more";

pub fn name(node: usize) -> String {
    format!("http://node-{node}")
}

pub struct Node {
    pub up: bool,
    /// While it is down, requests to it time out instead of being refused at once.
    pub drops_silently: bool,
    pub pool: Pool,
    pub id: GroupId,
    pub secrets: Vec<Secret>,
    /// Offset of its clock, extra delay of its responses, and the percentage of responses that are corrupted.
    pub skew_ms: i64,
    pub slow_ms: Ms,
    pub corrupted: u64,
    pub observed: Observed,
}

impl Node {
    /// A node that has just started, with an empty cache.
    pub fn start(at: usize, plan: &Plan, peers: Vec<String>, secrets: Vec<Secret>, skew_ms: i64) -> Node {
        let self_name = Some(name(at));
        let options = PoolOptions { self_name, peers, seed: at as u64 + 1, ..PoolOptions::default() };
        let mut pool = Pool::new(&options).expect("the pool's options are sound");
        let id = pool.add_group(GROUP, plan.options.clone()).expect("the group's options are sound");
        let observed = Observed::default();
        Node {
            up: true,
            drops_silently: false,
            pool,
            id,
            secrets,
            skew_ms,
            slow_ms: 0,
            corrupted: 0,
            observed,
        }
    }

    /// The time by the node's clock.
    pub fn clock(&self, now: Ms) -> Millis {
        now.saturating_add_signed(self.skew_ms)
    }

    pub fn parts(&mut self) -> (&mut Group, &mut Peers) {
        self.pool.group_mut(self.id).expect("the group is there")
    }

    pub fn group(&self) -> &Group {
        self.pool.group(self.id).expect("the group is there")
    }

    pub fn exchange(&self) -> Exchange {
        self.pool.exchange(self.secrets.clone())
    }
}

/// The simulator's record of a node since its start, compared with the node's own counters.
#[derive(Debug, Default)]
pub struct Observed {
    pub counted: Counted,
    /// Values that arrived, by key.
    pub arrived: BTreeMap<usize, Vec<Arrival>>,
    /// Stamps of removes and sets, by key.
    pub removed: BTreeMap<usize, Vec<u64>>,
    pub breakers: BTreeMap<usize, BreakerModel>,
    /// The counter `short_circuits` at the last check.
    pub short_circuits: u64,
}

/// A version that arrived at a node.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    version: usize,
    /// Stamp at which the load or the peer request that delivered it began.
    began: u64,
    /// Time of arrival from a peer; `None` if loaded here.
    hot_since: Option<Ms>,
}

/// Counters that the simulator maintains as well, with the names of `Stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub requests: u64,
    pub peer_requests: u64,
    pub hits: u64,
    pub stale_hits: u64,
    pub coalesced: u64,
    pub peer_hits: u64,
    pub peer_failures: u64,
    pub loads: u64,
    pub absent: u64,
    pub errors: u64,
    pub timeouts: u64,
    pub invalidated_loads: u64,
    pub unauthorized: u64,
    pub ring_mismatches: u64,
}

/// Model of the circuit breaker of a peer with recent failures: see `src/pool/breaker.rs`.
#[derive(Debug, Default)]
pub struct BreakerModel {
    /// Results of the last requests, true for a failure.
    history: VecDeque<bool>,
    pub is_open: bool,
    pub opened_at: Ms,
    /// Start of the current cool-down: the breaker's opening, or the last probe.
    pub closed_since: Ms,
    /// Requests since it opened.
    pub probes: u64,
}

/// Failures in a row that open a breaker, and the history of which half must fail.
const MOST_IN_A_ROW: usize = 5;
const HISTORY: usize = 32;

impl Observed {
    /// Records the result of a request.
    pub fn record_result(&mut self, peer: usize, now: Ms, failed: bool) {
        let breaker = self.breakers.entry(peer).or_default();
        if breaker.is_open {
            if !failed {
                self.breakers.remove(&peer);
            }
            return;
        }
        breaker.history.push_front(failed);
        breaker.history.truncate(HISTORY);
        let failures = breaker.history.iter().filter(|&&failed| failed).count();
        let in_a_row = breaker.history.iter().take_while(|&&failed| failed).count();
        let too_often = breaker.history.len() == HISTORY && failures >= HISTORY / 2;
        if failed && (in_a_row >= MOST_IN_A_ROW || too_often) {
            (breaker.is_open, breaker.opened_at, breaker.closed_since) = (true, now, now);
        } else if failures == 0 {
            self.breakers.remove(&peer);
        }
    }

    pub fn record_arrival(&mut self, key: usize, version: usize, began: u64, hot_since: Option<Ms>) {
        self.arrived.entry(key).or_default().push(Arrival { version, began, hot_since });
    }

    fn arrivals(&self, key: usize, version: usize) -> impl Iterator<Item = &Arrival> {
        self.arrived.get(&key).into_iter().flatten().filter(move |arrival| arrival.version == version)
    }

    /// Time since the newest arrival of a version, if every copy of it is from a peer.
    pub fn hot_for_ms(&self, key: usize, version: usize, now: Ms) -> Option<Ms> {
        let newest = self.arrivals(key, version).map(|arrival| arrival.hot_since.unwrap_or(now)).max();
        newest.map(|newest| now - newest)
    }

    /// True if the key was removed or set since.
    pub fn is_removed_since(&self, key: usize, stamp: u64) -> bool {
        self.removed.get(&key).and_then(|stamps| stamps.last()).is_some_and(|&last| last > stamp)
    }

    /// True if a lookup at `stamp` may return that version: its load began after the last remove before the lookup.
    pub fn may_return(&self, key: usize, version: usize, stamp: u64) -> bool {
        let removes = self.removed.get(&key).map_or(&[][..], Vec::as_slice);
        let removed = removes.iter().rev().find(|&&remove| remove < stamp).copied().unwrap_or(0);
        self.arrivals(key, version).any(|arrival| arrival.began >= removed)
    }
}
