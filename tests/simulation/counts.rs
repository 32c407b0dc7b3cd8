//! Book-keeping: what the simulator saw a node do, held against the node's own counters; and what a run has seen in all.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use geecache_edge::group::{Next, Origin, Step, Task};
use geecache_edge::{Code, PeerPicker};

use crate::invariants::Invariant;
use crate::leader::{Came, Doing};
use crate::node::{Counted, Node, name};
use crate::plan::Ms;
use crate::shell::Outcome;
use crate::world::World;

/// How often a store is walked, in events.
const VALIDATED_EVERY: u64 = 256;

/// What happened in a run, so that a simulator which stopped trying shows.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub events: u64,
    pub calls: u64,
    pub values: u64,
    pub loads: u64,
    pub asks: u64,
    pub lost: u64,
    pub doubled: u64,
    pub altered: u64,
    pub cut_off: u64,
    pub strangers: u64,
    pub turned_away: u64,
    pub cut: u64,
    pub vanished: u64,
    pub superseded: u64,
    /// From the stats of nodes that are gone.
    pub stale_hits: u64,
    pub coalesced: u64,
    pub peer_hits: u64,
    pub short_circuits: u64,
    pub lost_flights: u64,
    pub timeouts: u64,
    pub refused: u64,
    pub invalidated_loads: u64,
    pub evictions: u64,
    /// By key: loads whose leader vanished. By node and peer: when it last asked it.
    pub lost_loads: BTreeMap<usize, u64>,
    pub asked_at: BTreeMap<(usize, usize), Ms>,
}

impl Seen {
    /// Takes a node's counters over before it is gone.
    pub fn forget_node(&mut self, node: &Node) {
        let stats = node.group().stats();
        self.stale_hits += stats.stale_hits;
        self.coalesced += stats.coalesced;
        self.peer_hits += stats.peer_hits;
        self.short_circuits += stats.short_circuits;
        self.lost_flights += stats.lost_flights;
        self.timeouts += stats.timeouts;
        self.refused += stats.rejected;
        self.invalidated_loads += stats.invalidated_loads;
        self.evictions += stats.evictions;
    }

    /// Every count with its name.
    pub fn counts(&self) -> [(&'static str, u64); 23] {
        [
            ("events", self.events),
            ("calls", self.calls),
            ("values", self.values),
            ("loads", self.loads),
            ("questions", self.asks),
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("altered", self.altered),
            ("cut off", self.cut_off),
            ("strangers", self.strangers),
            ("turned away", self.turned_away),
            ("cut", self.cut),
            ("vanished", self.vanished),
            ("superseded", self.superseded),
            ("stale", self.stale_hits),
            ("joined", self.coalesced),
            ("from peers", self.peer_hits),
            ("passed over", self.short_circuits),
            ("lost flights", self.lost_flights),
            ("timeouts", self.timeouts),
            ("refused", self.refused),
            ("invalidated_loads", self.invalidated_loads),
            ("evicted", self.evictions),
        ]
    }
}

impl World {
    pub fn count_step(&mut self, node: usize, asker: Origin, again: bool, step: &Step) {
        let counted = &mut self.nodes[node].book.counted;
        match asker {
            _ if again => {}
            Origin::Local => counted.requests += 1,
            Origin::Peer => counted.peer_requests += 1,
        }
        match step {
            Step::Hit(_) => counted.hits += 1,
            Step::Stale(..) => counted.stale_hits += 1,
            Step::Join(_) => counted.coalesced += 1,
            Step::Lead(..) => {}
        }
        let (Step::Lead(_, task) | Step::Stale(_, Some((_, task)))) = step else { return };
        counted.loads += u64::from(matches!(task, Task::Load { .. }));
    }

    /// A leader told its flight, which was in the air, what came, and heard what is next.
    pub fn count_told(
        &mut self,
        node: usize,
        key: usize,
        stamp: u64,
        doing: Doing,
        came: &Came,
        next: &Next,
    ) {
        let now = self.now;
        let Node { pool, book, .. } = &mut self.nodes[node];
        let from_peer = matches!(doing, Doing::Asks { .. });
        if let Doing::Asks { peer, .. } = doing
            && !matches!(came, Came::NotTransferable)
            && pool.peers().contains(&name(peer).into())
        {
            book.hears(peer, now, matches!(came, Came::PeerFailed));
        }
        let invalidated_loads = book.is_forgotten_since(key, stamp);
        let counted = &mut book.counted;
        match came {
            Came::PeerFailed | Came::NotTransferable => counted.peer_failures += 1,
            Came::Is(Outcome::Absent) => counted.absent += 1,
            Came::Is(Outcome::Value { .. }) => {
                counted.peer_hits += u64::from(from_peer);
                counted.invalidated_loads += u64::from(invalidated_loads);
            }
            Came::Is(Outcome::Failed(_)) => {}
        }
        match (next, came) {
            (Next::Task(Task::Load { .. }), _) => counted.loads += 1,
            (Next::Stale(_), _) => counted.stale_hits += 1,
            (Next::DeadlinePassed, _) | (Next::Done, Came::Is(Outcome::Failed(_))) => counted.errors += 1,
            _ => {}
        }
    }

    /// A value was told: it is here now, or it is counted why not.
    pub fn check_kept(
        &mut self,
        node: usize,
        key: usize,
        stamp: u64,
        came: &Came,
        doing: Doing,
        refused: u64,
    ) {
        let Came::Is(Outcome::Value { bytes, fresh_ms }) = came else { return };
        let options = &self.plan.options;
        let is_hot = matches!(doing, Doing::Asks { .. });
        let hot_ms =
            options.hot_ttl_ms.or(options.ttl_ms).unwrap_or(Ms::MAX).min(fresh_ms.unwrap_or(Ms::MAX));
        if self.nodes[node].book.is_forgotten_since(key, stamp) || is_hot && hot_ms == 0 {
            return;
        }
        let (name, now) = (self.key(key), self.nodes[node].clock(self.now));
        let group = self.nodes[node].group();
        let is_here = group.peek(&name, now).is_some_and(|found| found.value == &**bytes);
        let newly = group.stats().rejected - refused;
        if u64::from(!is_here) != newly {
            let what =
                format!("node {node}: a value of {} B is here: {is_here}, refused: {newly}", bytes.len());
            self.broke(Invariant::Counted, what);
        }
    }

    pub fn check_set(&mut self, node: usize, key: usize, kept: bool, is_here: bool, refused: u64) {
        let newly = self.nodes[node].group().stats().rejected - refused;
        if kept != is_here || u64::from(!kept) != newly {
            let what =
                format!("node {node}: key {key} was set: {kept}, is here: {is_here}, refused: {newly}");
            self.broke(Invariant::Counted, what);
        }
    }

    /// After every event.
    pub fn check(&mut self) {
        let node = self.touched;
        if !self.nodes[node].up {
            return;
        }
        self.check_counters(node);
        if self.seen.events.is_multiple_of(VALIDATED_EVERY) {
            self.check_store(node);
        }
    }

    pub fn check_counters(&mut self, node: usize) {
        let Node { pool, book, .. } = &mut self.nodes[node];
        let stats = pool.group(geecache_edge::pool::GroupId(0)).expect("the group is there").stats();
        let counted = Counted {
            requests: stats.requests,
            peer_requests: stats.peer_requests,
            hits: stats.hits,
            stale_hits: stats.stale_hits,
            coalesced: stats.coalesced,
            peer_hits: stats.peer_hits,
            peer_failures: stats.peer_failures,
            loads: stats.loads,
            absent: stats.not_found,
            errors: stats.errors,
            timeouts: stats.timeouts,
            invalidated_loads: stats.invalidated_loads,
            unauthorized: pool.counters().unauthorized(),
            ring_mismatches: pool.counters().ring_mismatches(),
        };
        let expected = book.counted.clone();
        let newly = stats.short_circuits - std::mem::replace(&mut book.short_circuits, stats.short_circuits);
        let is_well = !book.troubles.values().any(|trouble| trouble.is_open);
        if counted != expected {
            self.broke(
                Invariant::Counted,
                format!("node {node} counts {counted:?}, and was seen {expected:?}"),
            );
        }
        if newly > 0 && is_well {
            self.broke(Invariant::Breaker, format!("node {node} passes over a peer that is well"));
        }
        if stats.used_bytes > stats.max_bytes {
            let what = format!("node {node} uses {} of {} bytes", stats.used_bytes, stats.max_bytes);
            self.broke(Invariant::Budget, what);
        }
    }

    /// Walks the store.
    pub fn check_store(&mut self, node: usize) {
        let group = self.nodes[node].group();
        if catch_unwind(AssertUnwindSafe(|| group.validate())).is_err() {
            self.broke(Invariant::Budget, format!("node {node}: the store is not as it should be"));
        }
    }

    pub fn shown(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Value { bytes, fresh_ms } => match self.origin.version_of(bytes) {
                Some(version) => format!("version {version}, fresh for {fresh_ms:?} ms"),
                None => format!("{} bytes that nobody made", bytes.len()),
            },
            Outcome::Absent => "no such key".to_owned(),
            Outcome::Failed(Code::Timeout) => "too late".to_owned(),
            Outcome::Failed(code) => code.to_string(),
        }
    }

    pub fn shown_came(&self, came: &Came) -> String {
        match came {
            Came::Is(outcome) => self.shown(outcome),
            Came::PeerFailed => "the peer failed".to_owned(),
            Came::NotTransferable => "unfit".to_owned(),
        }
    }
}
