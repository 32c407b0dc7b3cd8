//! Invariants: what holds after every event, each with a name.

use geecache_edge::Code;
use geecache_edge::base::time::Millis;
use geecache_edge::group::singleflight::{FlightId, HEARTBEAT_MS, MAX_MISSED_HEARTBEATS};
use geecache_edge::group::{Next, Origin, Task};
use geecache_edge::store::EntryRef;
use geecache_edge::wire::{CLOCK_SKEW_MS, IncomingRequest, Reply};

use crate::leader::{Leader, TaskOutcome, Work};
use crate::network::SentRequest;
use crate::node::name;
use crate::plan::Ms;
use crate::shell::{Outcome, Request};
use crate::world::World;

/// Named after its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// A value belongs to its key, is as fresh as the options require, and its load was not invalidated by a remove or a set;
    /// a "not found" or an error stems from a load.
    RightValue,
    /// A body that was altered, truncated or forged reaches no caller.
    Intact,
    /// Every call ends within its deadline, and no attempt has more time than is left.
    InTime,
    /// A stampede on every node of a healthy cluster costs one load; if the owner crashes, two.
    OneLoad,
    /// A peer's request is not forwarded, and does not wait for one that is sent to a peer.
    NoForward,
    /// A result counts for its own attempt; a late or repeated one changes nothing.
    CurrentAttempt,
    /// The store is within its budget and consistent.
    Budget,
    /// Nobody waits for a leader that has vanished; at the end no flight is left and every key is returned.
    AtRest,
    /// If only leaders, callers and owners are lost, every caller gets a value. In every run, no flight fails while a stale
    /// copy may be served.
    Answered,
    /// With a secret, an unsigned request learns nothing and starts no load, and a signed one is accepted.
    PeersOnly,
    /// A peer that is down gets at most one probe per cool-down, and requests again after its return.
    Breaker,
    /// The counters of `Stats` are right.
    Counted,
    /// Nothing panics.
    NoPanic,
}

impl Invariant {
    pub fn name(self) -> &'static str {
        match self {
            Invariant::RightValue => "right-value",
            Invariant::Intact => "intact",
            Invariant::InTime => "in-time",
            Invariant::OneLoad => "one-load",
            Invariant::NoForward => "no-forward",
            Invariant::CurrentAttempt => "current-attempt",
            Invariant::Budget => "budget",
            Invariant::AtRest => "at-rest",
            Invariant::Answered => "answered",
            Invariant::PeersOnly => "peers-only",
            Invariant::Breaker => "breaker",
            Invariant::Counted => "counted",
            Invariant::NoPanic => "no-panic",
        }
    }
}

/// A violated invariant.
#[derive(Clone, Debug)]
pub struct Violation {
    pub invariant: Invariant,
    pub what: String,
}

/// Half of a breaker's first and of its longest cool-down: see `src/pool/breaker.rs`.
const LEAST_COOL_DOWN_MS: Ms = 500;
const LONGEST_COOL_DOWN_MS: Ms = 15_000;

impl World {
    /// Checks a request's outcome.
    pub fn check_outcome(&mut self, request: &Request, outcome: &Outcome) {
        let late_ms = self.now.saturating_sub(request.ends_at);
        // One late timer, and another one if the flight was lost at the last moment and the key looked up again.
        if late_ms > 2 * self.plan.late_ms {
            self.violate(Invariant::InTime, format!("a request ended {late_ms} ms after its deadline"));
        }
        let (node, key) = (request.node, request.key);
        // A follower's value may have been in transit from a peer when the follower joined.
        let since = request.began.saturating_sub(self.plan.options.peer_timeout_ms + self.plan.late_ms);
        match outcome {
            Outcome::Value { bytes, .. } => self.check_value(request, bytes),
            Outcome::Absent => {
                if self.database.absent_at.get(&key).is_none_or(|&at| at < since) {
                    let what = format!("node {node} reports no key {key}, but no load found none");
                    self.violate(Invariant::RightValue, what);
                }
            }
            Outcome::Failed(code) => {
                if *code != Code::Timeout && self.database.failed_at.get(&key).is_none_or(|&at| at < since) {
                    let what = format!("node {node} reports a failed load of key {key}, but none failed");
                    self.violate(Invariant::RightValue, what);
                }
                let invariant = if self.is_settled { Invariant::AtRest } else { Invariant::Answered };
                if self.is_settled || self.plan.is_healthy() {
                    self.violate(invariant, format!("node {node} returned an error for key {key}: {code}"));
                }
            }
        }
    }

    fn check_value(&mut self, request: &Request, bytes: &[u8]) {
        let Request { node, key, stamp, .. } = *request;
        let Some(version) = self.database.version_of(bytes) else {
            let what =
                format!("node {node} returned {} bytes of no known version for key {key}", bytes.len());
            return self.violate(Invariant::Intact, what);
        };
        let made = self.database.versions[version].clone();
        if made.key != key {
            let what = format!("node {node} returned key {}'s value for key {key}", made.key);
            return self.violate(Invariant::RightValue, what);
        }
        let options = &self.plan.options;
        let stale_ms = options.stale_while_revalidate_ms.max(options.stale_if_error_ms);
        let (age_ms, may_ms) = (
            self.now - made.made_at,
            options.ttl_ms.map(|ttl_ms| ttl_ms + stale_ms + made.travelled_ms + self.stepped_ms),
        );
        let hot_ms = options.hot_ttl_ms.map(|hot_ms| hot_ms + stale_ms + self.stepped_ms);
        if may_ms.is_some_and(|may_ms| age_ms > may_ms) {
            let what = format!("node {node} returned version {version} of key {key}, {age_ms} ms old");
            self.violate(Invariant::RightValue, what);
        }
        let observed = &self.nodes[node].observed;
        if !observed.may_return(key, version, stamp) {
            let what = format!("node {node} returned version {version} of key {key} after it was removed");
            self.violate(Invariant::RightValue, what);
        } else if let (Some(hot_ms), Some(here_ms)) = (hot_ms, observed.hot_for_ms(key, version, self.now))
            && here_ms > hot_ms
        {
            let what =
                format!("node {node} returned version {version} of key {key}, a hot copy for {here_ms} ms");
            self.violate(Invariant::RightValue, what);
        }
        self.coverage.values += 1;
    }

    /// A follower has a leader, or lost it no longer ago than detection takes.
    pub fn check_leader(&mut self, node: usize, flight: FlightId, since: Ms) {
        let gone = self.vanished_at.get(&(node, flight)).copied().unwrap_or(0).max(since);
        let notices_ms = Ms::from(MAX_MISSED_HEARTBEATS + 2) * (Ms::from(HEARTBEAT_MS) + self.plan.late_ms)
            + self.stepped_ms;
        if !self.leader_of.contains_key(&(node, flight)) && self.now - gone > notices_ms {
            let what =
                format!("node {node}: a follower has waited for {flight:?} for {} ms", self.now - gone);
            self.violate(Invariant::AtRest, what);
        }
    }

    /// A leader's heartbeat reports whether its peer is still on the ring.
    pub fn check_heartbeat(&mut self, node: usize, flight: FlightId, work: Work, stays: bool) {
        let Work::Ask { peer, .. } = work else { return };
        let (pool, now) = (&mut self.nodes[node].pool, self.now);
        let has_left = !pool.peers().ring().peers().contains(&name(peer).into());
        if has_left && stays && self.nodes[node].parts().0.is_in_flight(flight) {
            let what = format!("node {node} waits for node {peer}, which has left, at {now}");
            self.violate(Invariant::InTime, what);
        }
    }

    /// A leader ends.
    pub fn check_leader_end(&mut self, leader: &Leader) {
        let took_ms = self.now - leader.began;
        // Each attempt has a timer that may be late.
        let rungs = Ms::from(self.plan.options.failover) + 2;
        if took_ms > self.plan.options.deadline_ms + rungs * self.plan.late_ms + self.stepped_ms {
            self.violate(Invariant::InTime, format!("node {}: a leader took {took_ms} ms", leader.node));
        }
    }

    /// A stale copy is served within its window.
    pub fn check_stale(&mut self, node: usize, entry: EntryRef, allowed_ms: Ms) {
        let expires_at_ms = self.nodes[node].group().at(entry).meta.expires_at_ms;
        let stale_ms = self.nodes[node].clock(self.now).saturating_sub(expires_at_ms);
        if stale_ms >= allowed_ms.max(1) {
            let what = format!(
                "node {node} serves a copy {stale_ms} ms after its expiry, {allowed_ms} ms are allowed"
            );
            self.violate(Invariant::RightValue, what);
        }
    }

    /// A flight that fails has no stale copy to serve.
    pub fn check_failed_flight(&mut self, node: usize, key: usize, outcome: &TaskOutcome, next: &Next) {
        let fails = matches!(
            (outcome, next),
            (TaskOutcome::Ended(Outcome::Failed(_)), Next::Done) | (_, Next::DeadlinePassed)
        );
        if fails && self.has_stale(node, key) {
            let what = format!("node {node} fails key {key} although a stale copy may be served");
            self.violate(Invariant::Answered, what);
        }
    }

    /// True if a copy may be served when its load fails.
    fn has_stale(&self, node: usize, key: usize) -> bool {
        let (name, now) = (self.key(key), self.nodes[node].clock(self.now));
        // At time 0 every copy is fresh.
        let found = self.nodes[node].group().peek(&name, 0);
        let until = |expires_at_ms: Millis| expires_at_ms.saturating_add(self.plan.options.stale_if_error_ms);
        found.is_some_and(|found| now < until(found.meta.expires_at_ms))
    }

    pub fn check_join(&mut self, node: usize, origin: Origin, flight: FlightId) {
        let leader = self.leader_of.get(&(node, flight)).and_then(|leader| self.leaders.get(leader));
        if origin == Origin::Peer && leader.is_some_and(|leader| matches!(leader.work, Work::Ask { .. })) {
            let what = format!("node {node}: a peer's request waits for {flight:?}, which asks a peer");
            self.violate(Invariant::NoForward, what);
        }
    }

    pub fn check_task(&mut self, leader: u64, task: &Task) {
        let leader = &self.leaders[&leader];
        let (node, origin) = (leader.node, leader.origin);
        let left_ms = (leader.began_at + self.plan.options.deadline_ms)
            .saturating_sub(self.nodes[node].clock(self.now));
        let left_ms = left_ms.min(self.plan.options.deadline_ms);
        let (Task::Ask { timeout_ms, .. } | Task::Load { timeout_ms, .. }) = *task;
        if timeout_ms > left_ms {
            let what = format!("node {node}: {task:?} with {left_ms} ms left");
            self.violate(Invariant::InTime, what);
        }
        if let (Origin::Peer, Task::Ask { peer, .. }) = (origin, task) {
            self.violate(Invariant::NoForward, format!("node {node} forwards a peer's request to {peer}"));
        }
    }

    /// A peer request is about to be sent.
    pub fn check_ask(&mut self, node: usize, peer: usize) {
        self.coverage.asked_at.insert((node, peer), self.now);
        if peer == node || !self.nodes[node].pool.peers().ring().peers().contains(&name(peer).into()) {
            self.violate(
                Invariant::NoForward,
                format!("node {node} asks node {peer}, which is not its peer"),
            );
        }
        let now = self.now;
        let breaker = self.nodes[node].observed.breakers.get_mut(&peer).filter(|breaker| breaker.is_open);
        let Some(breaker) = breaker else { return };
        let closed_ms = now - breaker.closed_since + self.stepped_ms;
        (breaker.closed_since, breaker.probes) = (now, breaker.probes + 1);
        if closed_ms < LEAST_COOL_DOWN_MS {
            let what = format!("node {node} asks node {peer}, which is down, again after {closed_ms} ms");
            self.violate(Invariant::Breaker, what);
        }
    }

    /// Checks the exchange's decision about a peer request.
    pub fn check_peer_request(
        &mut self,
        node: usize,
        sent: &SentRequest,
        now: Millis,
        read: &Option<Result<IncomingRequest, Reply>>,
    ) {
        let (secrets, truth) = (&self.nodes[node].secrets, &sent.truth);
        if secrets.is_empty() {
            if truth.is_forwarded && !matches!(read, Some(Err(Reply::Forwarded))) {
                self.violate(Invariant::NoForward, format!("node {node} accepts a forwarded request"));
            }
            return;
        }
        let knows = truth.signed_with.as_ref().is_some_and(|secret| secrets.contains(secret));
        let is_peer = knows && !truth.is_altered && truth.signed_at.abs_diff(now) <= CLOCK_SKEW_MS;
        match read {
            Some(Err(Reply::Unauthorized)) => {
                self.coverage.rejected += 1;
                self.nodes[node].observed.counted.unauthorized += 1;
                if is_peer {
                    self.violate(Invariant::PeersOnly, format!("node {node} rejects a peer: {sent:?}"));
                }
            }
            // Outside of the base path.
            None if truth.is_altered => {}
            _ if is_peer => {}
            _ => self.violate(Invariant::PeersOnly, format!("node {node} accepts {sent:?}")),
        }
    }

    /// Checks the number of requests to a peer during its outage.
    pub fn check_outage(&mut self, peer: usize) {
        for node in 0..self.nodes.len() {
            let Some(breaker) = self.nodes[node].observed.breakers.get(&peer) else { continue };
            let (mut least_ms, mut most) = (LEAST_COOL_DOWN_MS, 0);
            let mut down_ms = self.now - breaker.opened_at;
            while breaker.is_open && down_ms >= least_ms {
                (down_ms, most) = (down_ms - least_ms, most + 1);
                least_ms = (least_ms * 2).min(LONGEST_COOL_DOWN_MS);
            }
            if breaker.probes > most {
                let what = format!("node {node} asked node {peer} {} times: {most} at most", breaker.probes);
                self.violate(Invariant::Breaker, what);
            }
        }
    }
}
