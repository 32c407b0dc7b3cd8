//! One peer request and its response, with the header that our own peers add to every wire: signatures, a digest of the
//! response, and the fingerprint of the sender's ring.
//!
//! All of it is one header that Go's peers ignore, [`AUTH_HEADER`], in hexadecimal:
//!
//! | field | bytes | request | response |
//! |---|--:|---|---|
//! | ring | 4 | fingerprint of the sender's ring | fingerprint of the sender's ring |
//! | time, digest | 8, 4 | ms since the Unix epoch | crc32 of group, key and body |
//! | hop | 1 | number of hops: 1, because nothing is forwarded | |
//! | signature | 32 | if there is a secret | if the request was signed |
//!
//! A request's signature covers its auth header, method, group and key. A response's signature covers the request's auth
//! header, so that it belongs to that request alone, and its own auth header, status, outcome, freshness, group, key and
//! body. A replay of a request within [`CLOCK_SKEW_MS`] is answered again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::signature::{SIGNATURE_BYTES, Secret, sign, verify};
use super::{AUTH_HEADER, FRESH_HEADER, Headers, OUTCOME_HEADER, Reply, Request, Response, Wire};
use crate::base::crc32::{crc32, crc32_on};
use crate::base::error::{Code, Error};
use crate::base::mutants::{self, Mutant};
use crate::base::text::{hex, parse_hex};
use crate::base::time::Millis;
use crate::peer::PeerAnswer;

/// The most by which the clocks of two peers may differ, and the lifetime of a signed request, in ms.
pub const CLOCK_SKEW_MS: u64 = 30_000;

const RING_BYTES: usize = 4;
const TIME_BYTES: usize = 8;
const DIGEST_BYTES: usize = 4;

/// How this node exchanges messages with its peers. A value: made for each request, from the ring and the secrets of now.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The wire.
    pub wire: &'static dyn Wire,
    /// The path prefix of peer requests.
    pub base_path: Arc<str>,
    /// The fingerprint of this node's ring.
    pub ring: u32,
    /// The peers' shared secrets. The first one signs, all are accepted; with none, requests are not authenticated.
    pub secrets: Vec<Secret>,
    /// Counters, shared by all exchanges of a pool.
    pub counters: Arc<ExchangeCounters>,
}

/// Counters of a node's peer requests and responses.
#[derive(Debug, Default)]
pub struct ExchangeCounters {
    unauthorized: AtomicU64,
    ring_mismatches: AtomicU64,
}

impl ExchangeCounters {
    /// Requests rejected for want of a valid signature.
    pub fn unauthorized(&self) -> u64 {
        self.unauthorized.load(Relaxed)
    }

    /// Requests and responses from peers with another list of peers.
    pub fn ring_mismatches(&self) -> u64 {
        self.ring_mismatches.load(Relaxed)
    }
}

/// A request ready to be sent.
#[derive(Clone, Debug)]
pub struct OutgoingRequest<'a> {
    /// `GET`.
    pub method: &'static str,
    /// The path, to be appended to the peer's origin.
    pub path: String,
    /// The value of the only header, [`AUTH_HEADER`].
    pub auth: String,
    group: &'a str,
    key: &'a [u8],
}

impl<'a> OutgoingRequest<'a> {
    /// A request that was sent with this auth header, to check its response against.
    pub fn sent(auth: String, group: &'a str, key: &'a [u8]) -> OutgoingRequest<'a> {
        OutgoingRequest { method: "GET", path: String::new(), auth, group, key }
    }
}

/// An accepted request, with the part of it that its response needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingRequest {
    /// The request.
    pub request: Request,
    /// The request's auth header, and the index of the secret that signed it; `None` without secrets.
    pub auth: Option<(String, usize)>,
}

impl Exchange {
    /// Makes the request for `key`; `None` if no URL can carry the key.
    pub fn request<'a>(&self, group: &'a str, key: &'a [u8], now: Millis) -> Option<OutgoingRequest<'a>> {
        let (method, path) = ("GET", self.wire.path(&self.base_path, group, key)?);
        let mut auth = self.ring.to_be_bytes().to_vec();
        auth.extend_from_slice(&now.to_be_bytes());
        auth.push(1);
        if let Some(secret) = self.secrets.first() {
            let signature = sign(secret, &[&auth, method.as_bytes(), group.as_bytes(), key]);
            auth.extend_from_slice(&signature);
        }
        Some(OutgoingRequest { method, path, auth: hex(&auth), group, key })
    }

    /// Reads and authenticates a request. `None`: the path is outside of the base path. An error is the reply to send;
    /// nothing else may be done then.
    pub fn read_request(
        &self,
        method: &str,
        path: &str,
        auth: Option<String>,
        now: Millis,
    ) -> Option<Result<IncomingRequest, Reply>> {
        let request = self.wire.read_request(&self.base_path, method, path)?;
        let fields = auth.as_deref().and_then(parse_hex).unwrap_or_default();
        if self.secrets.is_empty() {
            return Some(request.and_then(|request| self.accept(request, &fields, None)));
        }
        // Unsigned requests all get the same 401, so they learn nothing. Changes to copies come from Go's peers alone, which
        // do not sign.
        let lookup = request.as_ref().ok().filter(|_| method == "GET" || method == "HEAD");
        let signer = lookup.and_then(|request| self.signer(method, request, &fields, now));
        let (Ok(request), Some(signer)) = (request, signer) else {
            if !mutants::active(Mutant::UnauthorizedUncounted) {
                count(&self.counters.unauthorized);
            }
            return Some(Err(Reply::Unauthorized));
        };
        Some(self.accept(request, &fields, auth.map(|auth| (auth, signer))))
    }

    fn accept(
        &self,
        request: Request,
        fields: &[u8],
        auth: Option<(String, usize)>,
    ) -> Result<IncomingRequest, Reply> {
        self.compare_rings(fields);
        match fields.get(RING_BYTES + TIME_BYTES) {
            Some(2..) if !mutants::active(Mutant::ForwardedAccepted) => Err(Reply::Forwarded),
            _ => Ok(IncomingRequest { request, auth }),
        }
    }

    /// Index of the secret that signed a request; `None` for an invalid or old signature.
    fn signer(&self, method: &str, request: &Request, fields: &[u8], now: Millis) -> Option<usize> {
        if mutants::active(Mutant::UnsignedAccepted) && fields.len() < SIGNATURE_BYTES {
            return Some(0);
        }
        let (signed, signature) = fields.split_last_chunk::<SIGNATURE_BYTES>()?;
        let time = signed.get(RING_BYTES..)?.first_chunk()?;
        let message = [signed, method.as_bytes(), request.group.as_bytes(), &request.key];
        let signer = self.secrets.iter().position(|secret| verify(secret, &message, signature));
        let is_recent = |_: &usize| Millis::from_be_bytes(*time).abs_diff(now) <= CLOCK_SKEW_MS;
        signer.filter(|signer| mutants::active(Mutant::SignatureNeverExpires) || is_recent(signer))
    }

    /// Makes the response to an accepted request.
    pub fn respond(&self, incoming: &IncomingRequest, reply: Reply, now: Millis) -> Response {
        let mut response = self.wire.write_response(reply, now);
        let (group, key) = (&*incoming.request.group, &*incoming.request.key);
        let mut auth = self.ring.to_be_bytes().to_vec();
        auth.extend_from_slice(&digest(group, key, &response.body));
        if let Some((request_auth, secret)) = &incoming.auth
            && let Some(secret) = self.secrets.get(*secret)
        {
            let header = |name: &str| response.header(name).map(str::to_owned);
            let signature = with_signed_fields(
                request_auth,
                &auth,
                group,
                key,
                response.status,
                &header,
                &response.body,
                &|fields| sign(secret, fields),
            );
            auth.extend_from_slice(&signature);
        }
        response.headers.push((AUTH_HEADER, hex(&auth).into()));
        response
    }

    /// Checks and decodes the response to a request. An error (`ERR_PEER`) means that the peer failed.
    pub fn read_response(
        &self,
        request: &OutgoingRequest<'_>,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        now: Millis,
    ) -> Result<PeerAnswer, Error> {
        // Without a secret, a response without an auth header is a Go peer's: Go neither signs nor adds a digest.
        let auth = header(AUTH_HEADER).map(|auth| parse_hex(&auth).unwrap_or_default());
        let is_ours = auth.is_some();
        let auth = auth.unwrap_or_default();
        let (fields, signature) = auth.split_at_checked(RING_BYTES + DIGEST_BYTES).unwrap_or_default();
        self.compare_rings(fields);
        let is_intact = !is_ours || fields.ends_with(&digest(request.group, request.key, &body));
        let is_signed = self.secrets.first().is_none_or(|secret| {
            with_signed_fields(
                &request.auth,
                fields,
                request.group,
                request.key,
                status,
                header,
                &body,
                &|fields| verify(secret, fields, signature),
            )
        });
        let is_intact = is_intact || mutants::active(Mutant::DigestUnchecked);
        let is_signed = is_signed || mutants::active(Mutant::ResponseSignatureUnchecked);
        let why = match (is_intact, is_signed, status) {
            (true, true, _) if !is_ours && self.wire.is_ambiguous(request.group, request.key) => {
                return Ok(PeerAnswer::NotTransferable {
                    why: "Go peers may confuse names that contain a space",
                });
            }
            (true, true, _) => return self.wire.read_response(status, header, body, now),
            (false, ..) => "the response is truncated, altered, or for another key",
            (_, false, 401) => {
                "the peer rejected the signature: check that both have the same secret and time"
            }
            (_, false, _) => "the response has no valid signature: check that both have the same secret",
        };
        Err(Error::new(Code::Peer, why))
    }

    /// Counts a peer with another ring. A peer that sends no fingerprint, like Go's, is not counted.
    fn compare_rings(&self, fields: &[u8]) {
        if fields.first_chunk().is_some_and(|ring| *ring != self.ring.to_be_bytes()) {
            count(&self.counters.ring_mismatches);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Calls `with` with the signed fields of a response.
#[expect(clippy::too_many_arguments, reason = "the fields of a response")]
fn with_signed_fields<T>(
    request_auth: &str,
    auth: &[u8],
    group: &str,
    key: &[u8],
    status: u16,
    header: Headers<'_>,
    body: &[u8],
    with: &dyn Fn(&[&[u8]]) -> T,
) -> T {
    let [outcome, fresh_ms] = [OUTCOME_HEADER, FRESH_HEADER].map(|name| header(name).unwrap_or_default());
    let texts = [request_auth, group, &outcome, &fresh_ms].map(str::as_bytes);
    let [request_auth, group, outcome, fresh_ms] = texts;
    with(&[request_auth, auth, group, key, &status.to_be_bytes(), outcome, fresh_ms, body])
}

fn digest(group: &str, key: &[u8], body: &[u8]) -> [u8; DIGEST_BYTES] {
    let group_sum = crc32_on(crc32(&(group.len() as u32).to_be_bytes()), group.as_bytes());
    crc32_on(crc32_on(crc32_on(group_sum, &(key.len() as u32).to_be_bytes()), key), body).to_be_bytes()
}
