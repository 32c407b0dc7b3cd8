//! `FetchPeer` over real HTTP on loopback, with the runtime's own fetch.

use js_sys::Function;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{asked, field, js, json, settled};

/// The peer of loopback.js.
struct Peer(JsValue);

impl Peer {
    async fn start() -> Peer {
        let listens = Function::new_no_args(include_str!("loopback.js")).call0(&JsValue::NULL);
        Peer(settled(listens.expect("it starts")).await.expect("it listens"))
    }

    fn url(&self) -> String {
        field(&self.0, "url").as_string().expect("a URL")
    }

    /// Asks for a key. Returns the result as JSON.
    async fn came(&self, key: &str, timeout_ms: f64) -> String {
        let fetcher = js("({ fetch: (url, init) => fetch(url, init) })");
        asked(&fetcher, &self.url(), key.as_bytes(), timeout_ms, 10_000).await
    }

    async fn failed(&self, key: &str, timeout_ms: f64, said: &str) {
        let came = self.came(key, timeout_ms).await;
        assert!(
            came.starts_with(r#"["peerFailed",""#) && came.contains(said),
            "{key}: expected {said:?}, got {came}"
        );
    }

    async fn call(&self, method: &str, argument: &str) {
        let method: Function = field(&self.0, method).unchecked_into();
        let promise = method.call1(&self.0, &argument.into()).expect("a method");
        settled(promise).await.expect("it settles");
    }

    async fn close(self) {
        self.call("close", "").await;
    }
}

/// For tests in which no timeout may decide the result.
const PATIENT_MS: f64 = 60_000.0;

#[wasm_bindgen_test]
async fn owner_answers_with_values_and_failures() {
    let peer = Peer::start().await;
    for (key, expected) in [
        ("value", r#"["value","value",-1]"#),
        ("fresh", r#"["value","fresh",1500]"#),
        ("empty", r#"["value","",-1]"#),
        ("pieces", r#"["value","abc",-1]"#),
        ("zipped", r#"["value","unzipped",-1]"#),
        ("absent", r#"["notFound"]"#),
        ("failed", r#"["loadFailed","the database is away","ERR_LOAD"]"#),
    ] {
        assert_eq!(peer.came(key, PATIENT_MS).await, expected, "{key}");
    }
    let asked = json(&field(&peer.0, "asked"));
    assert!(asked.starts_with(r#"["GET /_geecache/g/value","GET /_geecache/g/fresh""#), "{asked}");
    peer.close().await;
}

#[wasm_bindgen_test]
async fn unusable_responses_are_failures() {
    let peer = Peer::start().await;
    peer.failed("lost", PATIENT_MS, "status 404").await;
    peer.failed("broken", PATIENT_MS, "status 500").await;
    peer.failed("mute", PATIENT_MS, "could not be reached").await;
    peer.failed("reset", PATIENT_MS, "broke off").await;
    peer.close().await;
}

#[wasm_bindgen_test]
async fn redirect_is_not_followed() {
    let peer = Peer::start().await;
    peer.failed("moved", PATIENT_MS, "status 301").await;
    peer.failed("elsewhere", PATIENT_MS, "status 307").await;
    assert_eq!(json(&field(&peer.0, "asked")), r#"["GET /_geecache/g/moved","GET /_geecache/g/elsewhere"]"#);
    peer.close().await;
}

#[wasm_bindgen_test]
async fn endless_body_is_cut_at_max_entry_bytes() {
    let peer = Peer::start().await;
    peer.failed("endless", PATIENT_MS, "larger than maxEntryBytes").await;
    peer.call("hasClosed", "endless").await;
    peer.close().await;
}

#[wasm_bindgen_test]
async fn timeout_covers_head_and_body() {
    let peer = Peer::start().await;
    peer.failed("silent", 30.0, "could not be reached").await;
    peer.call("hasClosed", "silent").await;
    peer.failed("dripping", 60.0, "broke off").await;
    peer.call("hasClosed", "dripping").await;
    peer.close().await;
}

#[wasm_bindgen_test]
async fn closed_peer_is_a_failure() {
    let peer = Peer::start().await;
    let gone = Peer(peer.0.clone());
    peer.close().await;
    gone.failed("value", PATIENT_MS, "could not be reached").await;
}
