//! Peer messages: the request that arrives, this node's reply, and the HTTP response that carries it.

use std::borrow::Cow;

use crate::base::error::Code;

/// Header of responses without a value: `not-found`, `not-transferable`, or the code of a failed load. Go's status codes
/// tell these neither from an unknown group nor from a failing peer.
pub const OUTCOME_HEADER: &str = "geecache-outcome";
/// Header of values with a lifetime: the freshness left at the owner, in ms.
pub const FRESH_HEADER: &str = "geecache-fresh-ms";
/// Header of requests and responses between our own peers, in hexadecimal: see [`Exchange`](super::Exchange).
pub const AUTH_HEADER: &str = "geecache-auth";

/// A peer's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The group's name.
    pub group: String,
    /// The key.
    pub key: Vec<u8>,
    /// The method is `HEAD`: the response has no body.
    pub head: bool,
}

/// This node's reply to a peer's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The value.
    Value {
        /// The bytes.
        value: Vec<u8>,
        /// Freshness left here, in ms; `None`: it does not expire.
        fresh_ms: Option<u64>,
    },
    /// The key does not exist.
    NotFound,
    /// The loader failed.
    LoadFailed {
        /// `ERR_LOAD`, `ERR_LOAD_TYPE` or `ERR_TIMEOUT`.
        code: Code,
        /// The error's message.
        message: String,
    },
    /// The value is larger than this node caches or transfers.
    NotTransferable,
    /// This node has no group of that name.
    NoSuchGroup(String),
    /// The request is malformed, and why.
    BadRequest(&'static str),
    /// The method is neither `GET` nor `HEAD`.
    MethodNotAllowed,
    /// The request has no valid signature.
    Unauthorized,
    /// The request was forwarded by another peer.
    Forwarded,
    /// This node failed, not its loader: the requesting peer goes on with its failover.
    Broken(String),
}

/// A header: its name in lower case, and its value.
pub type Header = (&'static str, Cow<'static, str>);

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| &*header.1)
    }
}

/// Reads a header by its name in lower case.
pub type Headers<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a wire encodes a value in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEncoding {
    /// The bytes alone.
    Raw,
    /// A protobuf message with the value.
    Protobuf,
    /// A protobuf message with the value and its expiry.
    ProtobufWithExpiry,
}
