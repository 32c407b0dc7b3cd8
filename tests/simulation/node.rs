//! A node: the shipped pool with one group, a clock of its own, and a book of what the simulator saw it do.

use std::collections::{BTreeMap, VecDeque};

use geecache_edge::base::time::Millis;
use geecache_edge::pool::{GroupId, Peers};
use geecache_edge::wire::{Exchange, Secret};
use geecache_edge::{Group, Pool, PoolOptions};

use crate::plan::{Ms, Plan};

/// The moment at which every run begins, far from 0, so that a time taken for a duration shows.
pub const START_MS: Ms = 1_000_000_000;

pub const GROUP: &str = "scores & more";

pub fn name(node: usize) -> String {
    format!("http://node-{node}")
}

pub struct Node {
    pub up: bool,
    /// Whether those who ask it while it is down hear nothing at all, instead of a refusal at once.
    pub swallows: bool,
    pub pool: Pool,
    pub id: GroupId,
    pub secrets: Vec<Secret>,
    /// How far ahead of the world's its clock is, how much later its answers are, and how many of them are lies.
    pub skew_ms: i64,
    pub slow_ms: Ms,
    pub lies: u64,
    pub book: Book,
}

impl Node {
    /// A node that has just started: it remembers nothing.
    pub fn start(at: usize, plan: &Plan, peers: Vec<String>, secrets: Vec<Secret>, skew_ms: i64) -> Node {
        let self_name = Some(name(at));
        let options = PoolOptions { self_name, peers, seed: at as u64 + 1, ..PoolOptions::default() };
        let mut pool = Pool::new(&options).expect("the pool's options are sound");
        let id = pool.add_group(GROUP, plan.options.clone()).expect("the group's options are sound");
        let book = Book::default();
        Node { up: true, swallows: false, pool, id, secrets, skew_ms, slow_ms: 0, lies: 0, book }
    }

    /// What the node takes for the time.
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

/// What the simulator saw a node do since it started, against which the node's own word is held.
#[derive(Debug, Default)]
pub struct Book {
    pub counted: Counted,
    /// By key: what came here.
    pub came: BTreeMap<usize, Vec<Arrival>>,
    /// By key: the stamps of removes and sets.
    pub forgotten: BTreeMap<usize, Vec<u64>>,
    pub troubles: BTreeMap<usize, Trouble>,
    /// Asks not made, when that was last looked at.
    pub short_circuits: u64,
}

/// A version that came to a node.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    version: usize,
    /// The stamp at which the load or the question that brought it began.
    began: u64,
    /// When it came from a peer.
    hot_since: Option<Ms>,
}

/// The counters that the simulator keeps as well; the names are those of the stats.
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

/// A peer that failed lately, and what its breaker must be: see `src/breaker.rs`.
#[derive(Debug, Default)]
pub struct Trouble {
    /// How the last asks ended, true for a failure.
    history: VecDeque<bool>,
    pub is_open: bool,
    pub opened_at: Ms,
    /// Since when nobody may ask it before a cool-down: the breaker's opening, or the last probe.
    pub closed_since: Ms,
    /// Questions since it opened.
    pub probes: u64,
}

/// How many failures in a row open a breaker, and over how many asks half of them do.
const MOST_IN_A_ROW: usize = 5;
const HISTORY: usize = 32;

impl Book {
    /// How an ask ended.
    pub fn hears(&mut self, peer: usize, now: Ms, failed: bool) {
        let trouble = self.troubles.entry(peer).or_default();
        if trouble.is_open {
            if !failed {
                self.troubles.remove(&peer);
            }
            return;
        }
        trouble.history.push_front(failed);
        trouble.history.truncate(HISTORY);
        let failures = trouble.history.iter().filter(|&&failed| failed).count();
        let in_a_row = trouble.history.iter().take_while(|&&failed| failed).count();
        let too_often = trouble.history.len() == HISTORY && failures >= HISTORY / 2;
        if failed && (in_a_row >= MOST_IN_A_ROW || too_often) {
            (trouble.is_open, trouble.opened_at, trouble.closed_since) = (true, now, now);
        } else if failures == 0 {
            self.troubles.remove(&peer);
        }
    }

    pub fn comes(&mut self, key: usize, version: usize, began: u64, hot_since: Option<Ms>) {
        self.came.entry(key).or_default().push(Arrival { version, began, hot_since });
    }

    fn arrivals(&self, key: usize, version: usize) -> impl Iterator<Item = &Arrival> {
        self.came.get(&key).into_iter().flatten().filter(move |arrival| arrival.version == version)
    }

    /// For how long a version has been here at least, if every copy of it came from a peer.
    pub fn hot_for_ms(&self, key: usize, version: usize, now: Ms) -> Option<Ms> {
        let newest = self.arrivals(key, version).map(|arrival| arrival.hot_since.unwrap_or(now)).max();
        newest.map(|newest| now - newest)
    }

    /// Whether a remove or a set of the key has come since.
    pub fn is_forgotten_since(&self, key: usize, stamp: u64) -> bool {
        self.forgotten.get(&key).and_then(|stamps| stamps.last()).is_some_and(|&last| last > stamp)
    }

    /// Whether whoever looks a key up at `stamp` may be given that version: one that began to come after the last
    /// remove before.
    pub fn may_give(&self, key: usize, version: usize, stamp: u64) -> bool {
        let removes = self.forgotten.get(&key).map_or(&[][..], Vec::as_slice);
        let removed = removes.iter().rev().find(|&&remove| remove < stamp).copied().unwrap_or(0);
        self.arrivals(key, version).any(|arrival| arrival.began >= removed)
    }
}
