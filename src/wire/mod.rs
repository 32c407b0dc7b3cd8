//! Wires: how a question to a peer and its answer look in HTTP, written once for asking and for answering.
//!
//! A [`Wire`] knows paths, statuses and bodies; an [`Exchange`] puts around any of them what only our own peers know:
//! signatures, digests, the ring's fingerprint. Neither knows sockets, so the same code runs behind `fetch`, in a
//! Worker's handler and in a simulator. What Go's peers do not know travels in headers that they ignore.

mod cache_status;
mod escape;
mod exchange;
mod formats;
mod http;
mod json;
mod signature;

pub use cache_status::{CACHE_STATUS_HEADER, cache_status};
pub use escape::{escape, unescape};
pub use exchange::{CLOCK_SKEW_MS, Exchange, ExchangeCounters, IncomingRequest, OutgoingRequest};
use formats::protobuf;
pub use formats::{Geecache, GeecacheProto, Groupcache, GroupcacheV3, REMOVE_KEYS, SetRequest};
pub use json::{keys_in, keys_written};
pub use signature::Secret;

use std::borrow::Cow;

use crate::base::error::{Code, Error};
use crate::base::time::Millis;
use crate::peer::PeerAnswer;
use crate::ring::Placement;

/// On our answers that are not a value: `absent`, `unfit`, or the code of a failed load, none of which Go's statuses
/// tell apart from an unknown group and a broken peer.
pub const OUTCOME_HEADER: &str = "geecache-outcome";
/// On our values that do not stay fresh for ever: for how many ms the owner's copy still is.
pub const FRESH_HEADER: &str = "geecache-fresh-ms";
/// On our questions and answers, in hexadecimal, what only our own peers know of: see [`Exchange`].
pub const AUTH_HEADER: &str = "geecache-seal";

/// A question that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The group's name.
    pub group: String,
    /// The key.
    pub key: Vec<u8>,
    /// `HEAD`: answer without the body.
    pub head: bool,
}

/// What this node has to say to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The value; its copy here is fresh for so many ms more (`None`: for ever).
    Value {
        /// The bytes.
        value: Vec<u8>,
        /// Freshness that is left, in ms.
        fresh_ms: Option<u64>,
    },
    /// There is no such key.
    NotFound,
    /// The loader failed.
    LoadFailed {
        /// With which code: `ERR_LOAD`, `ERR_LOAD_TYPE` or `ERR_TIMEOUT`.
        code: Code,
        /// And what message.
        message: String,
    },
    /// The value is larger than this node keeps or hands on.
    NotTransferable,
    /// There is no such group here.
    NoSuchGroup(String),
    /// The question makes no sense, and why.
    BadRequest(&'static str),
    /// The method is neither GET nor HEAD.
    MethodNotAllowed,
    /// The question is not signed by one who knows the secret.
    Unauthorized,
    /// The question was forwarded by somebody.
    Forwarded,
    /// This node cannot answer, and it is not the loader's fault: the asker goes on down its ladder.
    Broken(String),
}

/// A header's name, in lower case, and its value.
pub type Header = (&'static str, Cow<'static, str>);

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| &*header.1)
    }
}

/// Reads a header by its name in lower case.
pub type Headers<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a wire writes a value down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEncoding {
    /// Its bytes.
    Raw,
    /// A message that holds it.
    Protobuf,
    /// A message that holds its expiry as well.
    ProtobufWithExpiry,
}

/// One protocol between peers. What a wire does not say for itself is GeeCache's way.
pub trait Wire: std::fmt::Debug + Sync {
    /// Where peers answer, unless an option says otherwise.
    fn base_path(&self) -> &'static str {
        "/_geecache/"
    }

    /// The ring that goes with the wire, unless an option says otherwise.
    fn placement(&self) -> Placement {
        Placement::Geecache
    }

    /// The path that asks for `key`, or `None` where no URL can carry it: such a key is loaded where it is asked.
    fn path(&self, base_path: &str, group: &str, key: &[u8]) -> Option<String> {
        http::path(base_path, group, key)
    }

    /// Reads a question. `None`: the path is not a peer's. An error is the reply to send. On a wire whose peers change each
    /// other's copies, [`GroupcacheV3`], it may be such a change as well: the method says so.
    fn read_request(&self, base_path: &str, method: &str, path: &str) -> Option<Result<Request, Reply>> {
        http::read_request(base_path, method, path, b' ')
    }

    /// How a value is written down.
    fn body_encoding(&self) -> BodyEncoding {
        BodyEncoding::Raw
    }

    /// The content type of values.
    fn content_type(&self) -> &'static str {
        "application/octet-stream"
    }

    /// The answer that says it.
    fn write_response(&self, reply: Reply, now: Millis) -> Response {
        http::write_response(reply, self.content_type(), self.body_encoding(), now)
    }

    /// Reads an answer. An error (`ERR_PEER`) says that the peer failed.
    fn read_response(
        &self,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        now: Millis,
    ) -> Result<PeerAnswer, Error> {
        http::read_response(status, header, body, self.body_encoding(), now)
    }

    /// Whether a Go peer may answer with another key's value: one that forwards a question escapes a space as "+", and Go
    /// servers leave that alone. What such a peer says of these names is not believed.
    fn is_ambiguous(&self, group: &str, key: &[u8]) -> bool {
        group.contains(' ') || key.contains(&b' ')
    }

    /// How many bytes a body may have beyond its value.
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

/// The wire of that name: `geecache`, `geecache-proto`, `groupcache` or `groupcache-v3`.
pub fn named(name: &str) -> Option<&'static dyn Wire> {
    NAMED.iter().find(|wire| wire.0 == name).map(|wire| wire.1)
}
