//! Requests to peers through the bindings: the request to send, and the step that follows each response.

use geecache_edge::Code;
use geecache_edge::protocol::{Outcome, RESPONSE_HEADERS, Slot, Staged, Step, code_of};
use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Shell, js, step};

const NOW: f64 = 1_700_000_000_000.0;
const GROUP: &str = "{ maxBytes: 8_192, maxEntryBytes: 100, failover: 0 }";

/// A node whose every key is a peer's.
fn shell() -> Shell {
    Shell::with_group("{ peers: ['b'] }", GROUP)
}

/// Leads a flight for the key. Returns the flight.
fn lead(shell: &mut Shell, key: &[u8]) -> f64 {
    let bytes = shell.key(key);
    assert_eq!(shell.begin_bytes(0, bytes, NOW, false), Step::Ask);
    shell.flight()
}

/// The request for a flight's key; `None` if no URL can carry it.
fn request(shell: &Shell, flight: f64, secrets: &JsValue) -> Option<Array> {
    shell.core.request(0, flight, 0, NOW, secrets).expect("valid secrets")
}

fn auth_of(request: &Array) -> String {
    request.get(1).as_string().expect("an auth header")
}

/// Takes a response to the flight's next step.
fn answer(shell: &mut Shell, flight: f64, attempt: u32, (status, headers, body): (u16, &str, &[u8])) -> Step {
    let auth = auth_of(&Array::of2(&"".into(), &"0".repeat(26).into()));
    answer_with_key(shell, (flight, attempt, 0), auth, (status, headers, body))
}

fn answer_with_key(
    shell: &mut Shell,
    (flight, attempt, key_bytes): (f64, u32, usize),
    auth: String,
    (status, headers, body): (u16, &str, &[u8]),
) -> Step {
    assert!(shell.stage_for(Staged::Response, body), "room for the body");
    let names = RESPONSE_HEADERS.map(|name| format!("'{name}'")).join(", ");
    let values =
        js(&format!("((headers) => [{names}].map((name) => headers.get(name)))(new Headers({{{headers}}}))"));
    let (values, none): (Array, _) = (values.unchecked_into(), JsValue::UNDEFINED);
    step(shell.core.peer_answered(0, flight, attempt, key_bytes, auth, &none, status, &values, NOW))
}

fn outcome(shell: &Shell) -> Outcome {
    Outcome::try_from(shell.slot(Slot::Outcome) as u32).expect("an outcome")
}

#[wasm_bindgen_test]
fn request_has_path_auth_and_the_size_limit_of_its_response() {
    let mut shell = shell();
    let flight = lead(&mut shell, "a b/ž%+".as_bytes());
    assert_eq!(shell.peer(), "b");
    let asked = request(&shell, flight, &JsValue::UNDEFINED).expect("a request");
    assert_eq!(asked.get(0).as_string().as_deref(), Some("/_geecache/g/a%20b%2F%C5%BE%25%2B"));
    assert_eq!(auth_of(&asked).len(), 26, "ring, time and hop");
    assert_eq!(asked.get(2).as_f64(), Some(100.0));
    let flight = lead(&mut shell, b"k");
    let signed = request(&shell, flight, &js("['new', 'old']")).expect("a request");
    assert_eq!(auth_of(&signed).len(), 26 + 64);
    for key in [&b"."[..], b"..", &[b'x'; 7_000]] {
        let flight = lead(&mut shell, key);
        assert!(request(&shell, flight, &JsValue::UNDEFINED).is_none(), "no URL can carry it");
    }
    let unknown = |group, flight, bytes| shell.core.request(group, flight, bytes, NOW, &JsValue::UNDEFINED);
    assert!(unknown(9, flight, 0).is_err(), "no such group");
    assert!(unknown(0, 99.0, 0).is_err(), "no such flight");
    let bytes = shell.key(b"k2");
    let written = unknown(0, 0.0, bytes).expect("valid secrets").expect("a request");
    assert_eq!(written.get(0).as_string().as_deref(), Some("/_geecache/g/k2"), "the key that is written");
}

#[wasm_bindgen_test]
fn value_is_cached_shown_and_ends_the_flight() {
    let mut shell = shell();
    let max_entry = "x".repeat(100);
    for (key, headers, body, fresh_ms) in [
        ("a", "", &b"v"[..], -1.0),
        ("b", "'geecache-fresh-ms': '1500'", b"", 1500.0),
        ("c", "", max_entry.as_bytes(), -1.0),
    ] {
        let flight = lead(&mut shell, key.as_bytes());
        assert_eq!(answer(&mut shell, flight, 1, (200, headers, body)), Step::Done);
        assert_eq!(
            (outcome(&shell), shell.value(), shell.fresh_ms()),
            (Outcome::Value, body.to_vec(), fresh_ms)
        );
        assert!(!shell.core.is_in_flight(0, flight));
        assert_eq!(shell.peek(key, NOW).as_deref(), Some(body), "cached");
    }
}

#[wasm_bindgen_test]
fn not_found_and_a_failed_load_end_the_flight() {
    let mut shell = shell();
    let flight = lead(&mut shell, b"k");
    assert_eq!(answer(&mut shell, flight, 1, (404, "'geecache-outcome': 'not-found'", b"x")), Step::Done);
    assert_eq!(outcome(&shell), Outcome::NotFound);
    let flight = lead(&mut shell, b"k");
    let failure = (500, "'geecache-outcome': 'ERR_LOAD_TYPE'", &b"away"[..]);
    assert_eq!(answer(&mut shell, flight, 1, failure), Step::Done);
    assert_eq!((outcome(&shell), shell.message()), (Outcome::LoadFailed, "away".to_owned()));
    assert_eq!(code_of(shell.slot(Slot::Code) as u32).ok(), Some(Code::LoadType));
}

#[wasm_bindgen_test]
fn peer_failure_leads_to_the_own_loader() {
    for (status, headers, kind, message) in [
        (
            500,
            "'geecache-outcome': 'not-transferable'",
            Outcome::NotTransferable,
            "the value is larger than the peer",
        ),
        (404, "", Outcome::PeerFailed, "status 404"),
        (301, "location: '/x'", Outcome::PeerFailed, "status 301"),
        (200, "'geecache-auth': '0000000000000000'", Outcome::PeerFailed, "truncated, altered"),
    ] {
        let mut shell = shell();
        let flight = lead(&mut shell, b"k");
        assert_eq!(answer(&mut shell, flight, 1, (status, headers, b"v")), Step::Load);
        assert_eq!((outcome(&shell), shell.attempt()), (kind, 2), "{status}");
        assert!(shell.message().contains(message), "{}", shell.message());
        assert_eq!(shell.peek("k", NOW), None);
    }
}

#[wasm_bindgen_test]
fn peer_failure_leads_to_the_next_peer_with_its_name() {
    let mut shell = Shell::with_group("{ peers: ['first', 'the second'] }", "{ maxBytes: 8_192 }");
    let flight = lead(&mut shell, b"k");
    let owner = shell.peer();
    assert_eq!(answer(&mut shell, flight, 1, (503, "", b"")), Step::Ask);
    let names = std::collections::BTreeSet::from([owner, shell.peer()]);
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["first", "the second"]);
    assert!(shell.message().contains("status 503"));
}

#[wasm_bindgen_test]
fn failed_load_of_the_owner_returns_the_stale_copy() {
    let mut shell =
        Shell::with_group("{ peers: ['b'] }", "{ maxBytes: 8_192, staleIfErrorMs: 1_000, ttlMs: 1 }");
    let bytes = shell.key(b"k");
    assert!(shell.stage(b"old"));
    assert_eq!(shell.core.set(0, bytes, NOW - 10.0, true), Ok(true));
    let flight = lead(&mut shell, b"k");
    let failure = (500, "'geecache-outcome': 'ERR_LOAD'", &b"away"[..]);
    assert_eq!(answer(&mut shell, flight, 1, failure), Step::Stale);
    assert_eq!((outcome(&shell), shell.value()), (Outcome::LoadFailed, b"old".to_vec()));
}

#[wasm_bindgen_test]
fn late_response_is_superseded_and_changes_nothing() {
    let mut shell = shell();
    let flight = lead(&mut shell, b"k");
    assert_eq!(shell.complete_attempt(flight, 1, NOW, Outcome::PeerFailed), Step::Load);
    let before = shell.counts(0);
    for response in [(200, "", &b"late"[..]), (404, "'geecache-outcome': 'not-found'", b""), (500, "", b"")] {
        assert_eq!(answer(&mut shell, flight, 1, response), Step::Superseded);
    }
    assert_eq!((shell.counts(0), shell.peek("k", NOW)), (before, None));
    assert_eq!(shell.complete_attempt(flight, 2, NOW, Outcome::LoadFailed), Step::Done);
}

#[wasm_bindgen_test]
fn response_for_an_unknown_flight_is_a_retry_unless_its_key_is_written() {
    let mut shell = shell();
    assert_eq!(answer(&mut shell, 99.0, 1, (200, "", b"v")), Step::Retry);
    assert_eq!(outcome(&shell), Outcome::PeerFailed);
    assert_eq!(answer(&mut shell, f64::NAN, u32::MAX, (200, "", b"v")), Step::Retry);
    let bytes = shell.key(b"k");
    let auth = "0".repeat(26);
    assert_eq!(answer_with_key(&mut shell, (0.0, 1, bytes), auth, (200, "", b"v")), Step::Done);
    assert_eq!((outcome(&shell), shell.value()), (Outcome::Value, b"v".to_vec()));
    assert_eq!(shell.peek("k", NOW), None, "decoded and not cached");
}
