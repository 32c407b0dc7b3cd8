//! Runs: a script drawn for each kind of plan, the calm after it, and what must be true by then.

use geecache_edge::Ring;

use crate::counts::Seen;
use crate::faults::Deed;
use crate::invariants::{Invariant, Violation};
use crate::node::{START_MS, name};
use crate::plan::{Kind, Ms, Plan, SECRETS};
use crate::support::Rng;
use crate::world::{Event, World, trace};

/// How many callers of a key a stampede has on each node, at most.
const MOST_CALLERS: u64 = 5;
/// What an outage has before and after it.
const BEFORE_MS: Ms = 2_000;
const AFTER_MS: Ms = 40_000;

/// One run, from its seed to the calm at its end.
pub fn run(seed: u64, traces: bool) -> Result<Seen, Violation> {
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
    world.settle_down();
    world.check_loads();
    world.rest();
    match world.broken {
        Some(violation) => Err(violation),
        None => Ok(world.seen),
    }
}

impl World {
    fn plan_deed(&mut self, at: Ms, deed: Deed) {
        self.after(at, Event::Deed(deed));
    }

    fn any_node(&mut self) -> usize {
        self.rng.below(self.plan.nodes as u64) as usize
    }

    fn any_key(&mut self) -> usize {
        // Low numbers are asked for more often.
        let keys = self.plan.keys.len() as u64;
        (self.rng.below(keys) * (self.rng.below(keys) + 1) / keys) as usize
    }

    fn script_chaos(&mut self) {
        let lasts_ms = self.plan.lasts_ms;
        for _ in 0..self.plan.calls {
            let (at, node, key) = (self.rng.below(lasts_ms), self.any_node(), self.any_key());
            let timeout_ms = if self.rng.chance(20) { self.rng.below(1_000) } else { Ms::MAX };
            self.plan_deed(at, Deed::Call { node, key, timeout_ms });
        }
        if self.plan.rotates && !self.plan.secrets.is_empty() {
            self.script_rotation();
        }
        for _ in 0..self.plan.events {
            let at = self.rng.below(lasts_ms);
            self.script_event(at);
        }
    }

    /// One secret takes another's place: each node accepts the new one, then signs with it, then forgets the old one;
    /// no node is a step ahead of another, and so nobody is turned away.
    fn script_rotation(&mut self) {
        let [old, new, _] = SECRETS.map(str::to_owned);
        let lists = [vec![old.clone(), new.clone()], vec![new.clone(), old], vec![new]];
        let third_ms = self.plan.lasts_ms / 3;
        for (phase, list) in (0..).zip(lists) {
            for node in 0..self.plan.nodes {
                let at = third_ms * phase + self.rng.below(third_ms + 1);
                self.plan_deed(at, Deed::Secrets { node, list: list.clone() });
            }
        }
    }

    /// Something goes wrong at a moment, and is mended later.
    fn script_event(&mut self, at: Ms) {
        let (node, key) = (self.any_node(), self.any_key());
        let later = at + self.rng.below(self.plan.lasts_ms / 2 + 1);
        let (swallows, side) = (self.rng.chance(50), self.rng.next());
        let (begins, ends) = match self.rng.below(16) {
            0 | 1 => (Deed::Crash { node, swallows }, Some(Deed::Start { node })),
            2 => (Deed::Part { side, swallows }, Some(Deed::Heal)),
            3 => {
                self.script_peers(at);
                let list = (0..self.plan.nodes).collect();
                (Deed::Cut, Some(Deed::Peers { node, list }))
            }
            4 => (Deed::Slow { node, ms: self.rng.below(3_000) }, Some(Deed::Slow { node, ms: 0 })),
            5 => (Deed::Lies { node, percent: 80 }, Some(Deed::Lies { node, percent: 0 })),
            6 | 7 => (Deed::Remove { node, key }, None),
            8 => (Deed::Set { node, key }, None),
            9 if self.rng.chance(20) => (Deed::Clear { node }, None),
            10 => (Deed::Stranger { node }, None),
            9 | 13 if self.plan.sets_clocks => {
                let ms = *self.rng.pick(&[20, 1_000, 20_000, 3_600_000]);
                let step_ms = if self.rng.chance(50) { ms } else { -ms };
                (Deed::Clock { node, step_ms }, None)
            }
            12 if !self.plan.secrets.is_empty() => {
                let list = |at: usize| vec![SECRETS[at].to_owned()];
                (Deed::Secrets { node, list: list(1) }, Some(Deed::Secrets { node, list: list(0) }))
            }
            11 => (Deed::Repeat, None),
            _ => (Deed::Cut, None),
        };
        self.plan_deed(at, begins);
        if let Some(ends) = ends {
            self.plan_deed(later, ends);
        }
    }

    /// Another list of peers, of which some hear late, or never.
    fn script_peers(&mut self, at: Ms) {
        let nodes: Vec<usize> = (0..self.plan.nodes).collect();
        let mut list: Vec<usize> = nodes.iter().copied().filter(|_| self.rng.chance(50)).collect();
        self.rng.shuffle(&mut list);
        for node in nodes {
            if self.rng.chance(80) {
                let late_ms = self.rng.below(2_000);
                self.plan_deed(at + late_ms, Deed::Peers { node, list: list.clone() });
            }
        }
    }

    /// Every node is asked for every key, within a moment.
    fn script_stampede(&mut self) {
        for node in 0..self.plan.nodes {
            for key in 0..self.plan.keys.len() {
                for _ in 0..1 + self.rng.below(MOST_CALLERS) {
                    let at = self.rng.below(self.plan.lasts_ms);
                    self.plan_deed(at, Deed::Call { node, key, timeout_ms: Ms::MAX });
                }
            }
        }
    }

    fn script_losses(&mut self) {
        if self.plan.kind == Kind::OwnerDies {
            let (node, swallows) = (self.any_node(), self.rng.chance(50));
            let at = self.rng.below(self.plan.lasts_ms + 1_000);
            let dies = Deed::Crash { node, swallows };
            // Or it lives on, and nobody can reach it.
            let parts = Deed::Part { side: 1 << node, swallows };
            let deed = if self.rng.chance(30) { parts } else { dies };
            self.plan_deed(at, deed);
        }
        if self.plan.kind == Kind::PeersChange {
            for _ in 0..1 + self.rng.below(3) {
                let at = self.rng.below(self.plan.lasts_ms);
                self.script_peers(at);
            }
        }
        for _ in 0..self.plan.events {
            let at = self.rng.below(self.plan.lasts_ms + 300);
            self.plan_deed(at, Deed::Cut);
        }
    }

    /// Node 0 owns every key and is down for a while; the others are asked for one key after the other.
    fn script_outage(&mut self) {
        let down_ms = self.plan.lasts_ms;
        let gap_ms = self.gap_ms();
        for key in 0..self.plan.keys.len() {
            let node = 1 + key % (self.plan.nodes - 1);
            self.plan_deed(gap_ms * key as Ms, Deed::Call { node, key, timeout_ms: Ms::MAX });
        }
        let swallows = self.rng.chance(50);
        self.plan_deed(BEFORE_MS, Deed::Crash { node: 0, swallows });
        self.plan_deed(BEFORE_MS + down_ms, Deed::Start { node: 0 });
    }

    fn gap_ms(&self) -> Ms {
        (BEFORE_MS + self.plan.lasts_ms + AFTER_MS) / self.plan.keys.len() as Ms
    }

    /// Lets all that is under way end. Whatever is still going on long after every deadline never will.
    fn settle_down(&mut self) {
        let (last, deadline_ms) = (self.now.max(START_MS + self.lasts_ms()), self.plan.options.deadline_ms);
        let is_still = self.run_until(last + 2 * deadline_ms + 20_000 + self.stepped_ms);
        if !is_still || self.broken.is_none() && self.requests.len() + self.leaders.len() > 0 {
            let what =
                format!("{} requests and {} leaders never end", self.requests.len(), self.leaders.len());
            self.broke(Invariant::AtRest, what);
        }
    }

    fn lasts_ms(&self) -> Ms {
        match self.plan.kind {
            Kind::Outage => BEFORE_MS + self.plan.lasts_ms + AFTER_MS,
            _ => self.plan.lasts_ms * 2 + 5_000,
        }
    }

    /// What a stampede cost. In the chaos nothing of the kind holds: there a load is lost with its node or its leader,
    /// runs at the asker when an answer is lost or a peer is slow, at two owners when the lists of peers disagree, and
    /// again when the value was removed, ran out or had to go. Here none of that happens but what is counted.
    fn check_loads(&mut self) {
        let ring = Ring::new(geecache_edge::ring::DEFAULT_REPLICAS, (0..self.plan.nodes).map(name));
        for key in 0..self.plan.keys.len() {
            let loads = self.origin.loads.get(&key).copied().unwrap_or(0);
            let owner = ring.owner(&self.key(key)).and_then(|owner| self.node_index(owner));
            let most = match self.plan.kind {
                Kind::Stampede => 1,
                // Who is cut off loads for itself, and the next of the ring for the others.
                Kind::OwnerDies if self.network.parted.is_some() => 2,
                Kind::OwnerDies => 1 + u64::from(owner.is_some_and(|owner| !self.nodes[owner].up)),
                // A leader that vanishes takes its load along; with a `waitUntil` none does.
                Kind::LeadersCut => 1 + self.seen.lost_loads.get(&key).copied().unwrap_or(0),
                // Whom some node takes for the owner loads, once more where its asker hung up.
                Kind::PeersChange => {
                    self.plan.nodes as u64 + self.seen.lost_loads.get(&key).copied().unwrap_or(0)
                }
                Kind::Chaos | Kind::Outage => return self.check_return(),
            };
            if loads > most {
                self.broke(Invariant::OneLoad, format!("key {key} was loaded {loads} times: {most} at most"));
            }
        }
    }

    /// After an outage the peer is asked again, by everybody and for every key.
    fn check_return(&mut self) {
        let end = START_MS + BEFORE_MS + self.plan.lasts_ms + AFTER_MS;
        // Keys are asked for in turn, and the last gap is longer than the others.
        let latest_ms = self.gap_ms() * (self.plan.nodes as Ms + 2);
        for node in 1..self.plan.nodes {
            let asked_at = self.seen.asked_at.get(&(node, 0)).copied().unwrap_or(0);
            if self.plan.kind == Kind::Outage && asked_at + latest_ms < end {
                let what = format!("node {node} does not ask node 0, which has been back for long");
                self.broke(Invariant::Breaker, what);
            }
        }
    }

    /// Nothing goes wrong any more: every key is answered on every node, and then nothing is left in the air.
    fn rest(&mut self) {
        trace!(self, "-- calm");
        let Plan { lost, doubled, slow, lies, fails, hangs, absent, killed, .. } = &mut self.plan;
        [lost, doubled, slow, lies, fails, hangs, absent, killed].into_iter().for_each(|fault| *fault = 0);
        (self.plan.takes_ms, self.plan.delay_ms) = ((0, 10), (0, 5));
        (self.network.parted, self.rests) = (None, true);
        let deadline_ms = self.plan.options.deadline_ms;
        for node in 0..self.plan.nodes {
            self.start(node);
            (self.nodes[node].slow_ms, self.nodes[node].lies) = (0, 0);
            self.plan_deed(0, Deed::Peers { node, list: (0..self.plan.nodes).collect() });
        }
        // A flight without a leader is noticed by a follower with half a second, or given up in time.
        if deadline_ms < 4_000 || self.rng.chance(30) {
            self.pass(2 * deadline_ms + 1 + self.stepped_ms);
        }
        for node in 0..self.plan.nodes {
            for key in 0..self.plan.keys.len().min(32) {
                self.plan_deed(0, Deed::Call { node, key, timeout_ms: Ms::MAX });
            }
        }
        self.settle_down();
        self.pass(2 * deadline_ms + 1 + self.stepped_ms);
        // A key that nobody has: its look-up gives up what was left behind.
        self.plan.keys.push("the last one".to_owned());
        for node in 0..self.plan.nodes {
            self.plan_deed(0, Deed::Call { node, key: self.plan.keys.len() - 1, timeout_ms: Ms::MAX });
        }
        self.settle_down();
        for node in 0..self.plan.nodes {
            let flights = self.nodes[node].group().stats().flights;
            if flights > 0 {
                self.broke(
                    Invariant::AtRest,
                    format!("node {node} has {flights} flights in the air at rest"),
                );
            }
            self.check_counters(node);
            self.check_store(node);
            self.seen.forget_node(&self.nodes[node]);
        }
    }
}
