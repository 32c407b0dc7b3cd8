//! GeeCache's wire: `GET <base><group>/<key>`, the raw bytes in a 200.

use super::{Answer, FRESH_HEADER, Header, Headers, OUTCOME_HEADER, Question, Reply, Wire, escape, unescape};
use std::borrow::Cow;

use crate::error::{Code, Error};
use crate::peer::PeerAnswer;
use crate::text::{decimal, parse_decimal, quoted};
use crate::time::Millis;

/// The longest path that is sent: servers take 8 KB and more for the whole head.
const MAX_PATH_BYTES: usize = 6 * 1024;

/// What is read of the message of a failed load.
const MAX_MESSAGE_BYTES: usize = 500;

const ABSENT: &str = "absent";
const UNFIT: &str = "unfit";

/// The wire of GeeCache's day 5 and 6, and the default: a Go GeeCache node can ask and be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Geecache;

impl Wire for Geecache {
    fn path(&self, base_path: &str, group: &str, key: &[u8]) -> Option<String> {
        let path = [base_path, &escape(group.as_bytes())?, "/", &escape(key)?].concat();
        (path.len() <= MAX_PATH_BYTES).then_some(path)
    }

    fn question(&self, base_path: &str, method: &str, path: &str) -> Option<Result<Question, Reply>> {
        let rest = path.strip_prefix(base_path)?;
        if method != "GET" && method != "HEAD" {
            return Some(Err(Reply::MethodNotAllowed));
        }
        // The raw path is split first and unescaped after: a "/" in a name is escaped, a "+" is a space.
        let Some((group, key)) = rest.split_once('/') else {
            return Some(Err(Reply::BadRequest("the path lacks a key: ask for <group>/<key>")));
        };
        let group = unescape(group).and_then(|group| String::from_utf8(group).ok());
        let (Some(group), Some(key)) = (group, unescape(key)) else {
            return Some(Err(Reply::BadRequest("the path holds a malformed escape")));
        };
        Some(Ok(Question { group, key, head: method == "HEAD" }))
    }

    fn answer(&self, reply: Reply, _now: Millis) -> Answer {
        let (status, outcome, text): (u16, &'static str, Cow<'static, str>) = match reply {
            Reply::Value { value, fresh_ms } => {
                let mut headers = plain_headers("application/octet-stream");
                headers.extend(fresh_ms.map(|ms| (FRESH_HEADER, decimal(ms).into())));
                return Answer { status: 200, headers, body: value };
            }
            Reply::NoSuchKey => (404, ABSENT, "there is no such key".into()),
            Reply::LoadFailed { code, message } => (500, code.as_str(), message.into()),
            Reply::Unfit => (500, UNFIT, "the value is larger than maxEntryBytes".into()),
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
        Answer { status, headers, body: text.into_owned().into_bytes() }
    }

    fn outcome(
        &self,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        _now: Millis,
    ) -> Result<PeerAnswer, Error> {
        match (status, header(OUTCOME_HEADER).as_deref()) {
            (200, _) => {
                // What cannot be read must not become "for ever": it is not kept.
                let fresh_ms = header(FRESH_HEADER).map(|ms| parse_decimal(&ms).unwrap_or(0));
                Ok(PeerAnswer::Value { value: body, fresh_ms })
            }
            (404, Some(ABSENT)) => Ok(PeerAnswer::NoSuchKey),
            (500, Some(UNFIT)) => {
                Ok(PeerAnswer::Unfit { why: "the peer holds a value larger than its maxEntryBytes" })
            }
            (500, Some(code)) if let Some(code) = Code::of_load(code) => {
                let mut message = String::from_utf8(body).unwrap_or_default();
                message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
                Ok(PeerAnswer::LoadFailed { code, message })
            }
            _ => {
                let status = decimal(status.into());
                Err(Error::new(Code::Peer, ["the peer answered with status ", &status].concat()))
            }
        }
    }
}

/// A peer's answer must never be stored between the peers: a cache there would answer for hours.
fn plain_headers(content_type: &'static str) -> Vec<Header> {
    vec![("cache-control", "no-store".into()), ("content-type", content_type.into())]
}
