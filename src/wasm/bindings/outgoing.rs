//! Requests to peers: the request to send, and the way from a response to the leader's next step. TypeScript
//! fetches in between.

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::{Core, options, thrown};
use crate::base::error::{Code, Error};
use crate::base::time::Millis;
use crate::group::singleflight::FlightId;
use crate::group::{Group, TaskResult};
use crate::peer::PeerAnswer;
use crate::pool::{GroupId, Pool};
use crate::protocol::{InjectedTrap, Outcome, RESPONSE_HEADERS, Slot, Step, code_number};
use crate::wire::{Exchange, OutgoingRequest};

#[wasm_bindgen]
impl Core {
    /// The request that asks a peer for a flight's key: `[path, auth, maxBytes]`, where `maxBytes` bounds the
    /// body of the response. `undefined` if no URL can carry the key. The key is the flight's; for a flight of
    /// a replaced instance, it is the one in the scratch area.
    pub fn request(
        &self,
        group: u32,
        flight: f64,
        key_bytes: usize,
        now: f64,
        secrets: &JsValue,
    ) -> Result<Option<Array>, JsValue> {
        let exchange = self.exchange(secrets)?;
        let Some((group, key)) = self.group_and_key(GroupId(group), flight, key_bytes) else {
            return Err(thrown(Error::new(Code::Peer, FLIGHT_OVER)));
        };
        let request = exchange.request(group.name(), key, now as Millis);
        let max_bytes = group.options().max_entry_bytes.saturating_add(exchange.wire.framing_bytes());
        Ok(request.map(|request| {
            Array::of3(&request.path.into(), &request.auth.into(), &(max_bytes as f64).into())
        }))
    }

    /// Takes a peer's response to the leader's next step: decodes the staged body, caches the value and
    /// completes the task. `headers` are the values of `RESPONSE_HEADERS`. Stages the `Outcome` with the value
    /// and its freshness, or with the message and the code of a failure.
    #[wasm_bindgen(js_name = peerAnswered)]
    #[expect(clippy::too_many_arguments, reason = "an object would be read field by field")]
    pub fn peer_answered(
        &mut self,
        group: u32,
        flight: f64,
        attempt: u32,
        key_bytes: usize,
        auth: String,
        secrets: &JsValue,
        status: u16,
        headers: &Array,
        now: f64,
    ) -> u32 {
        self.trap_if(InjectedTrap::PeerAnswered);
        let (id, now, body) = (GroupId(group), now as Millis, std::mem::take(&mut self.staged));
        let answer = match options::secrets(secrets) {
            Ok(secrets) => self.read_answer(
                &self.pool.exchange(secrets),
                (id, flight, key_bytes),
                auth,
                (status, headers, body),
                now,
            ),
            Err(error) => Some(Err(error)),
        };
        let Some(answer) = answer else {
            // Lost to another leader, so that the flight's key is no longer known.
            self.show_failure(Outcome::PeerFailed, FLIGHT_OVER.into());
            return Step::Retry as u32;
        };
        let mut value = Vec::new();
        let result = match answer {
            Ok(PeerAnswer::Value { value: answered, fresh_ms }) => {
                value = answered;
                self.scratch.set(Slot::Outcome, f64::from(Outcome::Value as u32));
                self.scratch.show_value(&value);
                self.scratch.show_freshness(fresh_ms);
                TaskResult::Value { value: Some(&value), fresh_ms }
            }
            Ok(PeerAnswer::NotFound) => {
                self.scratch.set(Slot::Outcome, f64::from(Outcome::NotFound as u32));
                TaskResult::NotFound
            }
            Ok(PeerAnswer::LoadFailed { code, message }) => {
                self.scratch.set(Slot::Code, code_number(code).map_or(-1.0, f64::from));
                self.show_failure(Outcome::LoadFailed, message.into());
                TaskResult::LoadFailed
            }
            Ok(PeerAnswer::NotTransferable { why }) => {
                self.show_failure(Outcome::NotTransferable, why.into());
                TaskResult::NotTransferable
            }
            Err(error) => {
                self.show_failure(Outcome::PeerFailed, error.message().into());
                TaskResult::PeerFailed
            }
        };
        let step = self.complete(id, FlightId(flight as u64), attempt, now, result);
        // The caller reads it from here.
        self.staged = value;
        step as u32
    }
}

const FLIGHT_OVER: &str = "the flight is over";

impl Core {
    fn show_failure(&mut self, outcome: Outcome, message: std::sync::Arc<str>) {
        self.scratch.set(Slot::Outcome, f64::from(outcome as u32));
        self.scratch.show_message(message);
    }

    /// Decodes a peer's response. `None` if its key is not known.
    fn read_answer(
        &self,
        exchange: &Exchange,
        (group, flight, key_bytes): (GroupId, f64, usize),
        auth: String,
        (status, headers, body): (u16, &Array, Vec<u8>),
        now: Millis,
    ) -> Option<Result<PeerAnswer, Error>> {
        let (group, key) = self.group_and_key(group, flight, key_bytes)?;
        let request = OutgoingRequest::sent(auth, group.name(), key);
        let header = |name: &str| {
            let at = RESPONSE_HEADERS.iter().position(|header| *header == name)?;
            headers.get(at as u32).as_string()
        };
        Some(exchange.read_response(&request, status, &header, body, now))
    }

    /// A group, and the key of one of its flights or else the key in the scratch area.
    fn group_and_key(&self, group: GroupId, flight: f64, key_bytes: usize) -> Option<(&Group, &[u8])> {
        let group = Pool::group(&self.pool, group)?;
        let staged = || Some(self.scratch.key(key_bytes)).filter(|key| !key.is_empty());
        Some((group, group.flight_key(FlightId(flight as u64)).or_else(staged)?))
    }
}
