//! groupcache-go v3's wire, and mailgun's: an expiry goes with every value, 404 and 503 are said of the key, and peers are
//! told what to keep and what to forget.

use super::protobuf;
use crate::base::error::{Code, Error};
use crate::base::time::Millis;
use crate::peer::PeerAnswer;
use crate::ring::Placement;
use crate::wire::{BodyEncoding, Headers, OUTCOME_HEADER, Reply, Request, Response, Wire, http};

/// `"groupcache-v3"`: what a node of groupcache-go v3, or of mailgun's groupcache v2, asks and answers.
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
        // Its peers change each other's copies, too; and they escape as for a path, where "+" stands for itself.
        let asks = if ["PUT", "DELETE", "POST"].contains(&method) { "GET" } else { method };
        http::read_request(base_path, asks, path, b'+')
    }

    fn write_response(&self, reply: Reply, now: Millis) -> Response {
        let status = match reply {
            Reply::LoadFailed { .. } => 503,
            // To a Go peer 404 is "no such key", and final.
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
        // Go says it in plain text; a page that somebody in between shows is no answer of a peer's.
        let go_says = header(OUTCOME_HEADER).is_none()
            && header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        match status {
            404 if go_says => Ok(PeerAnswer::NotFound),
            503 if go_says => Ok(http::load_failed(Code::Load, body)),
            503 => http::read_response(500, header, body, self.body_encoding(), now),
            _ => http::read_response(status, header, body, self.body_encoding(), now),
        }
    }

    fn is_ambiguous(&self, _group: &str, _key: &[u8]) -> bool {
        // Its peers escape as for a path, all of them.
        false
    }
}

/// After a group in the path of a POST, in place of a key: the body names the keys to forget, see
/// [`keys_in`](crate::wire::keys_in).
pub const REMOVE_KEYS: &str = "_remove-keys/";

/// The body of a PUT, by which one peer gives another a value to keep: `{ group = 1, key = 2, value = 3, expire = 4 }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetRequest<'a> {
    /// The key. It counts, as in Go, and the path's does not.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// For how many ms it is fresh; `None` for ever.
    pub fresh_ms: Option<u64>,
}

const KEY: u64 = protobuf::bytes(2);
const VALUE: u64 = protobuf::bytes(3);
const EXPIRY: u64 = protobuf::number(4);

impl<'a> SetRequest<'a> {
    /// Reads one. `None` for what is none.
    pub fn read(body: &'a [u8], now: Millis) -> Option<SetRequest<'a>> {
        let (mut key, mut value, mut expiry): (&[u8], &[u8], u64) = (&[], &[], 0);
        protobuf::read(body, &mut |tag, number, held| match tag {
            KEY => key = held,
            VALUE => value = held,
            EXPIRY => expiry = number,
            _ => (),
        })?;
        Some(SetRequest { key, value, fresh_ms: protobuf::left_ms(expiry, now) })
    }

    /// Writes one.
    pub fn written(&self, group: &str, now: Millis) -> Vec<u8> {
        let mut message = Vec::new();
        for (field, held) in [(1, group.as_bytes()), (2, self.key), (3, self.value)] {
            protobuf::push_bytes(&mut message, field, held);
        }
        protobuf::push_number(&mut message, EXPIRY, protobuf::expiry(self.fresh_ms, now));
        message
    }
}
