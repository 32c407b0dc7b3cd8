//! Wires: how a peer request and its response look in HTTP, written once for the asking and the answering side.
//!
//! A [`Wire`] knows paths, status codes and bodies. An [`Exchange`] adds to any wire what our own peers alone understand:
//! signatures, digests, the ring's fingerprint. Neither knows sockets, so the same code runs behind `fetch`, in a Worker's
//! handler and in a simulator. What Go's peers do not know travels in headers that they ignore.

mod cache_status;
mod escape;
mod exchange;
mod formats;
mod http;
mod message;
mod signature;

pub use cache_status::{CACHE_STATUS_HEADER, cache_status};
pub use escape::{escape, unescape};
pub use exchange::{CLOCK_SKEW_MS, Exchange, ExchangeCounters, IncomingRequest, OutgoingRequest};
use formats::protobuf;
pub use formats::{Geecache, GeecacheProto, Groupcache, GroupcacheV3, REMOVE_KEYS, SetRequest};
pub use message::{
    AUTH_HEADER, BodyEncoding, FRESH_HEADER, Header, Headers, OUTCOME_HEADER, Reply, Request, Response,
};
pub use signature::Secret;

use crate::base::error::Error;
use crate::base::time::Millis;
use crate::peer::PeerAnswer;
use crate::ring::Placement;

/// A protocol between peers. Every method's default is GeeCache's.
pub trait Wire: std::fmt::Debug + Sync {
    /// The path prefix of peer requests, unless an option sets another.
    fn base_path(&self) -> &'static str {
        "/_geecache/"
    }

    /// The ring of the wire's Go peers, unless an option sets another.
    fn placement(&self) -> Placement {
        Placement::Geecache
    }

    /// Returns the path that requests `key`; `None` if no URL can carry the key, which is then loaded by the node that wants it.
    fn path(&self, base_path: &str, group: &str, key: &[u8]) -> Option<String> {
        http::path(base_path, group, key)
    }

    /// Reads a request. `None`: the path is outside of `base_path`. An error is the reply to send. On a wire whose peers
    /// change each other's copies, [`GroupcacheV3`], the request may be such a change; the method says so.
    fn read_request(&self, base_path: &str, method: &str, path: &str) -> Option<Result<Request, Reply>> {
        http::read_request(base_path, method, path, b' ')
    }

    /// How a value is encoded.
    fn body_encoding(&self) -> BodyEncoding {
        BodyEncoding::Raw
    }

    /// The content type of values.
    fn content_type(&self) -> &'static str {
        "application/octet-stream"
    }

    /// Encodes a reply.
    fn write_response(&self, reply: Reply, now: Millis) -> Response {
        http::write_response(reply, self.content_type(), self.body_encoding(), now)
    }

    /// Decodes a response. An error (`ERR_PEER`) means that the peer failed.
    fn read_response(
        &self,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        now: Millis,
    ) -> Result<PeerAnswer, Error> {
        http::read_response(status, header, body, self.body_encoding(), now)
    }

    /// True if a Go peer may return another key's value: a Go peer that forwards a request escapes a space as "+", which Go
    /// servers do not unescape in a path. Its answer for such a name is not used.
    fn is_ambiguous(&self, group: &str, key: &[u8]) -> bool {
        group.contains(' ') || key.contains(&b' ')
    }

    /// The most bytes that a body has beyond its value.
    fn framing_bytes(&self) -> usize {
        if self.body_encoding() == BodyEncoding::Raw { 0 } else { protobuf::FRAMING_BYTES }
    }
}

/// The wires by name.
pub const NAMED: [(&str, &dyn Wire); 4] = [
    ("geecache", &Geecache),
    ("geecache-proto", &GeecacheProto),
    ("groupcache", &Groupcache),
    ("groupcache-v3", &GroupcacheV3),
];

/// Returns the wire of that name: `geecache`, `geecache-proto`, `groupcache` or `groupcache-v3`.
pub fn named(name: &str) -> Option<&'static dyn Wire> {
    NAMED.iter().find(|wire| wire.0 == name).map(|wire| wire.1)
}
