//! Requests from peers: reading each one, and the response to it.

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::{Core, fresh_for, options, thrown};
use crate::base::check::check_key;
use crate::base::error::Code;
use crate::base::time::Millis;
use crate::group::Group;
use crate::pool::GroupId;
use crate::protocol::{MAX_CHANGE_FRAMING_BYTES, Outcome, Source, code_of};
use crate::wire::{CACHE_STATUS_HEADER, IncomingRequest, Reply, Request, Response, SetRequest, cache_status};

#[wasm_bindgen]
impl Core {
    /// The path under which peers are asked and answered.
    #[wasm_bindgen(js_name = basePath)]
    pub fn base_path(&self) -> String {
        self.pool.base_path().to_owned()
    }

    /// Reads a peer's request with its auth header. `undefined` if the path is no peer's; `[group, key, signer,
    /// maxChangeBytes]` for a lookup or a change, where `signer` is the index of the secret that signed it; or
    /// the head of the refusal to send, `[status, headers]`, with its body where a value is.
    #[wasm_bindgen(js_name = readRequest)]
    pub fn read_request(
        &mut self,
        method: &str,
        path: &str,
        auth: Option<String>,
        now: f64,
        secrets: &JsValue,
    ) -> Result<Option<Array>, JsValue> {
        let exchange = self.exchange(secrets)?;
        let Some(incoming) = exchange.read_request(method, path, auth, now as Millis) else {
            return Ok(None);
        };
        let reply = match incoming {
            Err(reply) => reply,
            Ok(IncomingRequest { request, auth }) => {
                let id = self.pool.find_group(&request.group);
                let group = id.and_then(|id| Some((id, self.pool.group(id)?)));
                match (group, String::from_utf8(request.key)) {
                    (None, _) => Reply::NoSuchGroup(request.group),
                    (Some(_), Ok(key)) if check_key(key.as_bytes()).is_err() => {
                        Reply::BadRequest("the key is empty, or longer than 65535 bytes")
                    }
                    (Some((id, group)), Ok(key)) => {
                        let signer = auth.map_or(-1, |auth| auth.1 as i32);
                        let max_bytes =
                            group.options().max_entry_bytes.saturating_add(MAX_CHANGE_FRAMING_BYTES);
                        let max_bytes = (max_bytes as f64).into();
                        return Ok(Some(Array::of4(&id.0.into(), &key.into(), &signer.into(), &max_bytes)));
                    }
                    (Some(_), Err(_)) => Reply::BadRequest("the key is not UTF-8"),
                }
            }
        };
        let refusal = exchange.wire.write_response(reply, now as Millis);
        Ok(Some(self.head_of(refusal)))
    }

    /// Caches the value of a staged groupcache-v3 PUT. Returns false if the body is malformed.
    #[wasm_bindgen(js_name = applySet)]
    pub fn apply_set(&mut self, group: u32, now: f64) -> bool {
        let (body, now) = (std::mem::take(&mut self.staged), now as Millis);
        let group = self.pool.group_mut(GroupId(group));
        SetRequest::read(&body, now).zip(group).is_some_and(|(set, (group, _))| {
            group.set_for(set.key, (Some(set.value), set.fresh_ms), now).is_ok()
        })
    }

    /// The response to a lookup of the key in the scratch area: its head `[status, headers]`, with its body
    /// where a value is. `outcome` says which: the staged value, fresh for `fresh_ms` (below 0: forever), from
    /// the `Source` in `detail`; a failure of the loader with the code in `detail` and its message; a failure
    /// of this node with its message. `ERR_OPTION` for an unknown number.
    #[expect(clippy::too_many_arguments, reason = "an object would be read field by field")]
    pub fn respond(
        &mut self,
        group: u32,
        key_bytes: usize,
        auth: Option<String>,
        signer: i32,
        now: f64,
        secrets: &JsValue,
        outcome: u32,
        fresh_ms: f64,
        detail: u32,
        message: String,
    ) -> Result<Array, JsValue> {
        let exchange = self.exchange(secrets)?;
        let (value, fresh_ms) = (std::mem::take(&mut self.staged), fresh_for(fresh_ms));
        let mut status = None;
        let reply = match Outcome::try_from(outcome).map_err(thrown)? {
            Outcome::Value => {
                let source = Source::try_from(detail).map_err(thrown)?;
                status = Some(cache_status(source.name(), fresh_ms));
                Reply::Value { value, fresh_ms }
            }
            Outcome::NotFound => Reply::NotFound,
            Outcome::NotTransferable => Reply::NotTransferable,
            Outcome::LoadFailed => {
                let code = code_of(detail).map_err(thrown)?;
                // To a peer, a lookup that failed in any other way is a failed load.
                Reply::LoadFailed { code: Code::of_load(code.as_str()).unwrap_or(Code::Load), message }
            }
            Outcome::PeerFailed => Reply::Broken(message),
        };
        let name = self.pool.group(GroupId(group)).map_or("", Group::name);
        let incoming = IncomingRequest {
            request: Request {
                group: name.to_owned(),
                key: self.scratch.key(key_bytes).to_vec(),
                head: false,
            },
            auth: auth.zip(usize::try_from(signer).ok()),
        };
        let mut response = exchange.respond(&incoming, reply, now as Millis);
        response.headers.extend(status.map(|status| (CACHE_STATUS_HEADER, status.into())));
        Ok(self.head_of(response))
    }
}

impl Core {
    /// Returns the head; the body is shown as a value is.
    fn head_of(&mut self, response: Response) -> Array {
        self.staged = response.body;
        self.scratch.show_value(&self.staged);
        let headers =
            response.headers.into_iter().map(|(name, value)| Array::of2(&name.into(), &(*value).into()));
        Array::of2(&response.status.into(), &headers.collect::<Array>())
    }

    /// How peers are asked and answered under these secrets.
    pub(super) fn exchange(&self, secrets: &JsValue) -> Result<crate::wire::Exchange, JsValue> {
        Ok(self.pool.exchange(options::secrets(secrets).map_err(thrown)?))
    }
}
