//! What goes wrong, and what is done to nodes: deeds of the script, lies on the wire, strangers at the door.

use std::rc::Rc;

use geecache_edge::wire::{
    AUTH_HEADER, Exchange, FRESH_HEADER, IncomingRequest, OUTCOME_HEADER, Reply, Secret,
};

use crate::network::{Question, Said, Truth};
use crate::node::{GROUP, Node, name};
use crate::plan::{Kind, Ms, SECRETS};
use crate::world::{World, trace};

/// One thing that is done to the world. Nodes and keys by their numbers.
#[derive(Clone, Debug)]
pub enum Deed {
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
    /// Some request vanishes.
    Cut,
    Crash {
        node: usize,
        swallows: bool,
    },
    Start {
        node: usize,
    },
    Part {
        side: u64,
        swallows: bool,
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
    /// Its clock is set.
    Clock {
        node: usize,
        step_ms: i64,
    },
    Slow {
        node: usize,
        ms: Ms,
    },
    Lies {
        node: usize,
        percent: u64,
    },
    /// Somebody who is no peer asks.
    Stranger {
        node: usize,
    },
    /// A question that was asked before arrives once more.
    Repeat,
}

impl World {
    pub fn does(&mut self, deed: Deed) {
        trace!(self, "-- {deed:?}");
        match deed {
            Deed::Call { node, key, timeout_ms } => {
                if self.nodes[node].up {
                    self.seen.calls += 1;
                    let request = self.request(node, key, None, timeout_ms);
                    self.look_up(request, false);
                }
            }
            Deed::Remove { node, key } => self.forget(node, key),
            Deed::Set { node, key } => self.set(node, key),
            Deed::Clear { node } => {
                (0..self.plan.keys.len()).for_each(|key| self.forget(node, key));
                self.nodes[node].parts().0.clear();
            }
            Deed::Cut => self.cut_some(),
            Deed::Crash { node, swallows } => self.crash(node, swallows),
            Deed::Start { node } => self.start(node),
            Deed::Part { side, swallows } => self.network.parted = Some((side, swallows)),
            Deed::Heal => self.network.parted = None,
            Deed::Peers { node, list } => {
                let list: Vec<String> = list.into_iter().map(name).collect();
                self.nodes[node].parts().1.set_peers(&list).expect("the list is a ring");
                self.nodes[node].book.troubles.retain(|&peer, _| list.contains(&name(peer)));
            }
            Deed::Secrets { node, list } => self.nodes[node].secrets = list,
            Deed::Clock { node, step_ms } => {
                self.nodes[node].skew_ms += step_ms;
                self.stepped_ms += step_ms.unsigned_abs();
            }
            Deed::Slow { node, ms } => self.nodes[node].slow_ms = ms,
            Deed::Lies { node, percent } => self.nodes[node].lies = percent,
            Deed::Stranger { node } => self.stranger(node),
            Deed::Repeat => {
                if let Some(question) = self.network.questions.back().cloned() {
                    self.asked(&question);
                }
            }
        }
    }

    fn forget(&mut self, node: usize, key: usize) {
        let (stamp, name) = (self.stamp(), self.key(key));
        self.touched = node;
        self.nodes[node].book.forgotten.entry(key).or_default().push(stamp);
        self.nodes[node].parts().0.remove(&name);
    }

    fn set(&mut self, node: usize, key: usize) {
        self.forget(node, key);
        let bytes = self.rng.below(self.plan.value_bytes as u64 + 1) as usize;
        let (version, value) = self.origin.make(key, bytes, self.now);
        if value.len() <= self.plan.options.max_entry_bytes {
            let (stamp, name, now) = (self.stamp(), self.key(key), self.nodes[node].clock(self.now));
            let refused = self.nodes[node].group().stats().rejected;
            let (group, _) = self.nodes[node].parts();
            let kept = group.set(&name, &value, now).expect("the keys are keys");
            let found = group.peek(&name, now).is_some_and(|found| found.value == &*value);
            self.nodes[node].book.comes(key, version, stamp, None);
            self.check_set(node, key, kept, found, refused);
        }
    }

    fn cut_some(&mut self) {
        let calm = self.plan.is_calm();
        let requests = self.requests.iter().filter(|(_, request)| !calm || request.handler.is_none());
        let requests: Vec<u64> = requests.map(|(&id, _)| id).collect();
        if !requests.is_empty() {
            let id = *self.rng.pick(&requests);
            self.cut(id);
        }
    }

    /// The node's memory is lost, and whatever it was about.
    fn crash(&mut self, node: usize, swallows: bool) {
        self.check_counters(node);
        (self.nodes[node].up, self.nodes[node].swallows) = (false, swallows);
        self.seen.forget_node(&self.nodes[node]);
        self.leaders.retain(|_, leader| leader.node != node);
        self.led.retain(|led, _| led.0 != node);
        self.gone.retain(|gone, _| gone.0 != node);
        self.asks.retain(|_, ask| ask.node != node);
        let here: Vec<u64> =
            self.requests.iter().filter(|(_, request)| request.node == node).map(|(&id, _)| id).collect();
        for id in here {
            let ask =
                self.requests.remove(&id).and_then(|request| request.handler).and_then(|asked| asked.ask);
            self.does_not_arrive(ask, swallows);
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

    /// Somebody who knows neither secret nor manners.
    fn stranger(&mut self, to: usize) {
        let key = self.rng.below(self.plan.keys.len() as u64) as usize;
        let (mut exchange, now) = (self.nodes[to].exchange(), self.nodes[to].clock(self.now));
        let is_open = exchange.secrets.is_empty();
        exchange.secrets = if self.rng.chance(50) { Vec::new() } else { vec![SECRETS[2].to_owned()] };
        let key = self.key(key);
        let Some(asking) = exchange.request(GROUP, &key, now) else { return };
        let (mut path, mut seal) = (asking.path, Some(asking.auth));
        let mut truth = Truth {
            signed_with: exchange.secrets.pop(),
            signed_at: now,
            is_altered: false,
            is_forwarded: false,
        };
        match self.rng.below(5) {
            0 => (truth.is_forwarded, seal) = (is_open, Some([&"00".repeat(12), "02"].concat())),
            1 => (truth.is_altered, path) = (true, self.odd_path()),
            2 => seal = None,
            3 => seal = Some("no seal at all".to_owned()),
            _ => {}
        }
        self.seen.strangers += 1;
        self.asked(&Question { to, from: None, ask: None, path, seal, truth });
    }

    fn odd_path(&mut self) -> String {
        let odd =
            ["", "scores", "scores/%zz", "scores/%", "scores%20%26%20more/", "nobody/x", "../x/y", "a/b/c"];
        let base = if self.rng.chance(90) { "/_geecache/" } else { "/" };
        [base, *self.rng.pick(&odd)].concat()
    }

    /// A question is altered on its way.
    pub fn alter_question(&mut self, question: &mut Question) {
        let (path, seal) = (question.path.clone(), question.seal.clone());
        match (self.rng.below(4), &mut question.seal) {
            (0, _) => question.path = self.odd_path(),
            (1, _) => {
                let key = self.rng.below(self.plan.keys.len() as u64) as usize;
                let exchange = self.nodes[question.to].exchange();
                question.path =
                    exchange.wire.path(&exchange.base_path, GROUP, &self.key(key)).unwrap_or_default();
            }
            (2, seal) => *seal = None,
            (_, Some(seal)) => {
                let at = self.rng.below(seal.len() as u64) as usize;
                let digit = *self.rng.pick(&["0", "7", "f", "x"]);
                seal.replace_range(at..=at, digit);
            }
            _ => {}
        }
        question.truth.is_altered |= path != question.path || seal != question.seal;
        self.seen.altered += 1;
    }

    /// An answer is altered on its way, or was a lie from the start. Without a secret only what befalls bytes by
    /// chance: who means to deceive, and may speak, can.
    pub fn alter_answer(&mut self, ask: u64, said: &mut Said) {
        let Some((exchange, key, asked_at)) = self.asks.get(&ask).map(|ask| ask.overheard()) else { return };
        let is_sealed = !exchange.secrets.is_empty();
        trace!(self, "the answer to {ask} is altered");
        self.seen.altered += 1;
        match self.rng.below(if is_sealed { 11 } else { 6 }) {
            0 if !said.body.is_empty() => {
                let at = self.rng.below(said.body.len() as u64) as usize;
                said.body[at] ^= 1 << self.rng.below(8);
            }
            1 => said.body.truncate(self.rng.below(said.body.len() as u64 + 1) as usize),
            2 => {
                let strange = |&&(its, _): &&(usize, Rc<Said>)| is_sealed || its != key;
                let others: Vec<_> = self.network.answers.iter().filter(strange).collect();
                if !others.is_empty() {
                    *said = (*others[self.rng.below(others.len() as u64) as usize].1).clone();
                }
            }
            3 => said.body = self.rng.bytes(40),
            4 => said.is_endless = true,
            5 => said.status = *self.rng.pick(&[204, 301, 302, 418, 500, 502, 503]),
            // Whoever does not know the secret may say what they like.
            6 => said.headers.retain(|header| header.0 != AUTH_HEADER),
            7 => {
                said.headers.retain(|header| header.0 != FRESH_HEADER);
                said.headers.push((FRESH_HEADER.to_owned(), "99999999".to_owned()));
            }
            8 => {
                said.status = 404;
                said.headers.insert(0, (OUTCOME_HEADER.to_owned(), "absent".to_owned()));
            }
            _ => {
                let secrets = if self.rng.chance(50) { Vec::new() } else { vec![SECRETS[2].to_owned()] };
                *said = self.forged(&Exchange { secrets, ..exchange }, key, asked_at, ask);
            }
        }
    }

    /// An answer that is well made, by one who does not know the secret.
    fn forged(&mut self, liar: &Exchange, key: usize, now: Ms, ask: u64) -> Said {
        let key = self.key(key);
        let true_ask = self.asks.get(&ask).map(|ask| ask.overheard().0);
        let seal = true_ask.and_then(|asker| asker.request(GROUP, &key, now).map(|asking| asking.auth));
        let path = liar.wire.path(&liar.base_path, GROUP, &key).unwrap_or_default();
        let read = liar.wire.read_request(&liar.base_path, "GET", &path);
        let Some(Ok(question)) = read else { return Said::nothing(self.now) };
        let asked = IncomingRequest { request: question, auth: seal.map(|seal| (seal, 0)) };
        let reply = Reply::Value { value: self.rng.bytes(30), fresh_ms: Some(1_000_000) };
        Said::of(liar.respond(&asked, reply, now), self.now)
    }
}
