//! Counters: the simulator's own count of a node's behaviour against the node's `Stats`, and the coverage of a run.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use geecache_edge::group::{Next, Origin, Step, Task};
use geecache_edge::{Code, PeerPicker};

use crate::invariants::Invariant;
use crate::leader::{TaskOutcome, Work};
use crate::node::{Counted, Node, name};
use crate::plan::Ms;
use crate::shell::Outcome;
use crate::world::World;

/// Events between two walks of a store.
const VALIDATED_EVERY: u64 = 256;

/// Coverage of a run: shows whether the simulator still exercises each kind of event.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
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
    pub rejected: u64,
    pub cut: u64,
    pub vanished: u64,
    pub superseded: u64,
    /// Sums over the stats of all nodes.
    pub stale_hits: u64,
    pub coalesced: u64,
    pub peer_hits: u64,
    pub short_circuits: u64,
    pub lost_flights: u64,
    pub timeouts: u64,
    pub refused: u64,
    pub invalidated_loads: u64,
    pub evictions: u64,
    /// Loads whose leader vanished, by key. Time of the last request, by node and peer.
    pub lost_loads: BTreeMap<usize, u64>,
    pub asked_at: BTreeMap<(usize, usize), Ms>,
}

impl Coverage {
    /// Adds a node's counters before the node is dropped.
    pub fn add_node(&mut self, node: &Node) {
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

    /// All counts by name.
    pub fn counts(&self) -> [(&'static str, u64); 23] {
        [
            ("events", self.events),
            ("calls", self.calls),
            ("values", self.values),
            ("loads", self.loads),
            ("requests", self.asks),
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("altered", self.altered),
            ("cut off", self.cut_off),
            ("unsigned", self.strangers),
            ("rejected requests", self.rejected),
            ("cut", self.cut),
            ("vanished", self.vanished),
            ("superseded", self.superseded),
            ("stale", self.stale_hits),
            ("coalesced", self.coalesced),
            ("from peers", self.peer_hits),
            ("short circuits", self.short_circuits),
            ("lost flights", self.lost_flights),
            ("timeouts", self.timeouts),
            ("rejected values", self.refused),
            ("invalidated loads", self.invalidated_loads),
            ("evicted", self.evictions),
        ]
    }
}

impl World {
    pub fn count_step(&mut self, node: usize, origin: Origin, again: bool, step: &Step) {
        let counted = &mut self.nodes[node].observed.counted;
        match origin {
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

    /// Counts a leader's result for a flight in progress, and the next step.
    pub fn count_result(
        &mut self,
        node: usize,
        key: usize,
        stamp: u64,
        work: Work,
        outcome: &TaskOutcome,
        next: &Next,
    ) {
        let now = self.now;
        let Node { pool, observed, .. } = &mut self.nodes[node];
        let from_peer = matches!(work, Work::Ask { .. });
        if let Work::Ask { peer, .. } = work
            && !matches!(outcome, TaskOutcome::NotTransferable)
            && pool.peers().contains(&name(peer).into())
        {
            observed.record_result(peer, now, matches!(outcome, TaskOutcome::PeerFailed));
        }
        let invalidated_loads = observed.is_removed_since(key, stamp);
        let counted = &mut observed.counted;
        match outcome {
            TaskOutcome::PeerFailed | TaskOutcome::NotTransferable => counted.peer_failures += 1,
            TaskOutcome::Ended(Outcome::Absent) => counted.absent += 1,
            TaskOutcome::Ended(Outcome::Value { .. }) => {
                counted.peer_hits += u64::from(from_peer);
                counted.invalidated_loads += u64::from(invalidated_loads);
            }
            TaskOutcome::Ended(Outcome::Failed(_)) => {}
        }
        match (next, outcome) {
            (Next::Task(Task::Load { .. }), _) => counted.loads += 1,
            (Next::Stale(_), _) => counted.stale_hits += 1,
            (Next::DeadlinePassed, _) | (Next::Done, TaskOutcome::Ended(Outcome::Failed(_))) => {
                counted.errors += 1
            }
            _ => {}
        }
    }

    /// A loaded value is stored, or counted as rejected.
    pub fn check_stored(
        &mut self,
        node: usize,
        key: usize,
        stamp: u64,
        outcome: &TaskOutcome,
        work: Work,
        refused: u64,
    ) {
        let TaskOutcome::Ended(Outcome::Value { bytes, fresh_ms }) = outcome else { return };
        let options = &self.plan.options;
        let is_hot = matches!(work, Work::Ask { .. });
        let hot_ms =
            options.hot_ttl_ms.or(options.ttl_ms).unwrap_or(Ms::MAX).min(fresh_ms.unwrap_or(Ms::MAX));
        if self.nodes[node].observed.is_removed_since(key, stamp) || is_hot && hot_ms == 0 {
            return;
        }
        let (name, now) = (self.key(key), self.nodes[node].clock(self.now));
        let group = self.nodes[node].group();
        let is_here = group.peek(&name, now).is_some_and(|found| found.value == &**bytes);
        let newly = group.stats().rejected - refused;
        if u64::from(!is_here) != newly {
            let what =
                format!("node {node}: a value of {} B is here: {is_here}, rejected: {newly}", bytes.len());
            self.violate(Invariant::Counted, what);
        }
    }

    pub fn check_set(&mut self, node: usize, key: usize, kept: bool, is_here: bool, refused: u64) {
        let newly = self.nodes[node].group().stats().rejected - refused;
        if kept != is_here || u64::from(!kept) != newly {
            let what =
                format!("node {node}: key {key} was set: {kept}, is here: {is_here}, rejected: {newly}");
            self.violate(Invariant::Counted, what);
        }
    }

    /// Checks after every event.
    pub fn check(&mut self) {
        let node = self.touched;
        if !self.nodes[node].up {
            return;
        }
        self.check_counters(node);
        if self.coverage.events.is_multiple_of(VALIDATED_EVERY) {
            self.check_store(node);
        }
    }

    pub fn check_counters(&mut self, node: usize) {
        let Node { pool, observed, .. } = &mut self.nodes[node];
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
        let expected = observed.counted.clone();
        let newly =
            stats.short_circuits - std::mem::replace(&mut observed.short_circuits, stats.short_circuits);
        let is_well = !observed.breakers.values().any(|breaker| breaker.is_open);
        if counted != expected {
            self.violate(
                Invariant::Counted,
                format!("node {node} counts {counted:?}, the simulator counts {expected:?}"),
            );
        }
        if newly > 0 && is_well {
            self.violate(Invariant::Breaker, format!("node {node} skips a healthy peer"));
        }
        if stats.used_bytes > stats.max_bytes {
            let what = format!("node {node} uses {} of {} bytes", stats.used_bytes, stats.max_bytes);
            self.violate(Invariant::Budget, what);
        }
    }

    /// Walks the store.
    pub fn check_store(&mut self, node: usize) {
        let group = self.nodes[node].group();
        if catch_unwind(AssertUnwindSafe(|| group.validate())).is_err() {
            self.violate(Invariant::Budget, format!("node {node}: the store is inconsistent"));
        }
    }

    pub fn describe(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Value { bytes, fresh_ms } => match self.database.version_of(bytes) {
                Some(version) => format!("version {version}, fresh for {fresh_ms:?} ms"),
                None => format!("{} bytes of no known version", bytes.len()),
            },
            Outcome::Absent => "not found".to_owned(),
            Outcome::Failed(Code::Timeout) => "deadline passed".to_owned(),
            Outcome::Failed(code) => code.to_string(),
        }
    }

    pub fn describe_task(&self, outcome: &TaskOutcome) -> String {
        match outcome {
            TaskOutcome::Ended(outcome) => self.describe(outcome),
            TaskOutcome::PeerFailed => "the peer failed".to_owned(),
            TaskOutcome::NotTransferable => "not transferable".to_owned(),
        }
    }
}
