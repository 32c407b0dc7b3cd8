//! What must hold after every event, each with a name, and where it is looked at.

use geecache_edge::Code;
use geecache_edge::base::time::Millis;
use geecache_edge::group::singleflight::{FlightId, HEARTBEAT_MS, MAX_MISSED_HEARTBEATS};
use geecache_edge::group::{Next, Origin, Task};
use geecache_edge::store::EntryRef;
use geecache_edge::wire::{CLOCK_SKEW_MS, IncomingRequest, Reply};

use crate::leader::{Came, Doing, Leader};
use crate::network::Question;
use crate::node::name;
use crate::plan::Ms;
use crate::shell::{Outcome, Request};
use crate::world::World;

/// Named after what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// A value is its key's, as fresh as the options say, and none whose load a remove or a set has invalidated_loads; a
    /// "there is no such key" or an error is one that a load gave.
    RightValue,
    /// A body that was altered, cut short or forged reaches no caller.
    Whole,
    /// Every call ends within its deadline, and no rung of a ladder has more time than is left.
    InTime,
    /// A stampede on every node of a healthy cluster costs one load; one whose owner dies, two.
    OneLoad,
    /// What a peer asks is not asked on, nor does it wait for what is.
    NoForward,
    /// A result is taken for the attempt it belongs to; a late or doubled one changes nothing.
    CurrentAttempt,
    /// The store keeps to its budget, and is whole.
    Budget,
    /// Nobody waits for a leader that is gone; when all is over, nothing is in the air and every key is answered.
    AtRest,
    /// Where nothing but leaders, callers and owners is lost, every caller gets a value; and anywhere, no flight fails
    /// beside a stale copy that may be served.
    Answered,
    /// With a secret, whoever cannot sign learns nothing and loads nothing; and whoever can is let in.
    OnlyPeers,
    /// A peer known to be down is asked no more often than a probe a cool-down, and again when it is back.
    Breaker,
    /// The stats tell what happened.
    Counted,
    /// Nothing panics.
    Sound,
}

impl Invariant {
    pub fn name(self) -> &'static str {
        match self {
            Invariant::RightValue => "right-value",
            Invariant::Whole => "whole",
            Invariant::InTime => "in-time",
            Invariant::OneLoad => "one-load",
            Invariant::NoForward => "no-forward",
            Invariant::CurrentAttempt => "current-attempt",
            Invariant::Budget => "budget",
            Invariant::AtRest => "at-rest",
            Invariant::Answered => "answered",
            Invariant::OnlyPeers => "only-peers",
            Invariant::Breaker => "breaker",
            Invariant::Counted => "counted",
            Invariant::Sound => "sound",
        }
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    pub invariant: Invariant,
    pub what: String,
}

/// Half of a breaker's first cool-down, and of its longest: see `src/breaker.rs`.
const LEAST_COOL_DOWN_MS: Ms = 500;
const LONGEST_COOL_DOWN_MS: Ms = 15_000;

impl World {
    /// How a request ended.
    pub fn check_outcome(&mut self, request: &Request, outcome: &Outcome) {
        let late_ms = self.now.saturating_sub(request.ends_at);
        // One timer's lateness, and another's where the flight was lost at the last moment and looked up again.
        if late_ms > 2 * self.plan.late_ms {
            self.broke(Invariant::InTime, format!("a request ended {late_ms} ms after its deadline"));
        }
        let (node, key) = (request.node, request.key);
        // What a follower gets may have been on its way from a peer when it came.
        let since = request.began.saturating_sub(self.plan.options.peer_timeout_ms + self.plan.late_ms);
        match outcome {
            Outcome::Value { bytes, .. } => self.check_value(request, bytes),
            Outcome::Absent => {
                if self.origin.absent_at.get(&key).is_none_or(|&at| at < since) {
                    let what = format!("node {node} says that there is no key {key}: no load said so");
                    self.broke(Invariant::RightValue, what);
                }
            }
            Outcome::Failed(code) => {
                if *code != Code::Timeout && self.origin.failed_at.get(&key).is_none_or(|&at| at < since) {
                    let what = format!("node {node} says that key {key} would not load: no load failed");
                    self.broke(Invariant::RightValue, what);
                }
                let invariant = if self.rests { Invariant::AtRest } else { Invariant::Answered };
                if self.rests || self.plan.is_calm() {
                    self.broke(invariant, format!("node {node} failed to answer key {key}: {code}"));
                }
            }
        }
    }

    fn check_value(&mut self, request: &Request, bytes: &[u8]) {
        let Request { node, key, stamp, .. } = *request;
        let Some(version) = self.origin.version_of(bytes) else {
            let what = format!("node {node} gave {} bytes for key {key} that nobody made", bytes.len());
            return self.broke(Invariant::Whole, what);
        };
        let made = self.origin.versions[version].clone();
        if made.key != key {
            let what = format!("node {node} gave key {}'s value for key {key}", made.key);
            return self.broke(Invariant::RightValue, what);
        }
        let options = &self.plan.options;
        let stale_ms = options.stale_while_revalidate_ms.max(options.stale_if_error_ms);
        let (age_ms, may_ms) = (
            self.now - made.made_at,
            options.ttl_ms.map(|ttl_ms| ttl_ms + stale_ms + made.travelled_ms + self.stepped_ms),
        );
        let hot_ms = options.hot_ttl_ms.map(|hot_ms| hot_ms + stale_ms + self.stepped_ms);
        if may_ms.is_some_and(|may_ms| age_ms > may_ms) {
            let what = format!("node {node} gave version {version} of key {key}, {age_ms} ms old");
            self.broke(Invariant::RightValue, what);
        }
        let book = &self.nodes[node].book;
        if !book.may_give(key, version, stamp) {
            let what = format!("node {node} gave version {version} of key {key} after it was removed");
            self.broke(Invariant::RightValue, what);
        } else if let (Some(hot_ms), Some(here_ms)) = (hot_ms, book.hot_for_ms(key, version, self.now))
            && here_ms > hot_ms
        {
            let what =
                format!("node {node} gave version {version} of key {key}, a hot copy for {here_ms} ms");
            self.broke(Invariant::RightValue, what);
        }
        self.seen.values += 1;
    }

    /// A follower that looks has a leader, or has had none for no longer than it takes to notice.
    pub fn check_leader(&mut self, node: usize, flight: FlightId, since: Ms) {
        let gone = self.gone.get(&(node, flight)).copied().unwrap_or(0).max(since);
        let notices_ms = Ms::from(MAX_MISSED_HEARTBEATS + 2) * (Ms::from(HEARTBEAT_MS) + self.plan.late_ms)
            + self.stepped_ms;
        if !self.led.contains_key(&(node, flight)) && self.now - gone > notices_ms {
            let what = format!("node {node}: somebody has waited for {flight:?} for {} ms", self.now - gone);
            self.broke(Invariant::AtRest, what);
        }
    }

    /// A leader beat, and heard whether the peer that it asks stays.
    pub fn check_beat(&mut self, node: usize, flight: FlightId, doing: Doing, stays: bool) {
        let Doing::Asks { peer, .. } = doing else { return };
        let (pool, now) = (&mut self.nodes[node].pool, self.now);
        let has_left = !pool.peers().ring().peers().contains(&name(peer).into());
        if has_left && stays && self.nodes[node].parts().0.is_in_flight(flight) {
            let what = format!("node {node} waits for node {peer}, which has left, at {now}");
            self.broke(Invariant::InTime, what);
        }
    }

    /// A leader's work ends, for whoever is still there.
    pub fn check_landing(&mut self, leader: &Leader) {
        let took_ms = self.now - leader.began;
        // Each rung has a timer that may be late.
        let rungs = Ms::from(self.plan.options.failover) + 2;
        if took_ms > self.plan.options.deadline_ms + rungs * self.plan.late_ms + self.stepped_ms {
            self.broke(Invariant::InTime, format!("node {}: a leader took {took_ms} ms", leader.node));
        }
    }

    /// A copy past its freshness is the answer.
    pub fn check_stale(&mut self, node: usize, spot: EntryRef, allowed_ms: Ms) {
        let expires_at_ms = self.nodes[node].group().at(spot).meta.expires_at_ms;
        let stale_ms = self.nodes[node].clock(self.now).saturating_sub(expires_at_ms);
        if stale_ms >= allowed_ms.max(1) {
            let what =
                format!("node {node} gives a copy {stale_ms} ms past its freshness of {allowed_ms} ms more");
            self.broke(Invariant::RightValue, what);
        }
    }

    /// A flight fails: nothing is here that could be the answer instead.
    pub fn check_given_up(&mut self, node: usize, key: usize, came: &Came, next: &Next) {
        let fails =
            matches!((came, next), (Came::Is(Outcome::Failed(_)), Next::Done) | (_, Next::DeadlinePassed));
        if fails && self.has_stale(node, key) {
            let what = format!("node {node} fails key {key} beside a stale copy that may be served");
            self.broke(Invariant::Answered, what);
        }
    }

    /// Whether a copy is here that may be the answer when its load fails.
    fn has_stale(&self, node: usize, key: usize) -> bool {
        let (name, now) = (self.key(key), self.nodes[node].clock(self.now));
        // At the beginning of time every copy is fresh.
        let found = self.nodes[node].group().peek(&name, 0);
        let until = |expires_at_ms: Millis| expires_at_ms.saturating_add(self.plan.options.stale_if_error_ms);
        found.is_some_and(|found| now < until(found.meta.expires_at_ms))
    }

    pub fn check_join(&mut self, node: usize, asker: Origin, flight: FlightId) {
        let leader = self.led.get(&(node, flight)).and_then(|leader| self.leaders.get(leader));
        if asker == Origin::Peer && leader.is_some_and(|leader| matches!(leader.doing, Doing::Asks { .. })) {
            let what = format!("node {node}: a peer's question waits for {flight:?}, which asks a peer");
            self.broke(Invariant::NoForward, what);
        }
    }

    pub fn check_task(&mut self, leader: u64, task: &Task) {
        let leader = &self.leaders[&leader];
        let (node, asker) = (leader.node, leader.asker);
        let left_ms = (leader.began_at + self.plan.options.deadline_ms)
            .saturating_sub(self.nodes[node].clock(self.now));
        let left_ms = left_ms.min(self.plan.options.deadline_ms);
        let (Task::Ask { timeout_ms, .. } | Task::Load { timeout_ms, .. }) = *task;
        if timeout_ms > left_ms {
            let what = format!("node {node}: {task:?} with {left_ms} ms left");
            self.broke(Invariant::InTime, what);
        }
        if let (Origin::Peer, Task::Ask { peer, .. }) = (asker, task) {
            self.broke(Invariant::NoForward, format!("node {node} asks {peer} what it was asked"));
        }
    }

    /// A question is about to be asked.
    pub fn check_ask(&mut self, node: usize, peer: usize) {
        self.seen.asked_at.insert((node, peer), self.now);
        if peer == node || !self.nodes[node].pool.peers().ring().peers().contains(&name(peer).into()) {
            self.broke(Invariant::NoForward, format!("node {node} asks node {peer}, which is no peer"));
        }
        let now = self.now;
        let trouble = self.nodes[node].book.troubles.get_mut(&peer).filter(|trouble| trouble.is_open);
        let Some(trouble) = trouble else { return };
        let closed_ms = now - trouble.closed_since + self.stepped_ms;
        (trouble.closed_since, trouble.probes) = (now, trouble.probes + 1);
        if closed_ms < LEAST_COOL_DOWN_MS {
            let what = format!("node {node} asks node {peer}, which is down, again after {closed_ms} ms");
            self.broke(Invariant::Breaker, what);
        }
    }

    /// A question arrived; what the exchange makes of it.
    pub fn check_question(
        &mut self,
        node: usize,
        question: &Question,
        now: Millis,
        read: &Option<Result<IncomingRequest, Reply>>,
    ) {
        let (secrets, truth) = (&self.nodes[node].secrets, &question.truth);
        if secrets.is_empty() {
            if truth.is_forwarded && !matches!(read, Some(Err(Reply::Forwarded))) {
                self.broke(Invariant::NoForward, format!("node {node} takes a forwarded question"));
            }
            return;
        }
        let knows = truth.signed_with.as_ref().is_some_and(|secret| secrets.contains(secret));
        let is_peer = knows && !truth.is_altered && truth.signed_at.abs_diff(now) <= CLOCK_SKEW_MS;
        match read {
            Some(Err(Reply::Unauthorized)) => {
                self.seen.turned_away += 1;
                self.nodes[node].book.counted.unauthorized += 1;
                if is_peer {
                    self.broke(Invariant::OnlyPeers, format!("node {node} turns a peer away: {question:?}"));
                }
            }
            // Not a peer's path at all.
            None if truth.is_altered => {}
            _ if is_peer => {}
            _ => self.broke(Invariant::OnlyPeers, format!("node {node} lets {question:?} in")),
        }
    }

    /// A peer that was down is back: how often it was asked meanwhile.
    pub fn check_outage(&mut self, peer: usize) {
        for node in 0..self.nodes.len() {
            let Some(trouble) = self.nodes[node].book.troubles.get(&peer) else { continue };
            let (mut least_ms, mut most) = (LEAST_COOL_DOWN_MS, 0);
            let mut down_ms = self.now - trouble.opened_at;
            while trouble.is_open && down_ms >= least_ms {
                (down_ms, most) = (down_ms - least_ms, most + 1);
                least_ms = (least_ms * 2).min(LONGEST_COOL_DOWN_MS);
            }
            if trouble.probes > most {
                let what = format!("node {node} asked node {peer} {} times: {most} at most", trouble.probes);
                self.broke(Invariant::Breaker, what);
            }
        }
    }
}
