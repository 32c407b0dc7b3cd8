//! The shell around the shipped step machine, modelled on the package's TypeScript: requests that look keys up, wait for a
//! flight and watch its leader, and can vanish at any await.

use std::rc::Rc;

use geecache_edge::Code;
use geecache_edge::base::time::NEVER;
use geecache_edge::group::singleflight::{FlightId, HEARTBEAT_MS};
use geecache_edge::group::{Origin, Step};

use crate::leader::Leader;
use crate::network::Handler;
use crate::plan::Ms;
use crate::world::{Event, World, trace};

/// A caller's lookup, or the handler of a peer request.
pub struct Request {
    pub node: usize,
    pub key: usize,
    /// For a peer request: the context of its response.
    pub handler: Option<Box<Handler>>,
    pub began: Ms,
    pub stamp: u64,
    pub ends_at: Ms,
    /// True if a `waitUntil` keeps its leader alive.
    pub has_wait_until: bool,
    pub waits: Waits,
    /// Number of its current wait, so that timers of earlier waits have no effect.
    pub wait: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Waits {
    No,
    Follows { flight: FlightId, since: Ms },
    Leads(u64),
}

/// The outcome of a flight, shared by all who wait for it.
#[derive(Clone, Debug)]
pub enum Outcome {
    Value { bytes: Rc<[u8]>, fresh_ms: Option<u64> },
    Absent,
    Failed(Code),
}

impl World {
    pub fn request(&mut self, node: usize, key: usize, handler: Option<Box<Handler>>, timeout_ms: Ms) -> u64 {
        let (id, has_wait_until) = (self.stamp(), self.rng.chance(self.plan.has_wait_until));
        let (now, waits) = (self.now, Waits::No);
        let ends_at = now + timeout_ms.min(self.plan.options.deadline_ms);
        let request =
            Request { node, key, handler, began: now, stamp: id, ends_at, has_wait_until, waits, wait: 0 };
        self.requests.insert(id, request);
        self.touched = node;
        id
    }

    /// One round of a lookup.
    pub fn look_up(&mut self, id: u64, again: bool) {
        let Some(request) = self.requests.get(&id) else { return };
        let (node, key, has_wait_until) = (request.node, request.key, request.has_wait_until);
        let origin = if request.handler.is_some() { Origin::Peer } else { Origin::Local };
        let (now, name) = (self.nodes[node].clock(self.now), self.key(key));
        let (group, peers) = self.nodes[node].parts();
        let step = match again {
            true => group.begin_again(&name, now, origin, peers),
            false => group.begin(&name, now, origin, peers).expect("the keys are keys"),
        };
        trace!(self, "node {node}: request {id} for key {key} ({origin:?}): {step:?}");
        self.count_step(node, origin, again, &step);
        match step {
            Step::Hit(entry) => {
                let found = self.nodes[node].group().at(entry);
                let expires_at_ms = found.meta.expires_at_ms;
                let fresh_ms = (expires_at_ms != NEVER).then(|| expires_at_ms - now);
                let outcome = Outcome::Value { bytes: found.value.into(), fresh_ms };
                self.answered(id, outcome);
            }
            Step::Stale(entry, refresh) => {
                self.check_stale(node, entry, self.plan.options.stale_while_revalidate_ms);
                let bytes = self.nodes[node].group().at(entry).value.into();
                if let Some((flight, task)) = refresh {
                    self.lead(Leader::new(node, key, flight, id, origin, has_wait_until), task);
                }
                self.answered(id, Outcome::Value { bytes, fresh_ms: Some(0) });
            }
            Step::Join(flight) => {
                self.check_join(node, origin, flight);
                self.wait(id, Waits::Follows { flight, since: self.now });
            }
            Step::Lead(flight, task) => {
                let leader = self.lead(Leader::new(node, key, flight, id, origin, has_wait_until), task);
                self.wait(id, Waits::Leads(leader));
            }
        }
    }

    fn wait(&mut self, id: u64, waits: Waits) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        (request.waits, request.wait) = (waits, request.wait + 1);
        let (wait, left_ms) = (request.wait, request.ends_at.saturating_sub(self.now));
        if let Waits::Follows { .. } = waits {
            self.timer(HEARTBEAT_MS.into(), Event::FollowerTick(id, wait));
        }
        self.timer(left_ms, Event::Deadline(id, wait));
    }

    /// A follower checks its leader.
    pub fn follower_tick(&mut self, id: u64, wait: u64) {
        let Some(request) = self.requests.get(&id).filter(|request| request.wait == wait) else { return };
        let Waits::Follows { flight, since } = request.waits else { return };
        let node = request.node;
        self.touched = node;
        self.check_leader(node, flight, since);
        let now = self.nodes[node].clock(self.now);
        if self.nodes[node].parts().0.watch(flight, now) {
            self.timer(HEARTBEAT_MS.into(), Event::FollowerTick(id, wait));
        } else {
            trace!(self, "node {node}: request {id} has lost its leader");
            self.settle(id, None);
        }
    }

    /// A request's deadline passes.
    pub fn deadline_passes(&mut self, id: u64, wait: u64) {
        let Some(request) = self.requests.get(&id).filter(|request| request.wait == wait) else { return };
        let (node, key, waits) = (request.node, request.key, request.waits);
        self.touched = node;
        let (name, now) = (self.key(key), self.nodes[node].clock(self.now));
        let (group, _) = self.nodes[node].parts();
        if let Waits::Follows { flight, .. } = waits {
            group.watch(flight, now);
        }
        let entry = group.timed_out(&name, now);
        self.nodes[node].observed.counted.timeouts += 1;
        let outcome = match entry {
            Some(entry) => {
                self.nodes[node].observed.counted.stale_hits += 1;
                self.check_stale(node, entry, self.plan.options.stale_if_error_ms);
                Outcome::Value { bytes: self.nodes[node].group().at(entry).value.into(), fresh_ms: Some(0) }
            }
            None => Outcome::Failed(Code::Timeout),
        };
        self.answered(id, outcome);
    }

    /// A request's wait ends. `None`: it looks the key up again.
    pub fn settle(&mut self, id: u64, outcome: Option<Outcome>) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        (request.waits, request.wait) = (Waits::No, request.wait + 1);
        match outcome {
            Some(outcome) => self.answered(id, outcome),
            None => self.look_up(id, true),
        }
    }

    fn answered(&mut self, id: u64, outcome: Outcome) {
        let Some(request) = self.requests.remove(&id) else { return };
        trace!(self, "node {}: request {id} ends: {}", request.node, self.describe(&outcome));
        self.check_outcome(&request, &outcome);
        // A background leader, such as a refresh or an overlong load, lives as long as the runtime allows.
        let behind = self.leaders_of(id);
        for leader in behind {
            if self.rng.chance(self.plan.killed) {
                let ms = self.between((0, 300));
                self.after(ms, Event::Killed(leader));
            }
        }
        if let Some(handler) = request.handler {
            self.reply(request.node, *handler, outcome);
        }
    }

    /// The requests that wait for a flight, its leader's own first.
    pub fn waiting(&self, node: usize, leader: u64, flight: FlightId) -> Vec<u64> {
        let waits = |request: &Request| match request.waits {
            Waits::Follows { flight: follows, .. } => request.node == node && follows == flight,
            Waits::Leads(leads) => leads == leader,
            Waits::No => false,
        };
        self.requests.iter().filter(|(_, request)| waits(request)).map(|(&id, _)| id).collect()
    }

    /// A request's leaders that nothing keeps alive without it.
    fn leaders_of(&self, request: u64) -> Vec<u64> {
        let own = |leader: &Leader| leader.request == request && !leader.has_wait_until;
        self.leaders.iter().filter(|(_, leader)| own(leader)).map(|(&id, _)| id).collect()
    }

    /// A request vanishes: its client hung up, or the runtime ended it.
    pub fn cut(&mut self, id: u64) {
        let Some(request) = self.requests.remove(&id) else { return };
        trace!(self, "node {}: request {id} is cut", request.node);
        self.coverage.cut += 1;
        self.leaders_of(id).into_iter().for_each(|leader| self.vanish(leader));
        if let Some(ask) = request.handler.and_then(|handler| handler.ask)
            && self.rng.chance(50)
        {
            self.after(0, Event::ConnectionBreaks(ask));
        }
    }
}
