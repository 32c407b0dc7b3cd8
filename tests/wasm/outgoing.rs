//! OutgoingRequest peers through the bindings: what is to be sent, and what becomes of what came.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Headers;

use super::support::{Shell, js, json};

const NOW: f64 = 1_700_000_000_000.0;

fn shell() -> Shell {
    Shell::with_group("{}", "{ maxBytes: 8_192, maxEntryBytes: 100 }")
}

fn question(shell: &Shell, group: u32, key: &[u8], secrets: &JsValue) -> Option<Array> {
    let bytes = shell.key(key);
    shell.core.ask(group, bytes, NOW, secrets).expect("sound secrets")
}

/// What an answer comes to, and the value that goes with it.
fn heard(shell: &mut Shell, seal: &str, status: u16, headers: &str, body: &[u8]) -> (String, Vec<u8>) {
    assert!(shell.hand(body), "room for the body");
    let headers: Headers = js(&format!("new Headers({{{headers}}})")).unchecked_into();
    let (bytes, none) = (shell.key(b"k"), JsValue::UNDEFINED);
    let came = shell.core.heard(0, bytes, seal.to_owned(), NOW, &none, status, &headers).expect("no secret");
    let value = if came.get(0) == 0 { shell.value() } else { Vec::new() };
    (json(&came), value)
}

#[wasm_bindgen_test]
fn what_is_asked_and_how_much_may_come() {
    let shell = shell();
    let asked = question(&shell, 0, "a b/ž%+".as_bytes(), &JsValue::UNDEFINED).expect("a question");
    assert_eq!(asked.get(0).as_string().as_deref(), Some("/_geecache/g/a%20b%2F%C5%BE%25%2B"));
    assert_eq!(asked.get(1).as_string().map(|seal| seal.len()), Some(26), "ring, time and hop");
    assert_eq!(asked.get(2).as_f64(), Some(100.0));
    let signed = question(&shell, 0, b"k", &js("['new', 'old']")).expect("a question");
    assert_eq!(signed.get(1).as_string().map(|seal| seal.len()), Some(26 + 64));
    for key in [&b"."[..], b"..", &[b'x'; 7_000]] {
        assert!(question(&shell, 0, key, &JsValue::UNDEFINED).is_none(), "no URL can carry it");
    }
    assert!(question(&shell, 9, b"k", &JsValue::UNDEFINED).is_none(), "no such group");
}

#[wasm_bindgen_test]
fn what_came_of_it() {
    let mut shell = shell();
    let seal = question(&shell, 0, b"k", &JsValue::UNDEFINED)
        .expect("a question")
        .get(1)
        .as_string()
        .expect("a seal");
    for (status, headers, body, expected) in [
        (200, "", &b"v"[..], "[0,-1,null]"),
        (200, "'geecache-fresh-ms': '1500'", b"", "[0,1500,null]"),
        (404, "'geecache-outcome': 'absent'", b"x", "[1,null,null]"),
        (500, "'geecache-outcome': 'ERR_LOAD_TYPE'", b"away", r#"[2,"away","ERR_LOAD_TYPE"]"#),
    ] {
        let (came, value) = heard(&mut shell, &seal, status, headers, body);
        assert_eq!(came, expected, "{status} {headers}");
        assert_eq!(value, if status == 200 { body } else { b"" });
    }
    let (came, _) = heard(&mut shell, &seal, 500, "'geecache-outcome': 'unfit'", b"");
    assert!(came.starts_with("[4,\"the peer holds"), "{came}");
    for (status, headers, said) in [
        (404, "", "status 404"),
        (301, "location: '/x'", "status 301"),
        (200, "'geecache-seal': '0000000000000000'", "cut short, altered"),
    ] {
        let (came, _) = heard(&mut shell, &seal, status, headers, b"v");
        assert!(came.starts_with("[3,") && came.contains(said), "{came}");
    }
    let max_entry = "x".repeat(100);
    assert_eq!(heard(&mut shell, &seal, 200, "", max_entry.as_bytes()).1, max_entry.as_bytes());
}
