//! A `PeerGetter` over `fetch`, for Rust programs in a Worker or a page (feature `fetch`).
//!
//! The signal of a request ends it and the reading of its body when the peer timeout has passed. Callers still race it with
//! a timer of their own, as [`driver`](crate::driver) does: a future of a cancelled Worker request is never dropped or
//! resumed. The npm package fetches in TypeScript instead, because futures around `fetch` cost wasm size and leak with each
//! cancelled request.

use js_sys::{Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect};

use crate::base::error::{Code, Error};
use crate::base::time::Millis;
use crate::peer::{PeerAnswer, PeerGetter, PeerRequest};
use crate::wire::{AUTH_HEADER, Exchange};

#[wasm_bindgen]
extern "C" {
    /// Any object with `fetch`: a service binding, the stub of a Durable Object, the global scope.
    pub type Fetcher;

    #[wasm_bindgen(method, structural, catch, js_name = fetch)]
    fn fetch(this: &Fetcher, url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;

    /// The body of a response, or its reader. A fetcher may return any object, and an uncaught error inside a future ends
    /// the process: so each call catches.
    type Body;

    #[wasm_bindgen(method, structural, catch, js_name = getReader)]
    fn get_reader(this: &Body) -> Result<Body, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn read(this: &Body) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn cancel(this: &Body) -> Result<JsValue, JsValue>;
}

/// Asks peers over a [`Fetcher`].
pub struct FetchPeer {
    /// Writes requests and reads responses.
    pub exchange: Exchange,
    /// Finds peers by their URLs.
    pub fetcher: Fetcher,
}

impl PeerGetter for FetchPeer {
    async fn get(&self, ask: PeerRequest<'_>) -> Result<PeerAnswer, Error> {
        let Some(request) = self.exchange.request(ask.group, ask.key, now()) else {
            return Ok(PeerAnswer::NotTransferable { why: "no URL can carry the key" });
        };
        let init = RequestInit::new();
        init.set_method(request.method);
        // A redirect would lead to another key's value: it counts as a failure instead.
        init.set_redirect(RequestRedirect::Manual);
        let timeout_ms = u32::try_from(ask.timeout_ms).unwrap_or(u32::MAX);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(timeout_ms)));
        let headers = Object::new();
        // Setting a property of a plain object of our own cannot fail.
        let _ = Reflect::set(&headers, &AUTH_HEADER.into(), &request.auth.as_str().into());
        init.set_headers(&headers);
        let url = [ask.peer.trim_end_matches('/'), &request.path].concat();
        let response = settled(self.fetcher.fetch(&url, &init)).await;
        let response = response.map_err(|thrown| failed("the peer could not be reached", Some(&thrown)))?;
        let body = field(&response, "body")
            .map_err(|thrown| failed("the peer's fetch gave no response", Some(&thrown)))?;
        let max_bytes = ask.max_value_bytes.saturating_add(self.exchange.wire.framing_bytes());
        let body = read(body, max_bytes).await?;
        let status = field(&response, "status").ok().and_then(|status| status.as_f64()).unwrap_or(0.0);
        let headers: Headers = field(&response, "headers").unwrap_or_default().unchecked_into();
        let header = |name: &str| headers.get(name).ok().flatten();
        self.exchange.read_response(&request, status as u16, &header, body, now())
    }
}

fn now() -> Millis {
    js_sys::Date::now() as Millis
}

/// Awaits a promise, or any other value as it is.
async fn settled(promise: Result<JsValue, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&promise?)).await
}

fn field(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(of, &name.into())
}

/// Reads a body of at most `max_bytes`; a longer one is cut off.
async fn read(stream: JsValue, max_bytes: usize) -> Result<Vec<u8>, Error> {
    let mut body: Vec<u8> = Vec::new();
    if stream.is_null() {
        return Ok(body);
    }
    let broke_off = |thrown: JsValue| failed("the peer's answer broke off", Some(&thrown));
    let reader = stream.unchecked_into::<Body>().get_reader().map_err(broke_off)?;
    loop {
        let chunk = settled(reader.read()).await.map_err(broke_off)?;
        if field(&chunk, "done").is_ok_and(|done| done.is_truthy()) {
            return Ok(body);
        }
        let bytes = field(&chunk, "value").and_then(JsValue::dyn_into::<Uint8Array>).map_err(broke_off)?;
        let (read, more) = (body.len(), bytes.length() as usize);
        if more > max_bytes.saturating_sub(read) || body.try_reserve(more).is_err() {
            // Nobody waits for the peer to notice, but an unhandled rejection would end the process.
            drop(reader.cancel().map(|cancelled| JsFuture::from(Promise::resolve(&cancelled))));
            return Err(failed("the peer's answer is larger than maxEntryBytes", None));
        }
        body.resize(read + more, 0);
        if let Some(room) = body.get_mut(read..) {
            bytes.copy_to(room);
        }
    }
}

fn failed(message: &str, thrown: Option<&JsValue>) -> Error {
    let cause = thrown.and_then(|thrown| Reflect::get(thrown, &"message".into()).ok());
    match cause.and_then(|cause| cause.as_string()) {
        Some(cause) => Error::new(Code::Peer, [message, ": ", &cause].concat()),
        None => Error::new(Code::Peer, message),
    }
}
