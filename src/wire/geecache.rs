//! GeeCache's wire: `GET <base><group>/<key>`, the raw bytes in a 200.

use super::{FRESH_HEADER, Head, OUTCOME_HEADER, Question, Reply, Wire, escape, unescape};
use crate::error::{Code, Error};
use crate::options::quoted;
use crate::peer::PeerAnswer;

/// The longest path that is sent: servers take 8 KB and more for the whole head.
const MAX_PATH_BYTES: usize = 6 * 1024;

const ABSENT: &str = "absent";
const LOAD_FAILED: &str = "load-failed";

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

    fn head(&self, reply: Reply) -> Head {
        let (status, kind, text) = match reply {
            Reply::Value { fresh_ms } => {
                let mut headers = plain_headers("application/octet-stream");
                headers.extend(fresh_ms.map(|ms| (FRESH_HEADER, ms.to_string())));
                return Head { status: 200, headers, text: None };
            }
            Reply::NoSuchKey => (404, Some((OUTCOME_HEADER, ABSENT)), "there is no such key".to_owned()),
            Reply::LoadFailed(message) => (500, Some((OUTCOME_HEADER, LOAD_FAILED)), message),
            Reply::NoSuchGroup(name) => (404, None, ["there is no group ", &quoted(&name), " here"].concat()),
            Reply::BadRequest(why) => (400, None, why.to_owned()),
            Reply::MethodNotAllowed => {
                (405, Some(("allow", "GET, HEAD")), "peers are asked with GET or HEAD".to_owned())
            }
        };
        let mut headers = plain_headers("text/plain; charset=utf-8");
        headers.extend(kind.map(|(name, value)| (name, value.to_owned())));
        Head { status, headers, text: Some(text) }
    }

    fn outcome(
        &self,
        status: u16,
        header: &dyn Fn(&str) -> Option<String>,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, Error> {
        match (status, header(OUTCOME_HEADER).as_deref()) {
            (200, _) => {
                // What cannot be read must not become "for ever": it is not kept.
                let fresh_ms = header(FRESH_HEADER).map(|ms| ms.parse().unwrap_or(0));
                Ok(PeerAnswer::Value { value: body, fresh_ms })
            }
            (404, Some(ABSENT)) => Ok(PeerAnswer::NoSuchKey),
            (500, Some(LOAD_FAILED)) => {
                let message = String::from_utf8_lossy(&body).chars().take(500).collect();
                Ok(PeerAnswer::LoadFailed { message })
            }
            _ => {
                let status = status.to_string();
                Err(Error::new(Code::Peer, ["the peer answered with status ", &status].concat()))
            }
        }
    }
}

/// A peer's answer must never be stored between the peers: a cache there would answer for hours.
fn plain_headers(content_type: &str) -> Vec<(&'static str, String)> {
    vec![("cache-control", "no-store".to_owned()), ("content-type", content_type.to_owned())]
}
