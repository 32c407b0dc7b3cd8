//! What the four wires share: `GET <base><group>/<key>`, a 200 with the value, and what other statuses say.
//!
//! Go tells apart little of it, and what it does not know travels in headers that it ignores.

use std::borrow::Cow;

use super::escape::{escape, unescape_plus};
use super::{
    BodyEncoding, FRESH_HEADER, Header, Headers, OUTCOME_HEADER, Reply, Request, Response, protobuf,
};
use crate::base::error::{Code, Error};
use crate::base::text::{decimal, parse_decimal, quoted};
use crate::base::time::Millis;
use crate::peer::PeerAnswer;

/// The longest path that is sent: servers take 8 KB and more for the whole head.
const MAX_PATH_BYTES: usize = 6 * 1024;

/// What is read of the message of a failed load.
const MAX_MESSAGE_BYTES: usize = 500;

const ABSENT: &str = "absent";
const UNFIT: &str = "unfit";

/// `<base><group>/<key>`, escaped so that Go's two ways of unescaping agree on it.
pub(super) fn path(base_path: &str, group: &str, key: &[u8]) -> Option<String> {
    let path = [base_path, &escape(group.as_bytes())?, "/", &escape(key)?].concat();
    (path.len() <= MAX_PATH_BYTES).then_some(path)
}

/// Reads `<base><group>/<key>`, where a raw "+" is `plus`: a space to those who escape as for a query.
pub(super) fn read_request(
    base_path: &str,
    method: &str,
    path: &str,
    plus: u8,
) -> Option<Result<Request, Reply>> {
    let rest = path.strip_prefix(base_path)?;
    if method != "GET" && method != "HEAD" {
        return Some(Err(Reply::MethodNotAllowed));
    }
    // The raw path is split first and unescaped after: a "/" in a name is escaped.
    let Some((group, key)) = rest.split_once('/') else {
        return Some(Err(Reply::BadRequest("the path lacks a key: ask for <group>/<key>")));
    };
    let group = unescape_plus(group, plus).and_then(|group| String::from_utf8(group).ok());
    let (Some(group), Some(key)) = (group, unescape_plus(key, plus)) else {
        return Some(Err(Reply::BadRequest("the path holds a malformed escape")));
    };
    Some(Ok(Request { group, key, head: method == "HEAD" }))
}

/// The answer that says it.
pub(super) fn write_response(
    reply: Reply,
    content_type: &'static str,
    encoding: BodyEncoding,
    now: Millis,
) -> Response {
    let (status, outcome, text): (u16, &'static str, Cow<'static, str>) = match reply {
        Reply::Value { value, fresh_ms } => {
            let mut headers = plain_headers(content_type);
            headers.extend(fresh_ms.map(|ms| (FRESH_HEADER, decimal(ms).into())));
            let expiry =
                (encoding == BodyEncoding::ProtobufWithExpiry).then(|| protobuf::expiry(fresh_ms, now));
            let body = if encoding == BodyEncoding::Raw { value } else { protobuf::message(&value, expiry) };
            return Response { status: 200, headers, body };
        }
        Reply::NotFound => (404, ABSENT, "there is no such key".into()),
        Reply::LoadFailed { code, message } => (500, code.as_str(), message.into()),
        Reply::NotTransferable => (500, UNFIT, "the value is larger than maxEntryBytes".into()),
        Reply::NoSuchGroup(name) => {
            (404, "", ["there is no group ", &quoted(&name), " here"].concat().into())
        }
        Reply::BadRequest(why) => (400, "", why.into()),
        Reply::MethodNotAllowed => (405, "", "peers are asked with GET or HEAD".into()),
        Reply::Unauthorized => (401, "", "only signed questions are answered".into()),
        Reply::Forwarded => (508, "", "the question has been forwarded: ask the peer itself".into()),
        Reply::Broken(message) => (500, "", message.into()),
    };
    let mut headers = plain_headers("text/plain; charset=utf-8");
    headers.extend(match status {
        // HTTP wants these two to say what would be right.
        405 => Some(("allow", "GET, HEAD".into())),
        401 => Some(("www-authenticate", "geecache".into())),
        _ if outcome.is_empty() => None,
        _ => Some((OUTCOME_HEADER, outcome.into())),
    });
    Response { status, headers, body: text.into_owned().into_bytes() }
}

/// Reads an answer. An error (`ERR_PEER`) says that the peer failed.
pub(super) fn read_response(
    status: u16,
    header: Headers<'_>,
    body: Vec<u8>,
    encoding: BodyEncoding,
    now: Millis,
) -> Result<PeerAnswer, Error> {
    match (status, header(OUTCOME_HEADER).as_deref()) {
        (200, _) => {
            // What cannot be read must not become "for ever": it is not kept.
            let fresh_ms = header(FRESH_HEADER).map(|ms| parse_decimal(&ms).unwrap_or(0));
            if encoding == BodyEncoding::Raw {
                return Ok(PeerAnswer::Value { value: body, fresh_ms });
            }
            let Some((value, expiry)) = protobuf::value_and_expiry(&body) else {
                return Err(Error::new(Code::Peer, "the peer's answer is no protobuf message"));
            };
            let fresh_ms = fresh_ms.or(protobuf::left_ms(expiry, now));
            Ok(PeerAnswer::Value { value: value.to_vec(), fresh_ms })
        }
        (404, Some(ABSENT)) => Ok(PeerAnswer::NotFound),
        (500, Some(UNFIT)) => {
            Ok(PeerAnswer::NotTransferable { why: "the peer holds a value larger than its maxEntryBytes" })
        }
        (500, Some(code)) if let Some(code) = Code::of_load(code) => Ok(load_failed(code, body)),
        // Go's loader failed, or there is no such key, which it does not tell apart: the peer is not to blame.
        (500, None) if header("x-content-type-options").is_some() => Ok(PeerAnswer::NotTransferable {
            why: "a Go peer has an error for the key, and does not say which",
        }),
        _ => {
            let status = decimal(status.into());
            Err(Error::new(Code::Peer, ["the peer answered with status ", &status].concat()))
        }
    }
}

/// A failed load, with what the peer said of it, cut short.
pub(super) fn load_failed(code: Code, body: Vec<u8>) -> PeerAnswer {
    let mut message = String::from_utf8(body).unwrap_or_default();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    PeerAnswer::LoadFailed { code, message }
}

/// A peer's answer must never be stored between the peers: a cache there would answer for hours.
fn plain_headers(content_type: &'static str) -> Vec<Header> {
    vec![("cache-control", "no-store".into()), ("content-type", content_type.into())]
}
