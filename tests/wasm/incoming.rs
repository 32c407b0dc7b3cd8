//! Peers' requests through the bindings: how each is read, and the response to each outcome.

use geecache_edge::protocol::{Outcome, SOURCES, Source, code_number};
use geecache_edge::{Code, protocol};
use js_sys::Array;
use wasm_bindgen_test::wasm_bindgen_test;

use wasm_bindgen::JsValue;

use super::support::{Shell, group_options, js, json, thrown};

const NOW: f64 = 1_700_000_000_000.0;

fn shell() -> Shell {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 8_192 }");
    shell
        .core
        .add_group("группа /".trim_end_matches('/'), &group_options("{ maxBytes: 8_192 }"))
        .expect("sound options");
    shell
}

fn read(shell: &mut Shell, method: &str, path: &str) -> Option<Array> {
    shell.core.read_request(method, path, None, NOW, &JsValue::UNDEFINED).expect("no secret is no option")
}

fn read_as_json(shell: &mut Shell, method: &str, path: &str) -> String {
    read(shell, method, path).map_or("undefined".to_owned(), |request| json(&request))
}

/// The body that belongs to the last head.
fn body(shell: &Shell) -> String {
    String::from_utf8(shell.value()).expect("a text")
}

#[wasm_bindgen_test]
fn request_is_read_as_group_key_signer_and_size_limit() {
    let mut shell = shell();
    for (method, path, request) in [
        ("GET", "/_geecache/g/k", r#"[0,"k",-1,132096]"#),
        ("HEAD", "/_geecache/g/k", r#"[0,"k",-1,132096]"#),
        ("GET", "/_geecache/%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0%20/k", r#"[1,"k",-1,132096]"#),
        ("GET", "/_geecache/%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0+/k", r#"[1,"k",-1,132096]"#),
        ("GET", "/_geecache/g/a+b%2Bc%20d", r#"[0,"a b+c d",-1,132096]"#),
        ("GET", "/_geecache/g/a/b%2fc", r#"[0,"a/b/c",-1,132096]"#),
        ("GET", "/_geecache/g//", r#"[0,"/",-1,132096]"#),
        ("GET", "/_geecache/g/..", r#"[0,"..",-1,132096]"#),
        ("GET", "/_geecache/g/%F0%9F%90%8E", r#"[0,"🐎",-1,132096]"#),
        ("GET", "/_geecache/g/%00", r#"[0,"\u0000",-1,132096]"#),
        ("GET", "/", "undefined"),
        ("GET", "", "undefined"),
        ("POST", "/x", "undefined"),
        ("GET", "/_geecache", "undefined"),
        ("GET", "/_GEECACHE/g/k", "undefined"),
        ("GET", "x/_geecache/g/k", "undefined"),
    ] {
        assert_eq!(read_as_json(&mut shell, method, path), request, "{method} {path}");
    }
}

#[wasm_bindgen_test]
fn invalid_request_is_refused_with_a_reason() {
    let mut shell = shell();
    let long = ["/_geecache/g/", &"x".repeat(65_536)].concat();
    for (method, path, status, said) in [
        ("GET", "/_geecache/", 400, "has no key"),
        ("GET", "/_geecache/g", 400, "has no key"),
        ("GET", "/_geecache/g/", 400, "empty"),
        ("GET", "/_geecache/g/%zz", 400, "escape"),
        ("GET", "/_geecache/g/%", 400, "escape"),
        ("GET", "/_geecache/%ff/k", 400, "escape"),
        ("GET", "/_geecache/g/%ff", 400, "UTF-8"),
        ("GET", &long, 400, "65535"),
        ("GET", "/_geecache/nobody/k", 404, "no group \"nobody\""),
        ("GET", "/_geecache//k", 404, "no group \"\""),
        ("POST", "/_geecache/g/k", 405, "GET or HEAD"),
        ("get", "/_geecache/g/k", 405, "GET or HEAD"),
        ("", "/_geecache/g/k", 405, "GET or HEAD"),
    ] {
        let head = read(&mut shell, method, path).expect("a peer's path");
        assert_eq!(head.get(0).as_f64(), Some(f64::from(status)), "{method} {path:.40}");
        assert!(body(&shell).contains(said), "{method} {path:.40}");
        assert!(json(&head.get(1)).contains(r#"["cache-control","no-store"]"#));
        assert_eq!(json(&head.get(1)).contains(r#"["allow","GET, HEAD"]"#), status == 405);
        assert!(!json(&head.get(1)).contains("geecache-outcome"));
    }
}

#[wasm_bindgen_test]
fn each_outcome_has_its_status_headers_and_body() {
    let mut shell = shell();
    let mut answer = |outcome: Outcome, fresh_ms: f64, detail: u32, message: &str| {
        assert!(shell.stage(b"630"));
        let head = respond(&mut shell, outcome as u32, fresh_ms, detail, message).expect("known numbers");
        let head = json(&head);
        // The auth header has tests of its own.
        let (head, rest) =
            head.split_once(&format!(r#",["{}",""#, protocol::REQUEST_HEADER)).expect("an auth header");
        let (auth, status) = rest.split_once('"').expect("its end");
        assert_eq!(auth.len(), 16, "{auth}");
        let is_hit = outcome == Outcome::Value;
        assert_eq!(status.contains(r#"["cache-status","geecache-edge; hit"#), is_hit, "{status}");
        (format!("{head}]]"), body(&shell))
    };
    let bytes = r#"["cache-control","no-store"],["content-type","application/octet-stream"]"#;
    let value = |headers: &str| (format!("[200,[{bytes}{headers}]]"), "630".to_owned());
    let memory = Source::Memory as u32;
    assert_eq!(answer(Outcome::Value, -1.0, memory, ""), value(""));
    assert_eq!(answer(Outcome::Value, 0.0, memory, ""), value(r#",["geecache-fresh-ms","0"]"#));
    assert_eq!(answer(Outcome::Value, 1500.9, memory, ""), value(r#",["geecache-fresh-ms","1500"]"#));
    assert_eq!(answer(Outcome::Value, f64::NAN, memory, ""), value(""));
    let text = r#"["cache-control","no-store"],["content-type","text/plain; charset=utf-8"]"#;
    let failed = |status: u16, outcome: &str, message: &str| {
        (format!(r#"[{status},[{text},["geecache-outcome","{outcome}"]]]"#), message.to_owned())
    };
    assert_eq!(answer(Outcome::NotFound, -1.0, 0, ""), failed(404, "not-found", "the key does not exist"));
    assert_eq!(
        answer(Outcome::NotTransferable, -1.0, 0, ""),
        failed(500, "not-transferable", "the value is larger than maxEntryBytes")
    );
    let number = |code| code_number(code).expect("a code of the package");
    for (code, sent) in [
        (Code::Timeout, "ERR_TIMEOUT"),
        (Code::LoadType, "ERR_LOAD_TYPE"),
        (Code::Load, "ERR_LOAD"),
        (Code::Key, "ERR_LOAD"),
    ] {
        let failure = answer(Outcome::LoadFailed, -1.0, number(code), "away: žluť");
        assert_eq!(failure, failed(500, sent, "away: žluť"));
    }
    let broken = answer(Outcome::PeerFailed, -1.0, 0, "a trap");
    assert_eq!(broken, (format!("[500,[{text}]]"), "a trap".to_owned()));
}

fn respond(
    shell: &mut Shell,
    outcome: u32,
    fresh_ms: f64,
    detail: u32,
    message: &str,
) -> Result<Array, JsValue> {
    let (bytes, none) = (shell.key(b"k"), JsValue::UNDEFINED);
    let message = message.to_owned();
    shell.core.respond(0, bytes, None, -1, NOW, &none, outcome, fresh_ms, detail, message)
}

#[wasm_bindgen_test]
fn unknown_outcome_source_and_code_are_refused() {
    let mut shell = shell();
    for (outcome, detail) in [
        (5, 0),
        (u32::MAX, 0),
        (Outcome::Value as u32, SOURCES.len() as u32),
        (Outcome::LoadFailed as u32, protocol::ERROR_CODES.len() as u32),
    ] {
        let (code, _) = thrown(respond(&mut shell, outcome, -1.0, detail, ""));
        assert_eq!(code, "ERR_OPTION", "{outcome} {detail}");
    }
}

#[wasm_bindgen_test]
fn invalid_secret_is_refused() {
    let mut shell = shell();
    for secret in ["null", "''", "[]", "['a', '']", "7", "[7]", "{}", "true"] {
        let secret = js(secret);
        let (code, message) = thrown(shell.core.read_request("GET", "/_geecache/g/k", None, NOW, &secret));
        assert_eq!(code, "ERR_OPTION");
        assert!(message.contains("option secret"), "{message}");
    }
}
