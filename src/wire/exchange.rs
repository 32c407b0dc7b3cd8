//! One question to a peer and its answer, with what our own peers add to every wire: who asks, that the bytes came
//! whole, and whether both see the same ring.
//!
//! All of it is one header that Go's peers ignore, `geecache-seal`, in hexadecimal:
//!
//! | | bytes | of a question | of an answer |
//! |---|--:|---|---|
//! | ring | 4 | fingerprint of the asker's ring | of the answering peer's |
//! | time, digest | 8, 4 | ms since the Unix epoch | crc32 of group, key and body |
//! | hop | 1 | how often it was asked on: 1, as nothing is forwarded | |
//! | signature | 32 | where there is a secret | where the question was signed |
//!
//! A question's signature covers its seal, method, group and key; an answer's covers the question's seal, so that it
//! answers that question and no other, its own, status, outcome, freshness, group, key and body. A question that is
//! replayed within [`CLOCK_SKEW_MS`] is answered again, to whoever could read the first answer as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::signature::{SIGNATURE_BYTES, Secret, is_signed, sign};
use super::{AUTH_HEADER, FRESH_HEADER, Headers, OUTCOME_HEADER, Reply, Request, Response, Wire};
use crate::base::crc32::{crc32, crc32_on};
use crate::base::error::{Code, Error};
use crate::base::mutants::{self, Mutant};
use crate::base::text::{hex, parse_hex};
use crate::base::time::Millis;
use crate::peer::PeerAnswer;

/// How far apart the clocks of two peers may be, and how long a signed question is good for, in ms.
pub const CLOCK_SKEW_MS: u64 = 30_000;

const RING_BYTES: usize = 4;

/// How this node speaks with its peers.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The wire.
    pub wire: &'static dyn Wire,
    /// Where peers answer.
    pub base_path: Arc<str>,
    /// The fingerprint of this node's ring.
    pub ring: u32,
    /// The secrets that peers share; with none, whoever reaches a peer is one.
    pub secrets: Vec<Secret>,
    /// What is counted.
    pub counters: Arc<ExchangeCounters>,
}

/// What was counted of the questions and answers of a node.
#[derive(Debug, Default)]
pub struct ExchangeCounters {
    unauthorized: AtomicU64,
    ring_mismatches: AtomicU64,
}

impl ExchangeCounters {
    /// Questions refused because they were not signed by one who knows the secret.
    pub fn unauthorized(&self) -> u64 {
        self.unauthorized.load(Relaxed)
    }

    /// Questions and answers from peers whose list of peers is another than ours.
    pub fn ring_mismatches(&self) -> u64 {
        self.ring_mismatches.load(Relaxed)
    }
}

/// A question, ready to be sent.
#[derive(Clone, Debug)]
pub struct OutgoingRequest<'a> {
    /// `GET`.
    pub method: &'static str,
    /// The path, to be added to the peer's origin.
    pub path: String,
    /// The only header, [`AUTH_HEADER`].
    pub seal: String,
    group: &'a str,
    key: &'a [u8],
}

/// A question that arrived, with what its answer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingRequest {
    /// What is asked.
    pub question: Request,
    /// The asker's seal, and which of our secrets it is signed with.
    pub seal: Option<(String, usize)>,
}

impl<'a> OutgoingRequest<'a> {
    /// A question that has been sent with that seal, to hold its answer against.
    pub fn new(seal: String, group: &'a str, key: &'a [u8]) -> OutgoingRequest<'a> {
        OutgoingRequest { method: "GET", path: String::new(), seal, group, key }
    }
}

impl Exchange {
    /// The question for `key`; `None` where no URL can carry it.
    pub fn request<'a>(&self, group: &'a str, key: &'a [u8], now: Millis) -> Option<OutgoingRequest<'a>> {
        let (method, path) = ("GET", self.wire.path(&self.base_path, group, key)?);
        let mut seal = self.ring.to_be_bytes().to_vec();
        seal.extend_from_slice(&now.to_be_bytes());
        seal.push(1);
        if let Some(secret) = self.secrets.first() {
            let signature = sign(secret, &[&seal, method.as_bytes(), group.as_bytes(), key]);
            seal.extend_from_slice(&signature);
        }
        Some(OutgoingRequest { method, path, seal: hex(&seal), group, key })
    }

    /// Reads a question. `None`: the path is not a peer's. An error is the reply to send, and nothing else is done.
    pub fn read_request(
        &self,
        method: &str,
        path: &str,
        seal: Option<String>,
        now: Millis,
    ) -> Option<Result<IncomingRequest, Reply>> {
        let read = self.wire.read_request(&self.base_path, method, path)?;
        let bytes = seal.as_deref().and_then(parse_hex).unwrap_or_default();
        if !self.secrets.is_empty() {
            // Who cannot sign learns nothing, not even what would have been wrong. Only Go's peers change copies of ours,
            // and they do not sign.
            let asks = read.as_ref().ok().filter(|_| method == "GET" || method == "HEAD");
            let signer = asks.and_then(|asked| self.signer(method, asked, &bytes, now));
            let (Ok(question), Some(signer)) = (read, signer) else {
                if !mutants::active(Mutant::RefusalUncounted) {
                    count(&self.counters.unauthorized);
                }
                return Some(Err(Reply::Unauthorized));
            };
            return Some(self.accept(question, &bytes, seal.map(|seal| (seal, signer))));
        }
        Some(read.and_then(|question| self.accept(question, &bytes, None)))
    }

    fn accept(
        &self,
        question: Request,
        bytes: &[u8],
        seal: Option<(String, usize)>,
    ) -> Result<IncomingRequest, Reply> {
        self.compare(bytes);
        match bytes.get(RING_BYTES + 8) {
            Some(2..) if !mutants::active(Mutant::HopUnchecked) => Err(Reply::Forwarded),
            _ => Ok(IncomingRequest { question, seal }),
        }
    }

    /// Which of our secrets a question is signed with.
    fn signer(&self, method: &str, asked: &Request, seal: &[u8], now: Millis) -> Option<usize> {
        if mutants::active(Mutant::UnsignedLetIn) && seal.len() < SIGNATURE_BYTES {
            return Some(0);
        }
        let (said, signature) = seal.split_last_chunk::<SIGNATURE_BYTES>()?;
        let time = said.get(RING_BYTES..)?.first_chunk()?;
        let fields = [said, method.as_bytes(), asked.group.as_bytes(), &asked.key];
        let signer = self.secrets.iter().position(|secret| is_signed(secret, &fields, signature));
        let is_young = |_: &usize| Millis::from_be_bytes(*time).abs_diff(now) <= CLOCK_SKEW_MS;
        signer.filter(|signer| mutants::active(Mutant::SignatureNeverOld) || is_young(signer))
    }

    /// The answer to a question.
    pub fn respond(&self, asked: &IncomingRequest, reply: Reply, now: Millis) -> Response {
        let mut answer = self.wire.write_response(reply, now);
        let (group, key) = (&*asked.question.group, &*asked.question.key);
        let mut seal = self.ring.to_be_bytes().to_vec();
        seal.extend_from_slice(&digest(group, key, &answer.body));
        if let Some((asked, secret)) = &asked.seal
            && let Some(secret) = self.secrets.get(*secret)
        {
            let header = |name: &str| answer.header(name).map(str::to_owned);
            let signature =
                signed_answer(asked, &seal, group, key, answer.status, &header, &answer.body, &|fields| {
                    sign(secret, fields)
                });
            seal.extend_from_slice(&signature);
        }
        answer.headers.push((AUTH_HEADER, hex(&seal).into()));
        answer
    }

    /// Reads an answer. An error (`ERR_PEER`) says that the peer failed.
    pub fn read_response(
        &self,
        asking: &OutgoingRequest<'_>,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        now: Millis,
    ) -> Result<PeerAnswer, Error> {
        // Go's peers neither sign nor sum: without a secret, an answer without a seal is theirs.
        let seal = header(AUTH_HEADER).map(|seal| parse_hex(&seal).unwrap_or_default());
        let is_ours = seal.is_some();
        let seal = seal.unwrap_or_default();
        let (said, signature) = seal.split_at_checked(RING_BYTES + 4).unwrap_or_default();
        self.compare(said);
        let is_whole = !is_ours || said.ends_with(&digest(asking.group, asking.key, &body));
        let is_signed = self.secrets.first().is_none_or(|secret| {
            signed_answer(&asking.seal, said, asking.group, asking.key, status, header, &body, &|fields| {
                is_signed(secret, fields, signature)
            })
        });
        let is_whole = is_whole || mutants::active(Mutant::DigestUnchecked);
        let is_signed = is_signed || mutants::active(Mutant::AnswerUnsigned);
        let why = match (is_whole, is_signed, status) {
            (true, true, _) if !is_ours && self.wire.is_ambiguous(asking.group, asking.key) => {
                return Ok(PeerAnswer::NotTransferable {
                    why: "Go's peers may take a name with a space for another",
                });
            }
            (true, true, _) => return self.wire.read_response(status, header, body, now),
            (false, ..) => "the peer's answer was cut short, altered, or another key's",
            (_, false, 401) => {
                "the peer refused our signature: do both have the same secret, and the same time?"
            }
            (_, false, _) => "the peer's answer is not signed by one who knows the secret",
        };
        Err(Error::new(Code::Peer, why))
    }

    /// Counts another ring than ours. A peer that does not say, like Go's, may be of one mind with us.
    fn compare(&self, seal: &[u8]) {
        if seal.first_chunk().is_some_and(|ring| *ring != self.ring.to_be_bytes()) {
            count(&self.counters.ring_mismatches);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Hands over what is signed of an answer.
#[expect(clippy::too_many_arguments, reason = "all that an answer says")]
fn signed_answer<T>(
    asked: &str,
    seal: &[u8],
    group: &str,
    key: &[u8],
    status: u16,
    header: Headers<'_>,
    body: &[u8],
    hand: &dyn Fn(&[&[u8]]) -> T,
) -> T {
    let (outcome, fresh_ms) =
        (header(OUTCOME_HEADER).unwrap_or_default(), header(FRESH_HEADER).unwrap_or_default());
    let texts = [asked, group, &outcome, &fresh_ms].map(str::as_bytes);
    let [asked, group, outcome, fresh_ms] = texts;
    hand(&[asked, seal, group, key, &status.to_be_bytes(), outcome, fresh_ms, body])
}

fn digest(group: &str, key: &[u8], body: &[u8]) -> [u8; 4] {
    let named = crc32_on(crc32(&(group.len() as u32).to_be_bytes()), group.as_bytes());
    crc32_on(crc32_on(crc32_on(named, &(key.len() as u32).to_be_bytes()), key), body).to_be_bytes()
}
