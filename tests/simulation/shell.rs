//! The shell around the shipped step machine, as the package's TypeScript is one: requests that look keys up, wait for a
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

/// A caller's look-up, or the handler of a peer's question.
pub struct Request {
    pub node: usize,
    pub key: usize,
    /// Where a peer asks: how it is to be answered.
    pub handler: Option<Box<Handler>>,
    pub began: Ms,
    pub stamp: u64,
    pub ends_at: Ms,
    /// Whether there is a `waitUntil` that keeps its leader alive.
    pub held: bool,
    pub waits: Waits,
    /// Numbers its waits, so that the timers of those that are over do nothing.
    pub wait: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Waits {
    No,
    Follows { flight: FlightId, since: Ms },
    Leads(u64),
}

/// What a flight comes to, for everybody who waits for it.
#[derive(Clone, Debug)]
pub enum Outcome {
    Value { bytes: Rc<[u8]>, fresh_ms: Option<u64> },
    Absent,
    Failed(Code),
}

impl World {
    pub fn request(&mut self, node: usize, key: usize, handler: Option<Box<Handler>>, timeout_ms: Ms) -> u64 {
        let (id, held) = (self.stamp(), self.rng.chance(self.plan.held));
        let (now, waits) = (self.now, Waits::No);
        let ends_at = now + timeout_ms.min(self.plan.options.deadline_ms);
        let request = Request { node, key, handler, began: now, stamp: id, ends_at, held, waits, wait: 0 };
        self.requests.insert(id, request);
        self.touched = node;
        id
    }

    /// One round of a look-up.
    pub fn look_up(&mut self, id: u64, again: bool) {
        let Some(request) = self.requests.get(&id) else { return };
        let (node, key, held) = (request.node, request.key, request.held);
        let asker = if request.handler.is_some() { Origin::Peer } else { Origin::Local };
        let (now, name) = (self.nodes[node].clock(self.now), self.key(key));
        let (group, peers) = self.nodes[node].parts();
        let step = match again {
            true => group.begin_again(&name, now, asker, peers),
            false => group.begin(&name, now, asker, peers).expect("the keys are keys"),
        };
        trace!(self, "node {node}: request {id} for key {key} ({asker:?}): {step:?}");
        self.count_step(node, asker, again, &step);
        match step {
            Step::Hit(spot) => {
                let found = self.nodes[node].group().at(spot);
                let expires_at_ms = found.meta.expires_at_ms;
                let fresh_ms = (expires_at_ms != NEVER).then(|| expires_at_ms - now);
                let outcome = Outcome::Value { bytes: found.value.into(), fresh_ms };
                self.answered(id, outcome);
            }
            Step::Stale(spot, refresh) => {
                self.check_stale(node, spot, self.plan.options.stale_while_revalidate_ms);
                let bytes = self.nodes[node].group().at(spot).value.into();
                if let Some((flight, task)) = refresh {
                    self.lead(Leader::new(node, key, flight, id, asker, held), task);
                }
                self.answered(id, Outcome::Value { bytes, fresh_ms: Some(0) });
            }
            Step::Join(flight) => {
                self.check_join(node, asker, flight);
                self.wait(id, Waits::Follows { flight, since: self.now });
            }
            Step::Lead(flight, task) => {
                let leader = self.lead(Leader::new(node, key, flight, id, asker, held), task);
                self.wait(id, Waits::Leads(leader));
            }
        }
    }

    fn wait(&mut self, id: u64, waits: Waits) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        (request.waits, request.wait) = (waits, request.wait + 1);
        let (wait, left_ms) = (request.wait, request.ends_at.saturating_sub(self.now));
        if let Waits::Follows { .. } = waits {
            self.timer(HEARTBEAT_MS.into(), Event::Look(id, wait));
        }
        self.timer(left_ms, Event::Deadline(id, wait));
    }

    /// A follower looks.
    pub fn looks(&mut self, id: u64, wait: u64) {
        let Some(request) = self.requests.get(&id).filter(|request| request.wait == wait) else { return };
        let Waits::Follows { flight, since } = request.waits else { return };
        let node = request.node;
        self.touched = node;
        self.check_leader(node, flight, since);
        let now = self.nodes[node].clock(self.now);
        if self.nodes[node].parts().0.watch(flight, now) {
            self.timer(HEARTBEAT_MS.into(), Event::Look(id, wait));
        } else {
            trace!(self, "node {node}: request {id} follows nobody any more");
            self.settle(id, None);
        }
    }

    /// A request's time is over.
    pub fn runs_out(&mut self, id: u64, wait: u64) {
        let Some(request) = self.requests.get(&id).filter(|request| request.wait == wait) else { return };
        let (node, key, waits) = (request.node, request.key, request.waits);
        self.touched = node;
        let (name, now) = (self.key(key), self.nodes[node].clock(self.now));
        let (group, _) = self.nodes[node].parts();
        if let Waits::Follows { flight, .. } = waits {
            group.watch(flight, now);
        }
        let spot = group.timed_out(&name, now);
        self.nodes[node].book.counted.timeouts += 1;
        let outcome = match spot {
            Some(spot) => {
                self.nodes[node].book.counted.stale_hits += 1;
                self.check_stale(node, spot, self.plan.options.stale_if_error_ms);
                Outcome::Value { bytes: self.nodes[node].group().at(spot).value.into(), fresh_ms: Some(0) }
            }
            None => Outcome::Failed(Code::Timeout),
        };
        self.answered(id, outcome);
    }

    /// What a request waited for has come; `None`: it is to look again.
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
        trace!(self, "node {}: request {id} ends: {}", request.node, self.shown(&outcome));
        self.check_outcome(&request, &outcome);
        // What the request leaves behind, a renewal or a load that took too long, lives as long as the runtime lets it.
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

    /// Whoever waits for the flight, its own request first.
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
        let own = |leader: &Leader| leader.request == request && !leader.held;
        self.leaders.iter().filter(|(_, leader)| own(leader)).map(|(&id, _)| id).collect()
    }

    /// A request is gone: its client hung up, or its runtime is through with it.
    pub fn cut(&mut self, id: u64) {
        let Some(request) = self.requests.remove(&id) else { return };
        trace!(self, "node {}: request {id} is cut", request.node);
        self.seen.cut += 1;
        self.leaders_of(id).into_iter().for_each(|leader| self.vanish(leader));
        if let Some(ask) = request.handler.and_then(|handler| handler.ask)
            && self.rng.chance(50)
        {
            self.after(0, Event::Broken(ask));
        }
    }
}
