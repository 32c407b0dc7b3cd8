//! The network: questions and answers travel as bytes, late, twice, altered or never, and are read and written by the
//! shipped exchange at either end.

use std::collections::VecDeque;
use std::rc::Rc;

use geecache_edge::PeerAnswer;
use geecache_edge::base::time::Millis;
use geecache_edge::wire::{AUTH_HEADER, Exchange, IncomingRequest, Reply, Response, Secret};

use crate::leader::{Came, Leader};
use crate::node::GROUP;
use crate::plan::Ms;
use crate::shell::Outcome;
use crate::world::{Event, World, trace};

/// How many messages are remembered, to be repeated or mixed up.
const REMEMBERED: usize = 16;

#[derive(Default)]
pub struct Network {
    /// The nodes on one side of a partition, bit by bit, and whether it swallows what would cross it.
    pub parted: Option<(u64, bool)>,
    pub questions: VecDeque<Rc<Question>>,
    pub answers: VecDeque<(usize, Rc<Said>)>,
}

/// A question on its way.
#[derive(Clone, Debug)]
pub struct Question {
    pub to: usize,
    pub from: Option<usize>,
    pub ask: Option<u64>,
    pub path: String,
    pub seal: Option<String>,
    pub truth: Truth,
}

/// What is true of a question, whatever it says.
#[derive(Clone, Debug)]
pub struct Truth {
    pub signed_with: Option<Secret>,
    pub signed_at: Millis,
    pub is_altered: bool,
    pub is_forwarded: bool,
}

/// An answer on its way.
#[derive(Clone, Debug)]
pub struct Said {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub is_endless: bool,
    pub said_at: Ms,
}

/// A question that a leader waits to have answered.
pub struct Ask {
    leader: u64,
    pub node: usize,
    key: usize,
    exchange: Exchange,
    asked_at: Millis,
    stamp: u64,
    attempt: u32,
    /// Its result has been reported, or its leader has given it up: what arrives now is late.
    is_over: bool,
}

/// How a question is to be answered.
pub struct Handler {
    pub ask: Option<u64>,
    to: Option<usize>,
    asked: IncomingRequest,
    exchange: Exchange,
    asked_at: Millis,
}

impl Ask {
    /// What a liar on the way knows of it.
    pub fn overheard(&self) -> (Exchange, usize, Millis) {
        (self.exchange.clone(), self.key, self.asked_at)
    }
}

impl Said {
    pub fn nothing(said_at: Ms) -> Said {
        Said { status: 200, headers: Vec::new(), body: Vec::new(), is_endless: false, said_at }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.clone())
    }

    pub fn of(answer: Response, said_at: Ms) -> Said {
        let headers =
            answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        Said { status: answer.status, headers, body: answer.body, is_endless: false, said_at }
    }
}

/// The fingerprint that a seal of at least so many bytes begins with.
fn ring_of(seal: Option<&str>, least: usize) -> Option<u32> {
    let digits = seal.filter(|seal| seal.len() % 2 == 0 && seal.len() >= 2 * least)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(&digits[..8], 16).ok()).flatten()
}

impl World {
    /// A leader asks a peer.
    pub fn ask(&mut self, leader: u64, to: usize, timeout_ms: Ms) -> u64 {
        let Leader { node, key, attempt, .. } = self.leaders[&leader];
        let id = self.stamp();
        self.check_ask(node, to);
        let (exchange, asked_at) = (self.nodes[node].exchange(), self.nodes[node].clock(self.now));
        let key_bytes = self.key(key);
        let question = exchange.request(GROUP, &key_bytes, asked_at).map(|asking| (asking.path, asking.auth));
        let truth = Truth {
            signed_with: exchange.secrets.first().cloned(),
            signed_at: asked_at,
            is_altered: false,
            is_forwarded: false,
        };
        let ask = Ask { leader, node, key, exchange, asked_at, stamp: id, attempt, is_over: false };
        self.asks.insert(id, ask);
        self.timer(timeout_ms, Event::AskLate(id));
        match question {
            None => self.after(0, Event::Unaskable(id)),
            Some((path, seal)) => {
                self.post(Question { to, from: Some(node), ask: Some(id), path, seal: Some(seal), truth });
            }
        }
        id
    }

    fn reaches(&self, from: Option<usize>, to: usize) -> bool {
        match (self.network.parted, from) {
            (Some((side, _)), Some(from)) => side >> from & 1 == side >> to & 1,
            _ => true,
        }
    }

    /// A message that cannot arrive is swallowed, or its sender hears of it.
    pub fn does_not_arrive(&mut self, ask: Option<u64>, swallows: bool) {
        if let (Some(ask), false) = (ask, swallows) {
            let ms = self.between(self.plan.delay_ms);
            self.after(ms, Event::Broken(ask));
        }
    }

    pub fn post(&mut self, mut question: Question) {
        self.seen.asks += 1;
        self.network.questions.push_front(Rc::new(question.clone()));
        self.network.questions.truncate(REMEMBERED);
        if let (false, Some((_, swallows))) = (self.reaches(question.from, question.to), self.network.parted)
        {
            return self.does_not_arrive(question.ask, swallows);
        }
        if self.rng.chance(self.plan.lost) {
            self.seen.lost += 1;
            return;
        }
        if self.rng.chance(self.plan.lies) {
            self.alter_question(&mut question);
        }
        let question = Rc::new(question);
        if self.rng.chance(self.plan.doubled) {
            self.seen.doubled += 1;
            let ms = self.delay_ms(question.to);
            self.after(ms, Event::Asked(question.clone()));
        }
        let ms = self.delay_ms(question.to);
        self.after(ms, Event::Asked(question));
    }

    fn delay_ms(&mut self, node: usize) -> Ms {
        let slow_ms = if self.rng.chance(self.plan.slow) { self.rng.below(3_000) } else { 0 };
        self.between(self.plan.delay_ms) + slow_ms + self.nodes[node].slow_ms
    }

    /// A question arrives: the shipped exchange reads it, and what it lets in is looked up.
    pub fn asked(&mut self, question: &Question) {
        let node = question.to;
        if !self.nodes[node].up {
            return self.does_not_arrive(question.ask, self.nodes[node].swallows);
        }
        self.touched = node;
        let (exchange, now) = (self.nodes[node].exchange(), self.nodes[node].clock(self.now));
        let read = exchange.read_request("GET", &question.path, question.seal.clone(), now);
        self.check_question(node, question, now, &read);
        if let Some(Ok(_) | Err(Reply::Forwarded)) = read
            && ring_of(question.seal.as_deref(), 4).is_some_and(|ring| ring != exchange.ring)
        {
            self.nodes[node].book.counted.ring_mismatches += 1;
        }
        let refusal = match read {
            None => Reply::NoSuchGroup("nothing of the kind".to_owned()),
            Some(Err(refusal)) => refusal,
            Some(Ok(asked)) => {
                let key = self.key_index(&asked.request.key);
                match (self.nodes[node].pool.find_group(&asked.request.group), key) {
                    (None, _) => Reply::NoSuchGroup(asked.request.group),
                    (Some(_), None) => Reply::BadRequest("nobody has that key"),
                    (Some(_), Some(key)) => {
                        let (ask, to) = (question.ask, question.from);
                        let handler = Handler { ask, to, asked, exchange, asked_at: now };
                        let request = self.request(node, key, Some(Box::new(handler)), Ms::MAX);
                        return self.look_up(request, false);
                    }
                }
            }
        };
        trace!(self, "node {node}: refuses {question:?}: {refusal:?}");
        let said = Said::of(exchange.wire.write_response(refusal, now), self.now);
        self.send(node, question.from, question.ask, None, said);
    }

    /// A handler's answer.
    pub fn reply(&mut self, node: usize, handler: Handler, outcome: Outcome) {
        let room = self.plan.options.max_entry_bytes;
        let reply = match outcome {
            Outcome::Value { bytes, .. } if bytes.len() > room => Reply::NotTransferable,
            Outcome::Value { bytes, fresh_ms } => Reply::Value { value: bytes.to_vec(), fresh_ms },
            Outcome::Absent => Reply::NotFound,
            Outcome::Failed(code) => Reply::LoadFailed { code, message: "it would not load".to_owned() },
        };
        let answer = handler.exchange.respond(&handler.asked, reply, handler.asked_at);
        let key = self.key_index(&handler.asked.request.key);
        self.send(node, handler.to, handler.ask, key, Said::of(answer, self.now));
    }

    fn send(&mut self, from: usize, to: Option<usize>, ask: Option<u64>, key: Option<usize>, mut said: Said) {
        let (Some(to), Some(id)) = (to, ask) else { return };
        if let (false, Some((_, swallows))) = (self.reaches(Some(from), to), self.network.parted) {
            return self.does_not_arrive(ask, swallows);
        }
        if self.rng.chance(self.plan.lost) {
            self.seen.lost += 1;
            return self.does_not_arrive(ask, self.nodes[from].swallows);
        }
        if let Some(key) = key {
            self.network.answers.push_front((key, Rc::new(said.clone())));
            self.network.answers.truncate(REMEMBERED);
        }
        if self.rng.chance(self.plan.lies.max(self.nodes[from].lies)) {
            self.alter_answer(id, &mut said);
        }
        let said = Rc::new(said);
        if self.rng.chance(self.plan.doubled) {
            self.seen.doubled += 1;
            let ms = self.delay_ms(from);
            self.after(ms, Event::Answered(id, said.clone()));
        }
        let ms = self.delay_ms(from);
        self.after(ms, Event::Answered(id, said));
    }

    /// An answer arrives: what the shell's `PeerGetter` makes of it.
    pub fn heard(&mut self, id: u64, said: &Said) {
        let Some(ask) = self.asks.get_mut(&id) else { return };
        let is_late = std::mem::replace(&mut ask.is_over, true);
        let (node, leader, attempt) = (ask.node, ask.leader, ask.attempt);
        self.touched = node;
        let came = self.read(id, said, is_late);
        match is_late {
            true => self.report_late(leader, attempt, &came),
            false => self.came(leader, came),
        }
    }

    fn read(&mut self, id: u64, said: &Said, is_late: bool) -> Came {
        let ask = &self.asks[&id];
        let (node, now) = (ask.node, self.nodes[ask.node].clock(self.now));
        if said.is_endless || said.body.len() > self.plan.options.max_entry_bytes {
            self.seen.cut_off += 1;
            return Came::NotTransferable;
        }
        let header = |name: &str| said.header(name);
        if ring_of(header(AUTH_HEADER).as_deref(), 8).is_some_and(|ring| ring != ask.exchange.ring) {
            self.nodes[node].book.counted.ring_mismatches += 1;
        }
        let key = self.key(ask.key);
        let asking = ask.exchange.request(GROUP, &key, ask.asked_at).expect("it could be asked before");
        let heard = ask.exchange.read_response(&asking, said.status, &header, said.body.clone(), now);
        match heard {
            Ok(PeerAnswer::Value { value, fresh_ms }) => {
                if let Some(version) = self.origin.version_of(&value).filter(|_| !is_late) {
                    self.origin.versions[version].travelled_ms += self.now - said.said_at;
                    self.nodes[node].book.comes(ask.key, version, ask.stamp, Some(self.now));
                }
                Came::Is(Outcome::Value { bytes: value.into(), fresh_ms })
            }
            Ok(PeerAnswer::NotFound) => Came::Is(Outcome::Absent),
            Ok(PeerAnswer::LoadFailed { code, .. }) => Came::Is(Outcome::Failed(code)),
            Ok(PeerAnswer::NotTransferable { .. }) => Came::NotTransferable,
            Err(error) => {
                trace!(self, "node {node}: question {id} was answered with {}: {error}", said.status);
                Came::PeerFailed
            }
        }
    }

    pub fn ask_failed(&mut self, id: u64, why: &str) {
        let Some(ask) = self.asks.get(&id).filter(|ask| !ask.is_over) else { return };
        let leader = ask.leader;
        trace!(self, "question {id}: {why}");
        self.hang_up(id);
        self.came(leader, Came::PeerFailed);
    }

    pub fn unaskable(&mut self, id: u64) {
        if let Some(ask) = self.asks.remove(&id).filter(|ask| !ask.is_over) {
            self.came(ask.leader, Came::NotTransferable);
        }
    }

    /// Nobody waits for an answer any more, and the peer may come to know.
    pub fn hang_up(&mut self, id: u64) {
        let Some(ask) = self.asks.get_mut(&id) else { return };
        if !std::mem::replace(&mut ask.is_over, true) && self.rng.chance(50) {
            let ms = self.between(self.plan.delay_ms);
            self.after(ms, Event::HungUp(id));
        }
    }

    pub fn hung_up(&mut self, ask: u64) {
        let handles = |handler: &Handler| handler.ask == Some(ask);
        let mut requests = self.requests.iter();
        let handler = requests.find(|(_, request)| request.handler.as_deref().is_some_and(handles));
        if let Some((&request, _)) = handler {
            self.cut(request);
        }
    }
}
