//! HTTP as the four wires share it: `GET <base><group>/<key>`, 200 with the value, and the meaning of other status codes.

use std::borrow::Cow;

use super::escape::{escape, unescape_plus};
use super::{
    BodyEncoding, FRESH_HEADER, Header, Headers, OUTCOME_HEADER, Reply, Request, Response, protobuf,
};
use crate::base::error::{Code, Error};
use crate::base::text::{decimal, parse_decimal, quoted};
use crate::base::time::Millis;
use crate::peer::PeerAnswer;

/// The longest path that is sent. Servers accept at least 8 KB for all headers.
const MAX_PATH_BYTES: usize = 6 * 1024;

/// The most that is read of a failed load's message.
const MAX_MESSAGE_BYTES: usize = 500;

const NOT_FOUND: &str = "not-found";
const NOT_TRANSFERABLE: &str = "not-transferable";

/// Returns `<base><group>/<key>`, escaped so that both of Go's ways to unescape give the same names.
pub(super) fn path(base_path: &str, group: &str, key: &[u8]) -> Option<String> {
    let path = [base_path, &escape(group.as_bytes())?, "/", &escape(key)?].concat();
    (path.len() <= MAX_PATH_BYTES).then_some(path)
}

/// Reads `<base><group>/<key>`. `plus` is the byte that a raw "+" stands for: a space for peers that escape as in a query.
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
    // Splits before it unescapes, because a "/" in a name is escaped.
    let Some((group, key)) = rest.split_once('/') else {
        return Some(Err(Reply::BadRequest("the path has no key: request <group>/<key>")));
    };
    let group = unescape_plus(group, plus).and_then(|group| String::from_utf8(group).ok());
    let (Some(group), Some(key)) = (group, unescape_plus(key, plus)) else {
        return Some(Err(Reply::BadRequest("the path has a malformed escape")));
    };
    Some(Ok(Request { group, key, head: method == "HEAD" }))
}

/// Encodes a reply.
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
        Reply::NotFound => (404, NOT_FOUND, "the key does not exist".into()),
        Reply::LoadFailed { code, message } => (500, code.as_str(), message.into()),
        Reply::NotTransferable => (500, NOT_TRANSFERABLE, "the value is larger than maxEntryBytes".into()),
        Reply::NoSuchGroup(name) => (404, "", ["this node has no group ", &quoted(&name)].concat().into()),
        Reply::BadRequest(why) => (400, "", why.into()),
        Reply::MethodNotAllowed => (405, "", "use GET or HEAD".into()),
        Reply::Unauthorized => (401, "", "the request has no valid signature".into()),
        Reply::Forwarded => (508, "", "the request was forwarded: send it to the peer itself".into()),
        Reply::Broken(message) => (500, "", message.into()),
    };
    let mut headers = plain_headers("text/plain; charset=utf-8");
    headers.extend(match status {
        // HTTP requires a header that names the right method or scheme.
        405 => Some(("allow", "GET, HEAD".into())),
        401 => Some(("www-authenticate", "geecache".into())),
        _ if outcome.is_empty() => None,
        _ => Some((OUTCOME_HEADER, outcome.into())),
    });
    Response { status, headers, body: text.into_owned().into_bytes() }
}

/// Decodes a response. An error (`ERR_PEER`) means that the peer failed.
pub(super) fn read_response(
    status: u16,
    header: Headers<'_>,
    body: Vec<u8>,
    encoding: BodyEncoding,
    now: Millis,
) -> Result<PeerAnswer, Error> {
    match (status, header(OUTCOME_HEADER).as_deref()) {
        (200, _) => {
            // A malformed freshness means "not fresh", never "does not expire".
            let fresh_ms = header(FRESH_HEADER).map(|ms| parse_decimal(&ms).unwrap_or(0));
            if encoding == BodyEncoding::Raw {
                return Ok(PeerAnswer::Value { value: body, fresh_ms });
            }
            let Some((value, expiry)) = protobuf::value_and_expiry(&body) else {
                return Err(Error::new(Code::Peer, "the response is not a protobuf message"));
            };
            let fresh_ms = fresh_ms.or(protobuf::left_ms(expiry, now));
            Ok(PeerAnswer::Value { value: value.to_vec(), fresh_ms })
        }
        (404, Some(NOT_FOUND)) => Ok(PeerAnswer::NotFound),
        (500, Some(NOT_TRANSFERABLE)) => {
            Ok(PeerAnswer::NotTransferable { why: "the value is larger than the peer's maxEntryBytes" })
        }
        (500, Some(code)) if let Some(code) = Code::of_load(code) => Ok(load_failed(code, body)),
        // A Go peer's loader failed, or the key does not exist: Go does not distinguish them, and the peer is healthy.
        (500, None) if header("x-content-type-options").is_some() => Ok(PeerAnswer::NotTransferable {
            why: "a Go peer reports an error for the key, without its kind",
        }),
        _ => {
            let status = decimal(status.into());
            Err(Error::new(Code::Peer, ["the peer responded with status ", &status].concat()))
        }
    }
}

/// A failed load with the peer's message, truncated.
pub(super) fn load_failed(code: Code, body: Vec<u8>) -> PeerAnswer {
    let mut message = String::from_utf8(body).unwrap_or_default();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    PeerAnswer::LoadFailed { code, message }
}

/// A peer's response must not be stored by an HTTP cache between the peers, which would serve it beyond its lifetime.
fn plain_headers(content_type: &'static str) -> Vec<Header> {
    vec![("cache-control", "no-store".into()), ("content-type", content_type.into())]
}
