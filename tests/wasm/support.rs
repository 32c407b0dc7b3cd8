//! What the tests of the bindings share: a core with hands and eyes in linear memory, objects made of JavaScript text.

use geecache_edge::peer::PeerRequest;
use geecache_edge::wasm::Core;
use geecache_edge::wire::{Exchange, Geecache};
use geecache_edge::{FetchPeer, PeerAnswer, PeerGetter, Stats};
use js_sys::{Array, Float64Array, Function, Promise, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

pub const DONE: u32 = 0;
pub const HIT: u32 = 1;
pub const STALE: u32 = 2;
pub const JOIN: u32 = 3;
pub const ASK: u32 = 4;
pub const LOAD: u32 = 5;
pub const AGAIN: u32 = 6;

pub const CAME_VALUE: u32 = 0;
pub const CAME_UNHANDED: u32 = 1;
pub const CAME_NO_SUCH_KEY: u32 = 2;
pub const CAME_LOAD_FAILED: u32 = 3;
pub const CAME_PEER_FAILED: u32 = 4;

/// Where the key begins behind the numbers of the scratch area, and how long it may be there.
const KEY_AT: u32 = 48;
pub const KEY_ROOM: usize = 65_535 + 5;

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

/// The code and the message of a thrown error.
pub fn thrown<T>(result: Result<T, JsValue>) -> (String, String) {
    let Err(error) = result else { panic!("expected an error") };
    assert!(error.is_instance_of::<js_sys::Error>(), "{error:?}");
    let text = |name| field(&error, name).as_string().expect("a text");
    (text("code"), text("message"))
}

/// A core of the pool's options that an expression gives, in the order of `options.ts`.
pub fn made(options: &str) -> Result<Core, JsValue> {
    let listed = |names: &str| js(&["((o) => [", names, "])(", options, ")"].concat());
    let peers = field(&listed("o.peers"), "0");
    Core::new(listed("o.self, o.basePath, o.replicas, o.seed, o.wire, o.ring").unchecked_ref(), &peers)
}

/// The same for a group's.
pub fn group_options(options: &str) -> Array {
    let names = "o.policy, o.maxBytes, o.maxEntryBytes, o.hashSeed, o.ttlMs, o.staleWhileRevalidateMs, \
                 o.staleIfErrorMs, o.hotTtlMs, o.deadlineMs, o.peerTimeoutMs, o.failover";
    js(&["((o) => [", names, "])(", options, ")"].concat()).unchecked_into()
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

    /// Puts a key where the core reads it.
    pub fn key(&self, key: &[u8]) -> usize {
        assert!(key.len() <= KEY_ROOM);
        window(self.core.scratch_at() as usize as u32 + KEY_AT, key.len()).copy_from(key);
        key.len()
    }

    pub fn begin(&mut self, key: &str, now: f64) -> u32 {
        let bytes = self.key(key.as_bytes());
        self.core.begin(0, bytes, now, false, false).expect("a sound key")
    }

    /// One of the numbers that the last call told.
    pub fn told_number(&self, at: u32) -> f64 {
        let at = self.core.scratch_at() as usize as u32 + at * 8;
        Float64Array::new_with_byte_offset_and_length(&buffer(), at, 1).get_index(0)
    }

    /// The value that the last step found.
    pub fn value(&self) -> Vec<u8> {
        window(self.told_number(0) as u32, self.told_number(1) as usize).to_vec()
    }

    pub fn fresh_ms(&self) -> f64 {
        self.told_number(2)
    }

    pub fn flight(&self) -> f64 {
        self.told_number(3)
    }

    pub fn task(&self) -> u32 {
        self.told_number(4) as u32
    }

    pub fn timeout_ms(&self) -> f64 {
        self.told_number(5)
    }

    /// Hands a value over; false where the core has no room for it.
    pub fn hand(&mut self, value: &[u8]) -> bool {
        let at = self.core.reserve(0, value.len(), false);
        if at != 0 {
            window(at as u32, value.len()).copy_from(value);
        }
        at != 0
    }

    /// Tells that a flight came to a value.
    pub fn came(&mut self, flight: f64, now: f64, value: &[u8]) -> u32 {
        let came = if self.hand(value) { CAME_VALUE } else { CAME_UNHANDED };
        self.core.told(0, flight, now, came, -1.0)
    }

    /// Looks a key up and loads it.
    pub fn load(&mut self, key: &str, now: f64, value: &[u8]) {
        assert_eq!(self.begin(key, now), LOAD);
        let flight = self.flight();
        assert_eq!(self.came(flight, now, value), DONE);
    }

    pub fn peek(&mut self, key: &str, now: f64) -> Option<Vec<u8>> {
        let bytes = self.key(key.as_bytes());
        (self.core.peek(0, bytes, now) == HIT).then(|| self.value())
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

/// Asks `fetcher` through a `FetchPeer`: what comes, as JSON, with bytes as text.
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
    let list =
        match peer.get(PeerRequest { peer: origin, group: "g", key, timeout_ms, max_value_bytes }).await {
            Ok(PeerAnswer::Value { value, fresh_ms }) => {
                Array::of3(&0.into(), &text(value).into(), &fresh_ms.map_or(-1.0, |ms| ms as f64).into())
            }
            Ok(PeerAnswer::NotFound) => Array::of1(&1.into()),
            Ok(PeerAnswer::LoadFailed { code, message }) => {
                Array::of3(&2.into(), &message.into(), &code.as_str().into())
            }
            Ok(PeerAnswer::NotTransferable { why }) => Array::of2(&4.into(), &why.into()),
            Err(error) => Array::of2(&3.into(), &error.message().into()),
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
