//! Faults: actions of the script on nodes, corrupted messages, unsigned requests.

use std::rc::Rc;

use geecache_edge::wire::{
    AUTH_HEADER, Exchange, FRESH_HEADER, IncomingRequest, OUTCOME_HEADER, Reply, Secret,
};

use crate::network::{SentRequest, SentResponse, Truth};
use crate::node::{GROUP, Node, name};
use crate::plan::{Kind, Ms, SECRETS};
use crate::world::{World, trace};

/// One action on the world. Nodes and keys are numbers.
#[derive(Clone, Debug)]
pub enum Action {
    Call {
        node: usize,
        key: usize,
        timeout_ms: Ms,
    },
    Remove {
        node: usize,
        key: usize,
    },
    Set {
        node: usize,
        key: usize,
    },
    Clear {
        node: usize,
    },
    /// A request vanishes.
    Cut,
    Crash {
        node: usize,
        drops_silently: bool,
    },
    Start {
        node: usize,
    },
    Partition {
        side: u64,
        drops_silently: bool,
    },
    Heal,
    Peers {
        node: usize,
        list: Vec<usize>,
    },
    Secrets {
        node: usize,
        list: Vec<Secret>,
    },
    /// Its clock is stepped.
    Clock {
        node: usize,
        step_ms: i64,
    },
    Slow {
        node: usize,
        ms: Ms,
    },
    Corrupt {
        node: usize,
        percent: u64,
    },
    /// A peer request without a valid signature.
    UnsignedRequest {
        node: usize,
    },
    /// A recorded peer request arrives again.
    Repeat,
}

impl World {
    pub fn apply(&mut self, action: Action) {
        trace!(self, "-- {action:?}");
        match action {
            Action::Call { node, key, timeout_ms } => {
                if self.nodes[node].up {
                    self.coverage.calls += 1;
                    let request = self.request(node, key, None, timeout_ms);
                    self.look_up(request, false);
                }
            }
            Action::Remove { node, key } => self.remove_key(node, key),
            Action::Set { node, key } => self.set(node, key),
            Action::Clear { node } => {
                (0..self.plan.keys.len()).for_each(|key| self.remove_key(node, key));
                self.nodes[node].parts().0.clear();
            }
            Action::Cut => self.cut_any(),
            Action::Crash { node, drops_silently } => self.crash(node, drops_silently),
            Action::Start { node } => self.start(node),
            Action::Partition { side, drops_silently } => {
                self.network.partition = Some((side, drops_silently))
            }
            Action::Heal => self.network.partition = None,
            Action::Peers { node, list } => {
                let list: Vec<String> = list.into_iter().map(name).collect();
                self.nodes[node].parts().1.set_peers(&list).expect("the list is a ring");
                self.nodes[node].observed.breakers.retain(|&peer, _| list.contains(&name(peer)));
            }
            Action::Secrets { node, list } => self.nodes[node].secrets = list,
            Action::Clock { node, step_ms } => {
                self.nodes[node].skew_ms += step_ms;
                self.stepped_ms += step_ms.unsigned_abs();
            }
            Action::Slow { node, ms } => self.nodes[node].slow_ms = ms,
            Action::Corrupt { node, percent } => self.nodes[node].corrupted = percent,
            Action::UnsignedRequest { node } => self.unsigned_request(node),
            Action::Repeat => {
                if let Some(sent) = self.network.requests.back().cloned() {
                    self.request_arrives(&sent);
                }
            }
        }
    }

    fn remove_key(&mut self, node: usize, key: usize) {
        let (stamp, name) = (self.stamp(), self.key(key));
        self.touched = node;
        self.nodes[node].observed.removed.entry(key).or_default().push(stamp);
        self.nodes[node].parts().0.remove(&name);
    }

    fn set(&mut self, node: usize, key: usize) {
        self.remove_key(node, key);
        let bytes = self.rng.below(self.plan.value_bytes as u64 + 1) as usize;
        let (version, value) = self.database.make(key, bytes, self.now);
        if value.len() <= self.plan.options.max_entry_bytes {
            let (stamp, name, now) = (self.stamp(), self.key(key), self.nodes[node].clock(self.now));
            let refused = self.nodes[node].group().stats().rejected;
            let (group, _) = self.nodes[node].parts();
            let kept = group.set(&name, &value, now).expect("the keys are keys");
            let found = group.peek(&name, now).is_some_and(|found| found.value == &*value);
            self.nodes[node].observed.record_arrival(key, version, stamp, None);
            self.check_set(node, key, kept, found, refused);
        }
    }

    fn cut_any(&mut self) {
        let healthy = self.plan.is_healthy();
        let requests = self.requests.iter().filter(|(_, request)| !healthy || request.handler.is_none());
        let requests: Vec<u64> = requests.map(|(&id, _)| id).collect();
        if !requests.is_empty() {
            let id = *self.rng.pick(&requests);
            self.cut(id);
        }
    }

    /// The node's memory and its work in progress are lost.
    fn crash(&mut self, node: usize, drops_silently: bool) {
        self.check_counters(node);
        (self.nodes[node].up, self.nodes[node].drops_silently) = (false, drops_silently);
        self.coverage.add_node(&self.nodes[node]);
        self.leaders.retain(|_, leader| leader.node != node);
        self.leader_of.retain(|led, _| led.0 != node);
        self.vanished_at.retain(|gone, _| gone.0 != node);
        self.asks.retain(|_, ask| ask.node != node);
        let here: Vec<u64> =
            self.requests.iter().filter(|(_, request)| request.node == node).map(|(&id, _)| id).collect();
        for id in here {
            let ask =
                self.requests.remove(&id).and_then(|request| request.handler).and_then(|asked| asked.ask);
            self.does_not_arrive(ask, drops_silently);
        }
    }

    pub fn start(&mut self, node: usize) {
        if self.nodes[node].up {
            return;
        }
        if self.plan.kind == Kind::Outage {
            self.check_outage(node);
        }
        let peers: Vec<String> = (0..self.plan.nodes).map(name).collect();
        let (secrets, skew_ms) = (self.nodes[node].secrets.clone(), self.draw_skew_ms());
        self.nodes[node] = Node::start(node, &self.plan, peers, secrets, skew_ms);
    }

    /// A request by a sender without the secret, or malformed.
    fn unsigned_request(&mut self, to: usize) {
        let key = self.rng.below(self.plan.keys.len() as u64) as usize;
        let (mut exchange, now) = (self.nodes[to].exchange(), self.nodes[to].clock(self.now));
        let is_open = exchange.secrets.is_empty();
        exchange.secrets = if self.rng.chance(50) { Vec::new() } else { vec![SECRETS[2].to_owned()] };
        let key = self.key(key);
        let Some(outgoing) = exchange.request(GROUP, &key, now) else { return };
        let (mut path, mut auth) = (outgoing.path, Some(outgoing.auth));
        let mut truth = Truth {
            signed_with: exchange.secrets.pop(),
            signed_at: now,
            is_altered: false,
            is_forwarded: false,
        };
        match self.rng.below(5) {
            0 => (truth.is_forwarded, auth) = (is_open, Some([&"00".repeat(12), "02"].concat())),
            1 => (truth.is_altered, path) = (true, self.odd_path()),
            2 => auth = None,
            3 => auth = Some("not hexadecimal".to_owned()),
            _ => {}
        }
        self.coverage.strangers += 1;
        self.request_arrives(&SentRequest { to, from: None, ask: None, path, auth, truth });
    }

    fn odd_path(&mut self) -> String {
        let odd =
            ["", "scores", "scores/%zz", "scores/%", "scores%20%26%20more/", "nobody/x", "../x/y", "a/b/c"];
        let base = if self.rng.chance(90) { "/_geecache/" } else { "/" };
        [base, *self.rng.pick(&odd)].concat()
    }

    /// Corrupts a peer request in transit.
    pub fn alter_request(&mut self, sent: &mut SentRequest) {
        let (path, auth) = (sent.path.clone(), sent.auth.clone());
        match (self.rng.below(4), &mut sent.auth) {
            (0, _) => sent.path = self.odd_path(),
            (1, _) => {
                let key = self.rng.below(self.plan.keys.len() as u64) as usize;
                let exchange = self.nodes[sent.to].exchange();
                sent.path =
                    exchange.wire.path(&exchange.base_path, GROUP, &self.key(key)).unwrap_or_default();
            }
            (2, auth) => *auth = None,
            (_, Some(auth)) => {
                let at = self.rng.below(auth.len() as u64) as usize;
                let digit = *self.rng.pick(&["0", "7", "f", "x"]);
                auth.replace_range(at..=at, digit);
            }
            _ => {}
        }
        sent.truth.is_altered |= path != sent.path || auth != sent.auth;
        self.coverage.altered += 1;
    }

    /// Corrupts a response in transit, or forges it. Without a secret only accidental corruption: a deliberate forgery
    /// cannot be detected then.
    pub fn alter_response(&mut self, ask: u64, response: &mut SentResponse) {
        let Some((exchange, key, asked_at)) = self.asks.get(&ask).map(|ask| ask.overheard()) else { return };
        let is_signed = !exchange.secrets.is_empty();
        trace!(self, "the response to {ask} is corrupted");
        self.coverage.altered += 1;
        match self.rng.below(if is_signed { 11 } else { 6 }) {
            0 if !response.body.is_empty() => {
                let at = self.rng.below(response.body.len() as u64) as usize;
                response.body[at] ^= 1 << self.rng.below(8);
            }
            1 => response.body.truncate(self.rng.below(response.body.len() as u64 + 1) as usize),
            2 => {
                let strange = |&&(its, _): &&(usize, Rc<SentResponse>)| is_signed || its != key;
                let others: Vec<_> = self.network.responses.iter().filter(strange).collect();
                if !others.is_empty() {
                    *response = (*others[self.rng.below(others.len() as u64) as usize].1).clone();
                }
            }
            3 => response.body = self.rng.bytes(40),
            4 => response.is_endless = true,
            5 => response.status = *self.rng.pick(&[204, 301, 302, 418, 500, 502, 503]),
            // Without the secret any of these can be forged.
            6 => response.headers.retain(|header| header.0 != AUTH_HEADER),
            7 => {
                response.headers.retain(|header| header.0 != FRESH_HEADER);
                response.headers.push((FRESH_HEADER.to_owned(), "99999999".to_owned()));
            }
            8 => {
                response.status = 404;
                response.headers.insert(0, (OUTCOME_HEADER.to_owned(), "not-found".to_owned()));
            }
            _ => {
                let secrets = if self.rng.chance(50) { Vec::new() } else { vec![SECRETS[2].to_owned()] };
                *response = self.forged(&Exchange { secrets, ..exchange }, key, asked_at, ask);
            }
        }
    }

    /// A well-formed response by a sender without the secret.
    fn forged(&mut self, forger: &Exchange, key: usize, now: Ms, ask: u64) -> SentResponse {
        let key = self.key(key);
        let true_ask = self.asks.get(&ask).map(|ask| ask.overheard().0);
        let auth = true_ask.and_then(|origin| origin.request(GROUP, &key, now).map(|outgoing| outgoing.auth));
        let path = forger.wire.path(&forger.base_path, GROUP, &key).unwrap_or_default();
        let read = forger.wire.read_request(&forger.base_path, "GET", &path);
        let Some(Ok(sent)) = read else { return SentResponse::empty(self.now) };
        let asked = IncomingRequest { request: sent, auth: auth.map(|auth| (auth, 0)) };
        let reply = Reply::Value { value: self.rng.bytes(30), fresh_ms: Some(1_000_000) };
        SentResponse::new(forger.respond(&asked, reply, now), self.now)
    }
}
