//! Scenarios: a script drawn for each kind of plan, then recovery without faults, and the checks at the end.

use geecache_edge::Ring;

use crate::counts::Coverage;
use crate::faults::Action;
use crate::invariants::{Invariant, Violation};
use crate::node::{START_MS, name};
use crate::plan::{Kind, Ms, Plan, SECRETS};
use crate::support::Rng;
use crate::world::{Event, World, trace};

/// Most callers per key and node in a stampede.
const MOST_CALLERS: u64 = 5;
/// Time before and after an outage.
const BEFORE_MS: Ms = 2_000;
const AFTER_MS: Ms = 40_000;

/// Runs a seed from its script to recovery.
pub fn run(seed: u64, traces: bool) -> Result<Coverage, Violation> {
    let mut rng = Rng::new(seed);
    let plan = Plan::draw(&mut rng);
    let mut world = World::new(plan, rng, traces);
    match world.plan.kind {
        Kind::Chaos => world.script_chaos(),
        Kind::Stampede => world.script_stampede(),
        Kind::OwnerDies | Kind::LeadersCut | Kind::PeersChange => {
            world.script_stampede();
            world.script_losses();
        }
        Kind::Outage => world.script_outage(),
    }
    world.drain();
    world.check_loads();
    world.recover();
    match world.violation {
        Some(violation) => Err(violation),
        None => Ok(world.coverage),
    }
}

impl World {
    fn schedule(&mut self, at: Ms, action: Action) {
        self.after(at, Event::Action(action));
    }

    fn any_node(&mut self) -> usize {
        self.rng.below(self.plan.nodes as u64) as usize
    }

    fn any_key(&mut self) -> usize {
        // Low numbers are requested more often.
        let keys = self.plan.keys.len() as u64;
        (self.rng.below(keys) * (self.rng.below(keys) + 1) / keys) as usize
    }

    fn script_chaos(&mut self) {
        let lasts_ms = self.plan.lasts_ms;
        for _ in 0..self.plan.calls {
            let (at, node, key) = (self.rng.below(lasts_ms), self.any_node(), self.any_key());
            let timeout_ms = if self.rng.chance(20) { self.rng.below(1_000) } else { Ms::MAX };
            self.schedule(at, Action::Call { node, key, timeout_ms });
        }
        if self.plan.rotates && !self.plan.secrets.is_empty() {
            self.script_rotation();
        }
        for _ in 0..self.plan.events {
            let at = self.rng.below(lasts_ms);
            self.script_event(at);
        }
    }

    /// Rotates the secret: each node accepts the new one, then signs with it, then drops the old one. No node is more than
    /// one step ahead, so no peer is rejected.
    fn script_rotation(&mut self) {
        let [old, new, _] = SECRETS.map(str::to_owned);
        let lists = [vec![old.clone(), new.clone()], vec![new.clone(), old], vec![new]];
        let third_ms = self.plan.lasts_ms / 3;
        for (phase, list) in (0..).zip(lists) {
            for node in 0..self.plan.nodes {
                let at = third_ms * phase + self.rng.below(third_ms + 1);
                self.schedule(at, Action::Secrets { node, list: list.clone() });
            }
        }
    }

    /// A fault, and its end later.
    fn script_event(&mut self, at: Ms) {
        let (node, key) = (self.any_node(), self.any_key());
        let later = at + self.rng.below(self.plan.lasts_ms / 2 + 1);
        let (drops_silently, side) = (self.rng.chance(50), self.rng.next());
        let (begins, ends) = match self.rng.below(16) {
            0 | 1 => (Action::Crash { node, drops_silently }, Some(Action::Start { node })),
            2 => (Action::Partition { side, drops_silently }, Some(Action::Heal)),
            3 => {
                self.script_peers(at);
                let list = (0..self.plan.nodes).collect();
                (Action::Cut, Some(Action::Peers { node, list }))
            }
            4 => (Action::Slow { node, ms: self.rng.below(3_000) }, Some(Action::Slow { node, ms: 0 })),
            5 => (Action::Corrupt { node, percent: 80 }, Some(Action::Corrupt { node, percent: 0 })),
            6 | 7 => (Action::Remove { node, key }, None),
            8 => (Action::Set { node, key }, None),
            9 if self.rng.chance(20) => (Action::Clear { node }, None),
            10 => (Action::UnsignedRequest { node }, None),
            9 | 13 if self.plan.sets_clocks => {
                let ms = *self.rng.pick(&[20, 1_000, 20_000, 3_600_000]);
                let step_ms = if self.rng.chance(50) { ms } else { -ms };
                (Action::Clock { node, step_ms }, None)
            }
            12 if !self.plan.secrets.is_empty() => {
                let list = |at: usize| vec![SECRETS[at].to_owned()];
                (Action::Secrets { node, list: list(1) }, Some(Action::Secrets { node, list: list(0) }))
            }
            11 => (Action::Repeat, None),
            _ => (Action::Cut, None),
        };
        self.schedule(at, begins);
        if let Some(ends) = ends {
            self.schedule(later, ends);
        }
    }

    /// Changes the list of peers; some nodes get it late or never.
    fn script_peers(&mut self, at: Ms) {
        let nodes: Vec<usize> = (0..self.plan.nodes).collect();
        let mut list: Vec<usize> = nodes.iter().copied().filter(|_| self.rng.chance(50)).collect();
        self.rng.shuffle(&mut list);
        for node in nodes {
            if self.rng.chance(80) {
                let late_ms = self.rng.below(2_000);
                self.schedule(at + late_ms, Action::Peers { node, list: list.clone() });
            }
        }
    }

    /// Every node gets requests for every key at nearly the same time.
    fn script_stampede(&mut self) {
        for node in 0..self.plan.nodes {
            for key in 0..self.plan.keys.len() {
                for _ in 0..1 + self.rng.below(MOST_CALLERS) {
                    let at = self.rng.below(self.plan.lasts_ms);
                    self.schedule(at, Action::Call { node, key, timeout_ms: Ms::MAX });
                }
            }
        }
    }

    fn script_losses(&mut self) {
        if self.plan.kind == Kind::OwnerDies {
            let (node, drops_silently) = (self.any_node(), self.rng.chance(50));
            let at = self.rng.below(self.plan.lasts_ms + 1_000);
            let dies = Action::Crash { node, drops_silently };
            // Or it runs on, unreachable.
            let partitions = Action::Partition { side: 1 << node, drops_silently };
            let action = if self.rng.chance(30) { partitions } else { dies };
            self.schedule(at, action);
        }
        if self.plan.kind == Kind::PeersChange {
            for _ in 0..1 + self.rng.below(3) {
                let at = self.rng.below(self.plan.lasts_ms);
                self.script_peers(at);
            }
        }
        for _ in 0..self.plan.events {
            let at = self.rng.below(self.plan.lasts_ms + 300);
            self.schedule(at, Action::Cut);
        }
    }

    /// Node 0 owns every key and is down for a while; the other nodes get requests for one key after the other.
    fn script_outage(&mut self) {
        let down_ms = self.plan.lasts_ms;
        let gap_ms = self.gap_ms();
        for key in 0..self.plan.keys.len() {
            let node = 1 + key % (self.plan.nodes - 1);
            self.schedule(gap_ms * key as Ms, Action::Call { node, key, timeout_ms: Ms::MAX });
        }
        let drops_silently = self.rng.chance(50);
        self.schedule(BEFORE_MS, Action::Crash { node: 0, drops_silently });
        self.schedule(BEFORE_MS + down_ms, Action::Start { node: 0 });
    }

    fn gap_ms(&self) -> Ms {
        (BEFORE_MS + self.plan.lasts_ms + AFTER_MS) / self.plan.keys.len() as Ms
    }

    /// Runs until everything has ended. Work that continues long after every deadline is a violation.
    fn drain(&mut self) {
        let (last, deadline_ms) = (self.now.max(START_MS + self.lasts_ms()), self.plan.options.deadline_ms);
        let is_still = self.run_until(last + 2 * deadline_ms + 20_000 + self.stepped_ms);
        if !is_still || self.violation.is_none() && self.requests.len() + self.leaders.len() > 0 {
            let what =
                format!("{} requests and {} leaders never end", self.requests.len(), self.leaders.len());
            self.violate(Invariant::AtRest, what);
        }
    }

    fn lasts_ms(&self) -> Ms {
        match self.plan.kind {
            Kind::Outage => BEFORE_MS + self.plan.lasts_ms + AFTER_MS,
            _ => self.plan.lasts_ms * 2 + 5_000,
        }
    }

    /// Checks the number of loads of a stampede. Under all faults no bound holds: a load is lost with its node or leader, runs
    /// at the requesting node when a response is lost or late, at two owners when lists of peers disagree, and again when the
    /// value was removed, expired or was evicted. Here only the counted cases happen.
    fn check_loads(&mut self) {
        let ring = Ring::new(geecache_edge::ring::DEFAULT_REPLICAS, (0..self.plan.nodes).map(name));
        for key in 0..self.plan.keys.len() {
            let loads = self.database.loads.get(&key).copied().unwrap_or(0);
            let owner = ring.owner(&self.key(key)).and_then(|owner| self.node_index(owner));
            let most = match self.plan.kind {
                Kind::Stampede => 1,
                // A partitioned owner loads for itself, the ring's next peer for the others.
                Kind::OwnerDies if self.network.partition.is_some() => 2,
                Kind::OwnerDies => 1 + u64::from(owner.is_some_and(|owner| !self.nodes[owner].up)),
                // A load is lost with its leader; a `waitUntil` keeps leaders alive.
                Kind::LeadersCut => 1 + self.coverage.lost_loads.get(&key).copied().unwrap_or(0),
                // Every node that some list names as the owner loads, and again if its requester hung up.
                Kind::PeersChange => {
                    self.plan.nodes as u64 + self.coverage.lost_loads.get(&key).copied().unwrap_or(0)
                }
                Kind::Chaos | Kind::Outage => return self.check_return(),
            };
            if loads > most {
                self.violate(
                    Invariant::OneLoad,
                    format!("key {key} was loaded {loads} times: {most} at most"),
                );
            }
        }
    }

    /// After an outage every node sends requests to the peer again.
    fn check_return(&mut self) {
        let end = START_MS + BEFORE_MS + self.plan.lasts_ms + AFTER_MS;
        // Keys are requested in turn, and the last gap is longer than the others.
        let latest_ms = self.gap_ms() * (self.plan.nodes as Ms + 2);
        for node in 1..self.plan.nodes {
            let asked_at = self.coverage.asked_at.get(&(node, 0)).copied().unwrap_or(0);
            if self.plan.kind == Kind::Outage && asked_at + latest_ms < end {
                let what = format!("node {node} does not send requests to node 0 long after its return");
                self.violate(Invariant::Breaker, what);
            }
        }
    }

    /// Ends all faults: every node must return every key, and no flight may be left.
    fn recover(&mut self) {
        trace!(self, "-- faults end");
        let Plan { lost, doubled, slow, corrupted, fails, hangs, absent, killed, .. } = &mut self.plan;
        [lost, doubled, slow, corrupted, fails, hangs, absent, killed]
            .into_iter()
            .for_each(|fault| *fault = 0);
        (self.plan.load_ms, self.plan.delay_ms) = ((0, 10), (0, 5));
        (self.network.partition, self.is_settled) = (None, true);
        let deadline_ms = self.plan.options.deadline_ms;
        for node in 0..self.plan.nodes {
            self.start(node);
            (self.nodes[node].slow_ms, self.nodes[node].corrupted) = (0, 0);
            self.schedule(0, Action::Peers { node, list: (0..self.plan.nodes).collect() });
        }
        // A flight without a leader is detected by a follower, or swept after its deadline.
        if deadline_ms < 4_000 || self.rng.chance(30) {
            self.pass(2 * deadline_ms + 1 + self.stepped_ms);
        }
        for node in 0..self.plan.nodes {
            for key in 0..self.plan.keys.len().min(32) {
                self.schedule(0, Action::Call { node, key, timeout_ms: Ms::MAX });
            }
        }
        self.drain();
        self.pass(2 * deadline_ms + 1 + self.stepped_ms);
        // A lookup of a new key sweeps abandoned flights.
        self.plan.keys.push("the last one".to_owned());
        for node in 0..self.plan.nodes {
            self.schedule(0, Action::Call { node, key: self.plan.keys.len() - 1, timeout_ms: Ms::MAX });
        }
        self.drain();
        for node in 0..self.plan.nodes {
            let flights = self.nodes[node].group().stats().flights;
            if flights > 0 {
                self.violate(Invariant::AtRest, format!("node {node} has {flights} flights at the end"));
            }
            self.check_counters(node);
            self.check_store(node);
            self.coverage.add_node(&self.nodes[node]);
        }
    }
}
