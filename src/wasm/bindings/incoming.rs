//! Answering peers: what a request asks, and the answer, by the wire.

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::Core;
use crate::base::check::check_key;
use crate::base::error::Code;
use crate::base::time::Millis;
use crate::group::Group;
use crate::pool::GroupId;
use crate::wire::{CACHE_STATUS_HEADER, IncomingRequest, Reply, Request, Response, SetRequest, cache_status};

const REPLY_VALUE: u32 = 0;
const REPLY_NO_SUCH_KEY: u32 = 1;
const REPLY_UNFIT: u32 = 2;
const REPLY_LOAD_FAILED: u32 = 3;

#[wasm_bindgen]
impl Core {
    /// What a request asks, with its `geecache-seal`: undefined where its path is not a peer's, `[group, key, signer]`,
    /// or the head of the refusal to send, `[status, headers]`, with its body where a value is. The group is its
    /// number; the signer says which of the secrets the seal is signed with.
    pub fn question(
        &mut self,
        method: &str,
        path: &str,
        seal: Option<String>,
        now: f64,
        secrets: &JsValue,
    ) -> Result<Option<Array>, JsValue> {
        let exchange = self.exchange(secrets)?;
        let Some(asked) = exchange.read_request(method, path, seal, now as Millis) else { return Ok(None) };
        let reply = match asked {
            Err(reply) => reply,
            Ok(IncomingRequest { request: question, auth: seal }) => {
                match (self.pool.find_group(&question.group), String::from_utf8(question.key)) {
                    (None, _) => Reply::NoSuchGroup(question.group),
                    (Some(_), Ok(key)) if check_key(key.as_bytes()).is_err() => {
                        Reply::BadRequest("the key is empty, or longer than 65535 bytes")
                    }
                    (Some(group), Ok(key)) => {
                        let signer = seal.map_or(-1, |seal| seal.1 as i32);
                        return Ok(Some(Array::of3(&group.0.into(), &key.into(), &signer.into())));
                    }
                    (Some(_), Err(_)) => Reply::BadRequest("the key is not UTF-8"),
                }
            }
        };
        let refusal = exchange.wire.write_response(reply, now as Millis);
        Ok(Some(self.send(refusal)))
    }

    /// Keeps what a PUT of groupcache-v3 tells; false for what is no such request.
    #[wasm_bindgen(js_name = setRequest)]
    pub fn set_request(&mut self, group: u32, now: f64, body: &[u8]) -> bool {
        let (group, now) = (self.pool.group_mut(GroupId(group)), now as Millis);
        let asked = SetRequest::read(body, now).zip(group);
        asked.is_some_and(|(set, (group, _))| {
            group.set_for(set.key, (Some(set.value), set.fresh_ms), now).is_ok()
        })
    }

    /// The answer to such a request for the key in the scratch area: `REPLY_VALUE` with the reserved value, fresh for
    /// so many ms more (below 0: for ever), or another `REPLY_`, with the code and the message of a failure; with a value,
    /// the code is where it came from. Its head, as above.
    #[expect(
        clippy::too_many_arguments,
        reason = "an object of them would be read field by field, in more bytes"
    )]
    pub fn answer(
        &mut self,
        group: u32,
        key_bytes: usize,
        seal: Option<String>,
        signer: i32,
        now: f64,
        secrets: &JsValue,
        reply: u32,
        fresh_ms: f64,
        code: &str,
        message: String,
    ) -> Result<Array, JsValue> {
        let exchange = self.exchange(secrets)?;
        let value = std::mem::take(&mut self.inbox);
        let fresh_ms = (fresh_ms >= 0.0).then_some(fresh_ms as u64);
        let is_value = reply == REPLY_VALUE;
        let reply = match reply {
            REPLY_VALUE => Reply::Value { value, fresh_ms },
            REPLY_NO_SUCH_KEY => Reply::NotFound,
            REPLY_UNFIT => Reply::NotTransferable,
            REPLY_LOAD_FAILED => {
                Reply::LoadFailed { code: Code::of_load(code).unwrap_or(Code::Load), message }
            }
            _ => Reply::Broken(message),
        };
        let name = self.pool.group(GroupId(group)).map_or("", Group::name);
        let asked = IncomingRequest {
            request: Request {
                group: name.to_owned(),
                key: self.scratch.key(key_bytes).to_vec(),
                head: false,
            },
            auth: seal.zip(usize::try_from(signer).ok()),
        };
        let mut answer = exchange.respond(&asked, reply, now as Millis);
        if is_value {
            answer.headers.push((CACHE_STATUS_HEADER, cache_status(code, fresh_ms).into()));
        }
        Ok(self.send(answer))
    }
}

impl Core {
    /// The head; the body is kept where a value is shown.
    fn send(&mut self, answer: Response) -> Array {
        self.show_bytes(answer.body);
        let pairs =
            answer.headers.into_iter().map(|(name, value)| Array::of2(&name.into(), &(*value).into()));
        Array::of2(&answer.status.into(), &pairs.collect::<Array>())
    }
}
