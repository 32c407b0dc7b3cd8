//! The plan of a run, drawn from its seed: the cluster, its options, the faults and the load.

use geecache_edge::GroupOptions;
use geecache_edge::ring::{DEFAULT_REPLICAS, Ring};
use geecache_edge::store::Policy;
use geecache_edge::wire::Secret;

use crate::node::name;
use crate::support::Rng;

/// Milliseconds of the world's clock, which no node reads.
pub type Ms = u64;

/// The kind of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All faults, at any time.
    Chaos,
    /// A healthy cluster: every node gets the first requests for a few keys at the same time.
    Stampede,
    /// A stampede while a node crashes or is partitioned.
    OwnerDies,
    /// A stampede while callers hang up.
    LeadersCut,
    /// A stampede while the list of peers changes, one node after the other.
    PeersChange,
    /// A peer is down for a long time, under load, and returns.
    Outage,
}

/// One run. Faults are percentages of requests, messages or loads.
#[derive(Clone, Debug)]
pub struct Plan {
    pub kind: Kind,
    pub nodes: usize,
    pub keys: Vec<String>,
    pub options: GroupOptions,
    /// The secrets at the start, and whether they are rotated.
    pub secrets: Vec<Secret>,
    pub rotates: bool,
    /// Largest clock offset of a node, and largest delay of its timers.
    pub skew_ms: Ms,
    pub late_ms: Ms,
    /// Clocks are stepped during the run, which relaxes the invariants on time.
    pub sets_clocks: bool,
    /// Least and greatest delay of a message.
    pub delay_ms: (Ms, Ms),
    pub lost: u64,
    pub doubled: u64,
    pub slow: u64,
    pub corrupted: u64,
    pub load_ms: (Ms, Ms),
    pub fails: u64,
    pub hangs: u64,
    pub absent: u64,
    pub value_bytes: usize,
    /// Percentage of requests with a `waitUntil`; whether followers are told that their leader's request has ended; and the
    /// percentage of background leaders without a `waitUntil` that the runtime kills.
    pub has_wait_until: u64,
    pub reports_lost_leaders: bool,
    pub killed: u64,
    pub lasts_ms: Ms,
    pub calls: u64,
    /// Number of faults in the script, see [`crate::scenarios`].
    pub events: u64,
}

pub const SECRETS: [&str; 3] = ["the old one", "the new one", "a wrong one"];

impl Plan {
    pub fn draw(rng: &mut Rng) -> Plan {
        match rng.below(20) {
            0..=11 => Plan::chaos(rng),
            12 | 13 => Plan::stampede(rng, Kind::Stampede),
            14..=16 => Plan::stampede(rng, Kind::OwnerDies),
            17 => Plan::stampede(rng, Kind::LeadersCut),
            18 => Plan::stampede(rng, Kind::PeersChange),
            _ => Plan::outage(rng),
        }
    }

    /// True if no fault can leave a caller without a value.
    pub fn is_healthy(&self) -> bool {
        self.kind != Kind::Chaos
    }

    fn chaos(rng: &mut Rng) -> Plan {
        let mut options = GroupOptions::new(*rng.pick(&[8 << 10, 16 << 10, 64 << 10, 1 << 20]));
        if rng.chance(30) {
            options.policy = Policy::Lru;
        }
        if rng.chance(30) {
            options.max_entry_bytes = 200 + rng.below(800) as usize;
        }
        let any_ms = |rng: &mut Rng| *rng.pick(&[20, 200, 1_000, 5_000, 20_000]);
        options.ttl_ms = rng.chance(75).then(|| any_ms(rng));
        options.stale_while_revalidate_ms = if rng.chance(40) { any_ms(rng) } else { 0 };
        options.stale_if_error_ms = if rng.chance(40) { any_ms(rng) } else { 0 };
        options.hot_ttl_ms = rng.chance(30).then(|| *rng.pick(&[0, 50, 500, 5_000]));
        options.deadline_ms = *rng.pick(&[250, 800, 2_000, 5_000, 10_000]);
        options.peer_timeout_ms = *rng.pick(&[60, 250, 1_000, 2_000]);
        options.failover = rng.below(4) as u32;
        options.hash_seed = rng.next();
        let mut keys: Vec<String> = (0..1 + rng.below(24)).map(|at| format!("key {at}/+%ü?#&")).collect();
        if rng.chance(20) {
            // No URL can carry these keys.
            keys.extend([".".to_owned(), "ü".repeat(1_100)]);
        }
        let value_bytes = match rng.below(3) {
            0 => 64,
            1 => options.max_entry_bytes.min(4_096) / 2,
            _ => (options.max_entry_bytes * 5 / 4).min(8_192),
        };
        let often = |rng: &mut Rng, most: u64| if rng.chance(50) { 0 } else { rng.below(most) };
        Plan {
            kind: Kind::Chaos,
            nodes: 1 + rng.below(6) as usize,
            keys,
            secrets: secrets(rng, 60),
            rotates: rng.chance(30),
            skew_ms: *rng.pick(&[0, 5_000, 14_000, 40_000]),
            late_ms: rng.below(10),
            sets_clocks: rng.chance(20),
            delay_ms: (0, *rng.pick(&[2, 20, 100])),
            lost: often(rng, 20),
            doubled: often(rng, 20),
            slow: often(rng, 20),
            corrupted: often(rng, 30),
            load_ms: *rng.pick(&[(0, 5), (10, 100), (50, 1_500)]),
            fails: often(rng, 30),
            hangs: often(rng, 10),
            absent: often(rng, 15),
            value_bytes,
            has_wait_until: *rng.pick(&[0, 50, 100]),
            reports_lost_leaders: rng.chance(30),
            killed: *rng.pick(&[0, 50, 100]),
            lasts_ms: *rng.pick(&[500, 3_000, 20_000, 60_000]),
            calls: 20 + rng.below(250),
            events: rng.below(60),
            options,
        }
    }

    /// Values stay fresh, no message is lost, and deadlines are long enough.
    fn healthy(rng: &mut Rng, kind: Kind) -> Plan {
        let mut options = GroupOptions::new(4 << 20);
        options.hot_ttl_ms = rng.chance(20).then_some(0);
        options.ttl_ms = rng.chance(50).then_some(600_000);
        options.failover = 1 + rng.below(2) as u32;
        options.hash_seed = rng.next();
        Plan {
            kind,
            nodes: 2 + rng.below(5) as usize,
            keys: (0..1 + rng.below(4)).map(|at| format!("key-{at}")).collect(),
            secrets: secrets(rng, 40),
            rotates: false,
            skew_ms: rng.below(14_000),
            late_ms: rng.below(8),
            sets_clocks: false,
            delay_ms: (0, 1 + rng.below(30)),
            lost: 0,
            doubled: if rng.chance(50) { 20 } else { 0 },
            slow: 0,
            corrupted: 0,
            load_ms: (1, 600),
            fails: 0,
            hangs: 0,
            absent: 0,
            value_bytes: 200,
            has_wait_until: *rng.pick(&[0, 50, 100]),
            reports_lost_leaders: rng.chance(30),
            killed: 0,
            lasts_ms: 1 + rng.below(400),
            calls: 0,
            events: 0,
            options,
        }
    }

    fn stampede(rng: &mut Rng, kind: Kind) -> Plan {
        let mut plan = Plan::healthy(rng, kind);
        if kind == Kind::LeadersCut {
            // Even if an owner's leaders vanish twice, it responds within the peer timeout.
            (plan.load_ms, plan.events) = ((1, 300), 1 + rng.below(2));
        }
        plan
    }

    fn outage(rng: &mut Rng) -> Plan {
        let mut plan = Plan::healthy(rng, Kind::Outage);
        plan.nodes = 2 + rng.below(2) as usize;
        plan.options.peer_timeout_ms = 100 + rng.below(300);
        plan.load_ms = (1, 20);
        (plan.delay_ms, plan.doubled) = ((0, 10), 0);
        plan.lasts_ms = 10_000 + rng.below(80_000);
        let ring = Ring::new(DEFAULT_REPLICAS, (0..plan.nodes).map(name));
        let owned = (0..).map(|at| format!("key-{at}"));
        let is_its = |key: &String| ring.owner(key.as_bytes()).is_some_and(|owner| **owner == name(0));
        plan.keys = owned.filter(is_its).take(300).collect();
        plan
    }
}

fn secrets(rng: &mut Rng, percent: u64) -> Vec<Secret> {
    if rng.chance(percent) { vec![SECRETS[0].to_owned()] } else { Vec::new() }
}
