//! The `PeerGetter` over `fetch`, for Rust programs in a Worker or a page (feature `fetch`).
//!
//! Its signal ends the request and the reading of the body alike when the peer timeout is over; who awaits it races it
//! with a timer of its own all the same, as [`driver`](crate::driver) does: a future inside of a cancelled request is
//! never dropped, and nobody may wait for one. The npm package, whose flights are awaited in TypeScript anyway, fetches
//! there instead ([`ask`](super::ask)), with the same [`Exchange`] saying what is sent and what came: the futures, the
//! closures and the glue of this file were 4.4 KB of 40 of its gzipped wasm, and futures leaked with each cancelled request.

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
    /// A service binding, a Durable Object's stub, the global scope: anything with `fetch`.
    pub type Fetcher;

    #[wasm_bindgen(method, structural, catch, js_name = fetch)]
    fn fetch(this: &Fetcher, url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;

    /// The body of whatever a fetcher gave, or its reader. It need not be a stream at all, and what throws uncaught
    /// inside of a future ends the process: so every look at it is caught.
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
    /// How peers are spoken with.
    pub exchange: Exchange,
    /// What leads to the peers: the global scope, or whatever has a `fetch` that finds them by their URLs.
    pub fetcher: Fetcher,
}

impl PeerGetter for FetchPeer {
    async fn get(&self, ask: PeerRequest<'_>) -> Result<PeerAnswer, Error> {
        let Some(asking) = self.exchange.request(ask.group, ask.key, now()) else {
            return Ok(PeerAnswer::NotTransferable { why: "no URL can carry the key" });
        };
        let init = RequestInit::new();
        init.set_method(asking.method);
        // A redirect is followed to another key's value: it counts as a failure instead.
        init.set_redirect(RequestRedirect::Manual);
        let timeout_ms = u32::try_from(ask.timeout_ms).unwrap_or(u32::MAX);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(timeout_ms)));
        let headers = Object::new();
        // Setting a property of a plain object of our own cannot fail.
        let _ = Reflect::set(&headers, &AUTH_HEADER.into(), &asking.auth.as_str().into());
        init.set_headers(&headers);
        let url = [ask.peer.trim_end_matches('/'), &asking.path].concat();
        let response = settled(self.fetcher.fetch(&url, &init)).await;
        let response = response.map_err(|thrown| failed("the peer could not be reached", Some(&thrown)))?;
        let body = field(&response, "body")
            .map_err(|thrown| failed("the peer's fetch gave no response", Some(&thrown)))?;
        let most = ask.max_value_bytes.saturating_add(self.exchange.wire.framing_bytes());
        let body = read(body, most).await?;
        let status = field(&response, "status").ok().and_then(|status| status.as_f64()).unwrap_or(0.0);
        let headers: Headers = field(&response, "headers").unwrap_or_default().unchecked_into();
        let header = |name: &str| headers.get(name).ok().flatten();
        self.exchange.read_response(&asking, status as u16, &header, body, now())
    }
}

fn now() -> Millis {
    js_sys::Date::now() as Millis
}

/// Waits for a promise, or for what should have been one.
async fn settled(promise: Result<JsValue, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&promise?)).await
}

fn field(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(of, &name.into())
}

/// The body, up to `most` bytes; a peer that sends more is cut off. (Our own say so instead: `Reply::NotTransferable`.)
async fn read(stream: JsValue, most: usize) -> Result<Vec<u8>, Error> {
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
        let (had, more) = (body.len(), bytes.length() as usize);
        if more > most.saturating_sub(had) || body.try_reserve(more).is_err() {
            // Nobody waits for the peer to take note; but a promise that rejects unheard ends the process too.
            drop(reader.cancel().map(|noted| JsFuture::from(Promise::resolve(&noted))));
            return Err(failed("the peer's answer is larger than maxEntryBytes", None));
        }
        body.resize(had + more, 0);
        if let Some(room) = body.get_mut(had..) {
            bytes.copy_to(room);
        }
    }
}

fn failed(what: &str, thrown: Option<&JsValue>) -> Error {
    let said = thrown.and_then(|thrown| Reflect::get(thrown, &"message".into()).ok());
    match said.and_then(|said| said.as_string()) {
        Some(said) => Error::new(Code::Peer, [what, ": ", &said].concat()),
        None => Error::new(Code::Peer, what),
    }
}
