//! The network: requests and responses travel as bytes, late, twice, corrupted or never. The shipped exchange writes and
//! reads them at both ends.

use std::collections::VecDeque;
use std::rc::Rc;

use geecache_edge::PeerAnswer;
use geecache_edge::base::time::Millis;
use geecache_edge::wire::{AUTH_HEADER, Exchange, IncomingRequest, Reply, Response, Secret};

use crate::leader::{Leader, TaskOutcome};
use crate::node::GROUP;
use crate::plan::Ms;
use crate::shell::Outcome;
use crate::world::{Event, World, trace};

/// Messages that are recorded, to be replayed or swapped.
const REMEMBERED: usize = 16;

#[derive(Default)]
pub struct Network {
    /// The nodes on one side of a partition, one bit each, and whether messages across it vanish silently.
    pub partition: Option<(u64, bool)>,
    pub requests: VecDeque<Rc<SentRequest>>,
    pub responses: VecDeque<(usize, Rc<SentResponse>)>,
}

/// A peer request in transit.
#[derive(Clone, Debug)]
pub struct SentRequest {
    pub to: usize,
    pub from: Option<usize>,
    pub ask: Option<u64>,
    pub path: String,
    pub auth: Option<String>,
    pub truth: Truth,
}

/// The facts about a peer request, whatever its header claims.
#[derive(Clone, Debug)]
pub struct Truth {
    pub signed_with: Option<Secret>,
    pub signed_at: Millis,
    pub is_altered: bool,
    pub is_forwarded: bool,
}

/// A response in transit.
#[derive(Clone, Debug)]
pub struct SentResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub is_endless: bool,
    pub sent_at: Ms,
}

/// A peer request that a leader waits for.
pub struct PendingAsk {
    leader: u64,
    pub node: usize,
    key: usize,
    exchange: Exchange,
    asked_at: Millis,
    stamp: u64,
    attempt: u32,
    /// Its result was reported, or its leader gave it up: a response that arrives now is late.
    is_over: bool,
}

/// The context of a peer request at the answering node.
pub struct Handler {
    pub ask: Option<u64>,
    to: Option<usize>,
    asked: IncomingRequest,
    exchange: Exchange,
    asked_at: Millis,
}

impl PendingAsk {
    /// Context that a forger in transit can observe.
    pub fn overheard(&self) -> (Exchange, usize, Millis) {
        (self.exchange.clone(), self.key, self.asked_at)
    }
}

impl SentResponse {
    pub fn empty(sent_at: Ms) -> SentResponse {
        SentResponse { status: 200, headers: Vec::new(), body: Vec::new(), is_endless: false, sent_at }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.clone())
    }

    pub fn new(answer: Response, sent_at: Ms) -> SentResponse {
        let headers =
            answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        SentResponse { status: answer.status, headers, body: answer.body, is_endless: false, sent_at }
    }
}

/// The ring fingerprint at the start of an auth header of at least `least` bytes.
fn ring_of(auth: Option<&str>, least: usize) -> Option<u32> {
    let digits = auth.filter(|auth| auth.len() % 2 == 0 && auth.len() >= 2 * least)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(&digits[..8], 16).ok()).flatten()
}

impl World {
    /// A leader sends a peer request.
    pub fn ask(&mut self, leader: u64, to: usize, timeout_ms: Ms) -> u64 {
        let Leader { node, key, attempt, .. } = self.leaders[&leader];
        let id = self.stamp();
        self.check_ask(node, to);
        let (exchange, asked_at) = (self.nodes[node].exchange(), self.nodes[node].clock(self.now));
        let key_bytes = self.key(key);
        let sent =
            exchange.request(GROUP, &key_bytes, asked_at).map(|outgoing| (outgoing.path, outgoing.auth));
        let truth = Truth {
            signed_with: exchange.secrets.first().cloned(),
            signed_at: asked_at,
            is_altered: false,
            is_forwarded: false,
        };
        let ask = PendingAsk { leader, node, key, exchange, asked_at, stamp: id, attempt, is_over: false };
        self.asks.insert(id, ask);
        self.timer(timeout_ms, Event::AskTimesOut(id));
        match sent {
            None => self.after(0, Event::NotSendable(id)),
            Some((path, auth)) => {
                self.post(SentRequest { to, from: Some(node), ask: Some(id), path, auth: Some(auth), truth });
            }
        }
        id
    }

    fn reaches(&self, from: Option<usize>, to: usize) -> bool {
        match (self.network.partition, from) {
            (Some((side, _)), Some(from)) => side >> from & 1 == side >> to & 1,
            _ => true,
        }
    }

    /// A message that cannot arrive vanishes silently, or its sender gets an error.
    pub fn does_not_arrive(&mut self, ask: Option<u64>, drops_silently: bool) {
        if let (Some(ask), false) = (ask, drops_silently) {
            let ms = self.between(self.plan.delay_ms);
            self.after(ms, Event::ConnectionBreaks(ask));
        }
    }

    pub fn post(&mut self, mut sent: SentRequest) {
        self.coverage.asks += 1;
        self.network.requests.push_front(Rc::new(sent.clone()));
        self.network.requests.truncate(REMEMBERED);
        if let (false, Some((_, drops_silently))) = (self.reaches(sent.from, sent.to), self.network.partition)
        {
            return self.does_not_arrive(sent.ask, drops_silently);
        }
        if self.rng.chance(self.plan.lost) {
            self.coverage.lost += 1;
            return;
        }
        if self.rng.chance(self.plan.corrupted) {
            self.alter_request(&mut sent);
        }
        let sent = Rc::new(sent);
        if self.rng.chance(self.plan.doubled) {
            self.coverage.doubled += 1;
            let ms = self.delay_ms(sent.to);
            self.after(ms, Event::RequestArrives(sent.clone()));
        }
        let ms = self.delay_ms(sent.to);
        self.after(ms, Event::RequestArrives(sent));
    }

    fn delay_ms(&mut self, node: usize) -> Ms {
        let slow_ms = if self.rng.chance(self.plan.slow) { self.rng.below(3_000) } else { 0 };
        self.between(self.plan.delay_ms) + slow_ms + self.nodes[node].slow_ms
    }

    /// A peer request arrives: the shipped exchange reads it, and an accepted one is looked up.
    pub fn request_arrives(&mut self, sent: &SentRequest) {
        let node = sent.to;
        if !self.nodes[node].up {
            return self.does_not_arrive(sent.ask, self.nodes[node].drops_silently);
        }
        self.touched = node;
        let (exchange, now) = (self.nodes[node].exchange(), self.nodes[node].clock(self.now));
        let read = exchange.read_request("GET", &sent.path, sent.auth.clone(), now);
        self.check_peer_request(node, sent, now, &read);
        if let Some(Ok(_) | Err(Reply::Forwarded)) = read
            && ring_of(sent.auth.as_deref(), 4).is_some_and(|ring| ring != exchange.ring)
        {
            self.nodes[node].observed.counted.ring_mismatches += 1;
        }
        let rejection = match read {
            None => Reply::NoSuchGroup("unknown path".to_owned()),
            Some(Err(rejection)) => rejection,
            Some(Ok(asked)) => {
                let key = self.key_index(&asked.request.key);
                match (self.nodes[node].pool.find_group(&asked.request.group), key) {
                    (None, _) => Reply::NoSuchGroup(asked.request.group),
                    (Some(_), None) => Reply::BadRequest("unknown key"),
                    (Some(_), Some(key)) => {
                        let (ask, to) = (sent.ask, sent.from);
                        let handler = Handler { ask, to, asked, exchange, asked_at: now };
                        let request = self.request(node, key, Some(Box::new(handler)), Ms::MAX);
                        return self.look_up(request, false);
                    }
                }
            }
        };
        trace!(self, "node {node}: rejects {sent:?}: {rejection:?}");
        let response = SentResponse::new(exchange.wire.write_response(rejection, now), self.now);
        self.send(node, sent.from, sent.ask, None, response);
    }

    /// Sends a handler's reply.
    pub fn reply(&mut self, node: usize, handler: Handler, outcome: Outcome) {
        let room = self.plan.options.max_entry_bytes;
        let reply = match outcome {
            Outcome::Value { bytes, .. } if bytes.len() > room => Reply::NotTransferable,
            Outcome::Value { bytes, fresh_ms } => Reply::Value { value: bytes.to_vec(), fresh_ms },
            Outcome::Absent => Reply::NotFound,
            Outcome::Failed(code) => Reply::LoadFailed { code, message: "the load failed".to_owned() },
        };
        let answer = handler.exchange.respond(&handler.asked, reply, handler.asked_at);
        let key = self.key_index(&handler.asked.request.key);
        self.send(node, handler.to, handler.ask, key, SentResponse::new(answer, self.now));
    }

    fn send(
        &mut self,
        from: usize,
        to: Option<usize>,
        ask: Option<u64>,
        key: Option<usize>,
        mut response: SentResponse,
    ) {
        let (Some(to), Some(id)) = (to, ask) else { return };
        if let (false, Some((_, drops_silently))) = (self.reaches(Some(from), to), self.network.partition) {
            return self.does_not_arrive(ask, drops_silently);
        }
        if self.rng.chance(self.plan.lost) {
            self.coverage.lost += 1;
            return self.does_not_arrive(ask, self.nodes[from].drops_silently);
        }
        if let Some(key) = key {
            self.network.responses.push_front((key, Rc::new(response.clone())));
            self.network.responses.truncate(REMEMBERED);
        }
        if self.rng.chance(self.plan.corrupted.max(self.nodes[from].corrupted)) {
            self.alter_response(id, &mut response);
        }
        let response = Rc::new(response);
        if self.rng.chance(self.plan.doubled) {
            self.coverage.doubled += 1;
            let ms = self.delay_ms(from);
            self.after(ms, Event::ResponseArrives(id, response.clone()));
        }
        let ms = self.delay_ms(from);
        self.after(ms, Event::ResponseArrives(id, response));
    }

    /// A response arrives: the part of the shell's `PeerGetter`.
    pub fn response_arrives(&mut self, id: u64, response: &SentResponse) {
        let Some(ask) = self.asks.get_mut(&id) else { return };
        let is_late = std::mem::replace(&mut ask.is_over, true);
        let (node, leader, attempt) = (ask.node, ask.leader, ask.attempt);
        self.touched = node;
        let outcome = self.read(id, response, is_late);
        match is_late {
            true => self.report_late(leader, attempt, &outcome),
            false => self.finish_task(leader, outcome),
        }
    }

    fn read(&mut self, id: u64, response: &SentResponse, is_late: bool) -> TaskOutcome {
        let ask = &self.asks[&id];
        let (node, now) = (ask.node, self.nodes[ask.node].clock(self.now));
        if response.is_endless || response.body.len() > self.plan.options.max_entry_bytes {
            self.coverage.cut_off += 1;
            return TaskOutcome::NotTransferable;
        }
        let header = |name: &str| response.header(name);
        if ring_of(header(AUTH_HEADER).as_deref(), 8).is_some_and(|ring| ring != ask.exchange.ring) {
            self.nodes[node].observed.counted.ring_mismatches += 1;
        }
        let key = self.key(ask.key);
        let outgoing = ask.exchange.request(GROUP, &key, ask.asked_at).expect("it could be asked before");
        let heard =
            ask.exchange.read_response(&outgoing, response.status, &header, response.body.clone(), now);
        match heard {
            Ok(PeerAnswer::Value { value, fresh_ms }) => {
                if let Some(version) = self.database.version_of(&value).filter(|_| !is_late) {
                    self.database.versions[version].travelled_ms += self.now - response.sent_at;
                    self.nodes[node].observed.record_arrival(ask.key, version, ask.stamp, Some(self.now));
                }
                TaskOutcome::Ended(Outcome::Value { bytes: value.into(), fresh_ms })
            }
            Ok(PeerAnswer::NotFound) => TaskOutcome::Ended(Outcome::Absent),
            Ok(PeerAnswer::LoadFailed { code, .. }) => TaskOutcome::Ended(Outcome::Failed(code)),
            Ok(PeerAnswer::NotTransferable { .. }) => TaskOutcome::NotTransferable,
            Err(error) => {
                trace!(self, "node {node}: request {id} got status {}: {error}", response.status);
                TaskOutcome::PeerFailed
            }
        }
    }

    pub fn ask_failed(&mut self, id: u64, why: &str) {
        let Some(ask) = self.asks.get(&id).filter(|ask| !ask.is_over) else { return };
        let leader = ask.leader;
        trace!(self, "request {id}: {why}");
        self.hang_up(id);
        self.finish_task(leader, TaskOutcome::PeerFailed);
    }

    pub fn not_sendable(&mut self, id: u64) {
        if let Some(ask) = self.asks.remove(&id).filter(|ask| !ask.is_over) {
            self.finish_task(ask.leader, TaskOutcome::NotTransferable);
        }
    }

    /// The requester hangs up, and the peer may notice.
    pub fn hang_up(&mut self, id: u64) {
        let Some(ask) = self.asks.get_mut(&id) else { return };
        if !std::mem::replace(&mut ask.is_over, true) && self.rng.chance(50) {
            let ms = self.between(self.plan.delay_ms);
            self.after(ms, Event::RequesterHungUp(id));
        }
    }

    pub fn requester_hung_up(&mut self, ask: u64) {
        let handles = |handler: &Handler| handler.ask == Some(ask);
        let mut requests = self.requests.iter();
        let handler = requests.find(|(_, request)| request.handler.as_deref().is_some_and(handles));
        if let Some((&request, _)) = handler {
            self.cut(request);
        }
    }
}
