//! A core with access to its linear memory, as TypeScript has it, and objects made of JavaScript source.

use geecache_edge::peer::PeerRequest;
use geecache_edge::protocol::{
    GroupOption, KEY_ROOM_BYTES, Kind, Outcome, PoolOption, SLOTS, Slot, Staged, Step, code_of,
};
use geecache_edge::wasm::Core;
use geecache_edge::wire::{Exchange, Geecache};
use geecache_edge::{FetchPeer, PeerAnswer, PeerGetter, Stats};
use js_sys::{Array, Float64Array, Function, Promise, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Where the key begins in the scratch area.
const KEY_AT: u32 = 8 * SLOTS as u32;

/// The value of a JavaScript expression.
pub fn js(expression: &str) -> JsValue {
    let body = ["return (", expression, ");"].concat();
    Function::new_no_args(&body).call0(&JsValue::NULL).expect("the expression has a value")
}

/// Waits for a promise.
pub async fn settled(promise: JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&promise)).await
}

/// A field of an object, or an element of an array.
pub fn field(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).expect("an object")
}

/// An array's elements as JSON, for comparing.
pub fn json(value: &JsValue) -> String {
    js_sys::JSON::stringify(value).expect("plain data").into()
}

/// The code and the message of the error that was thrown.
pub fn thrown<T>(result: Result<T, JsValue>) -> (String, String) {
    let Err(error) = result else { panic!("expected an error") };
    assert!(error.is_instance_of::<js_sys::Error>(), "{error:?}");
    let text = |name| field(&error, name).as_string().expect("a text");
    (text("code"), text("message"))
}

/// A core of the pool's options in a JavaScript expression.
pub fn made(options: &str) -> Result<Core, JsValue> {
    let peers = js(&["(", options, ").peers"].concat());
    Core::new(&listed(options, PoolOption::ALL), &peers)
}

/// A group's options in a JavaScript expression, as `addGroup` takes them.
pub fn group_options(options: &str) -> Array {
    listed(options, GroupOption::ALL)
}

/// Options in the order of the protocol; names that may be chosen become their numbers, unknown ones stay as
/// they are.
fn listed(options: &str, names: &[(&str, Kind)]) -> Array {
    let options = js(&["(", options, ")"].concat());
    let value = |(name, kind): &(&str, Kind)| match (field(&options, name), kind) {
        (given, Kind::OneOf(names)) => {
            let chosen = given.as_string().and_then(|given| names.iter().position(|name| *name == given));
            chosen.map_or(given, |at| (at as u32).into())
        }
        (given, _) => given,
    };
    names.iter().map(value).collect()
}

/// A core, used as TypeScript uses it.
pub struct Shell {
    pub core: Core,
}

impl Shell {
    pub fn new(options: &str) -> Shell {
        Shell { core: made(options).expect("sound options") }
    }

    /// A core with one group, number 0, named "g".
    pub fn with_group(pool: &str, group: &str) -> Shell {
        let mut shell = Shell::new(pool);
        assert_eq!(shell.core.add_group("g", &group_options(group)).expect("sound options"), 0);
        shell
    }

    /// Writes a key where the core reads it.
    pub fn key(&self, key: &[u8]) -> usize {
        assert!(key.len() <= KEY_ROOM_BYTES);
        window(self.core.scratch_at() as usize as u32 + KEY_AT, key.len()).copy_from(key);
        key.len()
    }

    pub fn begin(&mut self, key: &str, now: f64) -> Step {
        let bytes = self.key(key.as_bytes());
        self.begin_bytes(0, bytes, now, false)
    }

    /// Begins a lookup of the key that is written.
    pub fn begin_bytes(&mut self, group: u32, bytes: usize, now: f64, from_peer: bool) -> Step {
        step(self.core.begin(group, bytes, now, from_peer, false))
    }

    /// A result of the last call.
    pub fn slot(&self, slot: Slot) -> f64 {
        let at = self.core.scratch_at() as usize as u32 + slot as u32 * 8;
        Float64Array::new_with_byte_offset_and_length(&buffer(), at, 1).get_index(0)
    }

    fn bytes(&self, at: Slot, length: Slot) -> Vec<u8> {
        window(self.slot(at) as u32, self.slot(length) as usize).to_vec()
    }

    /// The value that the last step found.
    pub fn value(&self) -> Vec<u8> {
        self.bytes(Slot::ValueAt, Slot::ValueBytes)
    }

    pub fn fresh_ms(&self) -> f64 {
        self.slot(Slot::FreshMs)
    }

    pub fn flight(&self) -> f64 {
        self.slot(Slot::Flight)
    }

    /// The task of a refresh; `Done` for none.
    pub fn task(&self) -> Step {
        step(self.slot(Slot::Task) as u32)
    }

    pub fn attempt(&self) -> u32 {
        self.slot(Slot::Attempt) as u32
    }

    pub fn timeout_ms(&self) -> f64 {
        self.slot(Slot::TimeoutMs)
    }

    /// The peer that the last task asks.
    pub fn peer(&self) -> String {
        String::from_utf8(self.bytes(Slot::PeerAt, Slot::PeerBytes)).expect("a name")
    }

    pub fn message(&self) -> String {
        String::from_utf8(self.bytes(Slot::MessageAt, Slot::MessageBytes)).expect("a text")
    }

    /// The code and the message of a refused call.
    pub fn refusal(&self) -> (&'static str, String) {
        (code_of(self.slot(Slot::Code) as u32).expect("a code").as_str(), self.message())
    }

    /// Stages a value; false if the core has no room for it.
    pub fn stage(&mut self, value: &[u8]) -> bool {
        self.stage_for(Staged::Value, value)
    }

    pub fn stage_for(&mut self, purpose: Staged, bytes: &[u8]) -> bool {
        let at = self.core.stage(0, bytes.len(), purpose as u32);
        if at != 0 {
            window(at as u32, bytes.len()).copy_from(bytes);
        }
        at != 0
    }

    /// Completes the current attempt of a flight without a value.
    pub fn complete(&mut self, flight: f64, now: f64, outcome: Outcome) -> Step {
        let attempt = self.attempt();
        self.complete_attempt(flight, attempt, now, outcome)
    }

    pub fn complete_attempt(&mut self, flight: f64, attempt: u32, now: f64, outcome: Outcome) -> Step {
        step(self.core.complete_task(0, flight, attempt, now, outcome as u32, false, -1.0))
    }

    /// Completes the first attempt of a flight with a value.
    pub fn complete_with(&mut self, flight: f64, now: f64, value: &[u8]) -> Step {
        let is_staged = self.stage(value);
        step(self.core.complete_task(0, flight, 1, now, Outcome::Value as u32, is_staged, -1.0))
    }

    /// Looks a key up and loads it.
    pub fn load(&mut self, key: &str, now: f64, value: &[u8]) {
        assert_eq!(self.begin(key, now), Step::Load);
        let flight = self.flight();
        assert_eq!(self.complete_with(flight, now, value), Step::Done);
    }

    pub fn peek(&mut self, key: &str, now: f64) -> Option<Vec<u8>> {
        let bytes = self.key(key.as_bytes());
        (step(self.core.peek(0, bytes, now)) == Step::Hit).then(|| self.value())
    }

    /// Every counter of a group and of the pool.
    pub fn counts(&mut self, group: u32) -> Vec<f64> {
        let count = self.core.stats(group) as u32;
        let at = self.core.scratch_at() as usize as u32 + KEY_AT;
        Float64Array::new_with_byte_offset_and_length(&buffer(), at, count).to_vec()
    }

    pub fn stat(&mut self, name: &str) -> f64 {
        let at = Stats::default().entries().position(|entry| entry.0 == name).expect("a counter");
        self.counts(0)[at]
    }
}

/// A step by its number.
pub fn step(number: u32) -> Step {
    Step::try_from(number).expect("a step")
}

/// Asks `fetcher` through a `FetchPeer`. Returns the result as JSON, with bytes as text.
pub async fn asked(
    fetcher: &JsValue,
    origin: &str,
    key: &[u8],
    timeout_ms: f64,
    max_value_bytes: usize,
) -> String {
    let base_path = "/_geecache/".into();
    let (secrets, counters) = Default::default();
    let exchange = Exchange { wire: &Geecache, base_path, ring: 0, secrets, counters };
    let peer = FetchPeer { exchange, fetcher: fetcher.clone().into() };
    let timeout_ms = timeout_ms as u64;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let list = match peer
        .get(PeerRequest { peer: origin, group: "g", key, timeout_ms, max_value_bytes })
        .await
    {
        Ok(PeerAnswer::Value { value, fresh_ms }) => {
            Array::of3(&"value".into(), &text(value).into(), &fresh_ms.map_or(-1.0, |ms| ms as f64).into())
        }
        Ok(PeerAnswer::NotFound) => Array::of1(&"notFound".into()),
        Ok(PeerAnswer::LoadFailed { code, message }) => {
            Array::of3(&"loadFailed".into(), &message.into(), &code.as_str().into())
        }
        Ok(PeerAnswer::NotTransferable { why }) => Array::of2(&"notTransferable".into(), &why.into()),
        Err(error) => Array::of2(&"peerFailed".into(), &error.message().into()),
    };
    json(&list)
}

fn buffer() -> JsValue {
    wasm_bindgen::memory().unchecked_into::<WebAssembly::Memory>().buffer()
}

/// Linear memory, seen from outside.
fn window(at: u32, bytes: usize) -> Uint8Array {
    Uint8Array::new_with_byte_offset_and_length(&buffer(), at, bytes as u32)
}
