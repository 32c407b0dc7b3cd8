//! The wire of groupcache-go v3 and of mailgun's groupcache: every value has an expiry, 404 and 503 are about the key, and
//! peers set and remove each other's copies.

use super::protobuf;
use crate::base::error::{Code, Error};
use crate::base::time::Millis;
use crate::peer::PeerAnswer;
use crate::ring::Placement;
use crate::wire::{BodyEncoding, Headers, OUTCOME_HEADER, Reply, Request, Response, Wire, http};

/// `"groupcache-v3"`: the protocol of a node of groupcache-go v3, or of mailgun's groupcache v2.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupcacheV3;

impl Wire for GroupcacheV3 {
    fn base_path(&self) -> &'static str {
        "/_groupcache/"
    }

    fn placement(&self) -> Placement {
        Placement::GroupcacheV3
    }

    fn body_encoding(&self) -> BodyEncoding {
        BodyEncoding::ProtobufWithExpiry
    }

    fn content_type(&self) -> &'static str {
        "application/x-protobuf"
    }

    fn read_request(&self, base_path: &str, method: &str, path: &str) -> Option<Result<Request, Reply>> {
        // Its peers also change each other's copies, and they escape as in a path, where "+" stands for itself.
        let method = if ["PUT", "DELETE", "POST"].contains(&method) { "GET" } else { method };
        http::read_request(base_path, method, path, b'+')
    }

    fn write_response(&self, reply: Reply, now: Millis) -> Response {
        let status = match reply {
            Reply::LoadFailed { .. } => 503,
            // To a Go peer 404 means that the key does not exist, and is final.
            Reply::NoSuchGroup(_) => 400,
            _ => 0,
        };
        let mut answer = http::write_response(reply, self.content_type(), self.body_encoding(), now);
        if status != 0 {
            answer.status = status;
        }
        answer
    }

    fn read_response(
        &self,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        now: Millis,
    ) -> Result<PeerAnswer, Error> {
        // Go sends plain text. An error page of a proxy in between is not a peer's response.
        let is_go = header(OUTCOME_HEADER).is_none()
            && header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        match status {
            404 if is_go => Ok(PeerAnswer::NotFound),
            503 if is_go => Ok(http::load_failed(Code::Load, body)),
            503 => http::read_response(500, header, body, self.body_encoding(), now),
            _ => http::read_response(status, header, body, self.body_encoding(), now),
        }
    }

    fn is_ambiguous(&self, _group: &str, _key: &[u8]) -> bool {
        // All of its peers escape as in a path.
        false
    }
}

/// In place of a key in the path of a POST: the body, `{"group": "...", "keys": ["..."]}`, lists keys to remove.
pub const REMOVE_KEYS: &str = "_remove-keys/";

/// The body of a PUT, which sets a value at another peer: `{ group = 1, key = 2, value = 3, expire = 4 }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetRequest<'a> {
    /// The key. As in Go, it overrides the path's.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Its lifetime in ms; `None`: it does not expire.
    pub fresh_ms: Option<u64>,
}

const KEY: u64 = protobuf::bytes(2);
const VALUE: u64 = protobuf::bytes(3);
const EXPIRY: u64 = protobuf::number(4);

impl<'a> SetRequest<'a> {
    /// Decodes a body. `None` if it is malformed.
    pub fn read(body: &'a [u8], now: Millis) -> Option<SetRequest<'a>> {
        let (mut key, mut value, mut expiry): (&[u8], &[u8], u64) = (&[], &[], 0);
        protobuf::read(body, &mut |tag, number, content| match tag {
            KEY => key = content,
            VALUE => value = content,
            EXPIRY => expiry = number,
            _ => (),
        })?;
        Some(SetRequest { key, value, fresh_ms: protobuf::left_ms(expiry, now) })
    }

    /// Encodes the body.
    pub fn encode(&self, group: &str, now: Millis) -> Vec<u8> {
        let mut message = Vec::new();
        for (field, content) in [(1, group.as_bytes()), (2, self.key), (3, self.value)] {
            protobuf::push_bytes(&mut message, field, content);
        }
        protobuf::push_number(&mut message, EXPIRY, protobuf::expiry(self.fresh_ms, now));
        message
    }
}
