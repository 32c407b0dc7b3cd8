//! Answering peers: what a request asks, and the head of its answer, by the wire.

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::Core;
use crate::options::check_key;
use crate::wire::{Geecache, Head, Question, Reply, Wire};

const REPLY_VALUE: u32 = 0;
const REPLY_NO_SUCH_KEY: u32 = 1;

#[wasm_bindgen]
impl Core {
    /// What a request asks: undefined where its path is not a peer's, `[group, key, isHead]`, or the head of the
    /// refusal to send, `[status, headers, text]`. The group is its number.
    pub fn question(&self, method: &str, path: &str) -> Option<Array> {
        let reply = match Geecache.question(self.pool.base_path(), method, path)? {
            Ok(Question { group, key, head }) => match (self.pool.find_group(&group), String::from_utf8(key))
            {
                (None, _) => Reply::NoSuchGroup(group),
                (Some(_), Ok(key)) if check_key(key.as_bytes()).is_err() => {
                    Reply::BadRequest("the key is empty, or longer than 65535 bytes")
                }
                (Some(group), Ok(key)) => {
                    return Some(Array::of3(&group.0.into(), &key.into(), &head.into()));
                }
                (Some(_), Err(_)) => Reply::BadRequest("the key is not UTF-8"),
            },
            Err(reply) => reply,
        };
        Some(head(reply))
    }

    /// The head of an answer: `REPLY_VALUE`, fresh for so many ms more (below 0: for ever), `REPLY_NO_SUCH_KEY`, or a
    /// failed load with its message.
    pub fn reply(&self, reply: u32, fresh_ms: f64, message: String) -> Array {
        head(match reply {
            REPLY_VALUE => Reply::Value { fresh_ms: (fresh_ms >= 0.0).then_some(fresh_ms as u64) },
            REPLY_NO_SUCH_KEY => Reply::NoSuchKey,
            _ => Reply::LoadFailed(message),
        })
    }
}

fn head(reply: Reply) -> Array {
    let Head { status, headers, text } = Geecache.head(reply);
    let pairs = headers.into_iter().map(|(name, value)| Array::of2(&name.into(), &value.into()));
    Array::of3(&status.into(), &pairs.collect::<Array>(), &text.into())
}
