//! OutgoingRequest peers: what is sent and what came of it, by the wire. TypeScript fetches in between.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::Headers;

use super::Core;
use crate::base::time::Millis;
use crate::group::Group;
use crate::peer::PeerAnswer;
use crate::pool::GroupId;
use crate::wire::OutgoingRequest;

const VALUE: u32 = 0;
const NO_SUCH_KEY: u32 = 1;
const LOAD_FAILED: u32 = 2;
const PEER_FAILED: u32 = 3;
const UNFIT: u32 = 4;

#[wasm_bindgen]
impl Core {
    /// What asks a peer for the key in the scratch area: `[path, seal, most]`, where the answer may have so many bytes;
    /// undefined where no URL can carry the key.
    pub fn ask(
        &self,
        group: u32,
        key_bytes: usize,
        now: f64,
        secrets: &JsValue,
    ) -> Result<Option<Array>, JsValue> {
        let exchange = self.exchange(secrets)?;
        let Some(group) = self.pool.group(GroupId(group)) else { return Ok(None) };
        let asking = exchange.request(group.name(), self.scratch.key(key_bytes), now as Millis);
        let most = group.options().max_entry_bytes.saturating_add(exchange.wire.framing_bytes());
        Ok(asking.map(|asking| Array::of3(&asking.path.into(), &asking.auth.into(), &(most as f64).into())))
    }

    /// What came of that question, with the body where a value is reserved: `[VALUE, freshMs]`, with the value where one
    /// is shown; `[NO_SUCH_KEY]`, `[LOAD_FAILED, message, code]`, `[PEER_FAILED, message]` or `[UNFIT, message]`.
    #[expect(
        clippy::too_many_arguments,
        reason = "an object of them would be read field by field, in more bytes"
    )]
    pub fn heard(
        &mut self,
        group: u32,
        key_bytes: usize,
        seal: String,
        now: f64,
        secrets: &JsValue,
        status: u16,
        headers: &Headers,
    ) -> Result<Array, JsValue> {
        self.trip(3);
        let exchange = self.exchange(secrets)?;
        let body = std::mem::take(&mut self.inbox);
        let name = self.pool.group(GroupId(group)).map_or("", Group::name);
        let asking = OutgoingRequest::sent(seal, name, self.scratch.key(key_bytes));
        let header = |name: &str| headers.get(name).ok().flatten();
        let (kind, said, more): (u32, JsValue, JsValue) =
            match exchange.read_response(&asking, status, &header, body, now as Millis) {
                Ok(PeerAnswer::Value { value, fresh_ms }) => {
                    self.show_bytes(value);
                    (VALUE, fresh_ms.map_or(-1.0, |ms| ms as f64).into(), JsValue::UNDEFINED)
                }
                Ok(PeerAnswer::NotFound) => (NO_SUCH_KEY, JsValue::UNDEFINED, JsValue::UNDEFINED),
                Ok(PeerAnswer::LoadFailed { code, message }) => {
                    (LOAD_FAILED, message.into(), code.as_str().into())
                }
                Ok(PeerAnswer::NotTransferable { why }) => (UNFIT, why.into(), JsValue::UNDEFINED),
                Err(error) => (PEER_FAILED, error.message().into(), JsValue::UNDEFINED),
            };
        Ok(Array::of3(&kind.into(), &said, &more))
    }
}
