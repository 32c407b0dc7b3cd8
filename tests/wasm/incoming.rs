//! Answering peers through the bindings: what a request asks, and the head of each answer.

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

fn question(shell: &mut Shell, method: &str, path: &str) -> Option<Array> {
    shell.core.question(method, path, None, NOW, &JsValue::UNDEFINED).expect("no secret is no option")
}

fn asked(shell: &mut Shell, method: &str, path: &str) -> String {
    question(shell, method, path).map_or("undefined".to_owned(), |question| json(&question))
}

/// The body that goes with the last head.
fn body(shell: &Shell) -> String {
    String::from_utf8(shell.value()).expect("a text")
}

#[wasm_bindgen_test]
fn a_question_is_its_group_its_key_and_its_signer() {
    let mut shell = shell();
    for (method, path, question) in [
        ("GET", "/_geecache/g/k", r#"[0,"k",-1]"#),
        ("HEAD", "/_geecache/g/k", r#"[0,"k",-1]"#),
        ("GET", "/_geecache/%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0%20/k", r#"[1,"k",-1]"#),
        ("GET", "/_geecache/%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0+/k", r#"[1,"k",-1]"#),
        ("GET", "/_geecache/g/a+b%2Bc%20d", r#"[0,"a b+c d",-1]"#),
        ("GET", "/_geecache/g/a/b%2fc", r#"[0,"a/b/c",-1]"#),
        ("GET", "/_geecache/g//", r#"[0,"/",-1]"#),
        ("GET", "/_geecache/g/..", r#"[0,"..",-1]"#),
        ("GET", "/_geecache/g/%F0%9F%90%8E", r#"[0,"🐎",-1]"#),
        ("GET", "/_geecache/g/%00", r#"[0,"\u0000",-1]"#),
        ("GET", "/", "undefined"),
        ("GET", "", "undefined"),
        ("POST", "/x", "undefined"),
        ("GET", "/_geecache", "undefined"),
        ("GET", "/_GEECACHE/g/k", "undefined"),
        ("GET", "x/_geecache/g/k", "undefined"),
    ] {
        assert_eq!(asked(&mut shell, method, path), question, "{method} {path}");
    }
}

#[wasm_bindgen_test]
fn a_question_that_makes_no_sense_is_the_head_of_its_refusal() {
    let mut shell = shell();
    let long = ["/_geecache/g/", &"x".repeat(65_536)].concat();
    for (method, path, status, said) in [
        ("GET", "/_geecache/", 400, "lacks a key"),
        ("GET", "/_geecache/g", 400, "lacks a key"),
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
        let head = question(&mut shell, method, path).expect("a peer's path");
        assert_eq!(head.get(0).as_f64(), Some(f64::from(status)), "{method} {path:.40}");
        assert!(body(&shell).contains(said), "{method} {path:.40}");
        assert!(json(&head.get(1)).contains(r#"["cache-control","no-store"]"#));
        assert_eq!(json(&head.get(1)).contains(r#"["allow","GET, HEAD"]"#), status == 405);
        assert!(!json(&head.get(1)).contains("geecache-outcome"));
    }
}

#[wasm_bindgen_test]
fn answers_are_heads_and_bodies() {
    let mut shell = shell();
    let mut answer = |reply: u32, fresh_ms: f64, code: &str, said: &str| {
        assert!(shell.hand(b"630"));
        let bytes = shell.key(b"k");
        let none = &JsValue::UNDEFINED;
        let head = shell.core.answer(0, bytes, None, -1, NOW, none, reply, fresh_ms, code, said.to_owned());
        let head = json(&head.expect("no secret is no option"));
        // What it says of our ring and sums up has tests of its own.
        let (head, behind) = head.split_once(r#",["geecache-seal",""#).expect("a seal");
        let (seal, status) = behind.split_once('"').expect("its end");
        assert_eq!(seal.len(), 16, "{seal}");
        assert_eq!(status.contains(r#"["cache-status","geecache-edge; hit"#), reply == 0, "{status}");
        (format!("{head}]]"), body(&shell))
    };
    let bytes = r#"["cache-control","no-store"],["content-type","application/octet-stream"]"#;
    let value = |headers: &str| (format!("[200,[{bytes}{headers}]]"), "630".to_owned());
    assert_eq!(answer(0, -1.0, "memory", ""), value(""));
    assert_eq!(answer(0, 0.0, "memory", ""), value(r#",["geecache-fresh-ms","0"]"#));
    assert_eq!(answer(0, 1500.9, "memory", ""), value(r#",["geecache-fresh-ms","1500"]"#));
    assert_eq!(answer(0, f64::NAN, "memory", ""), value(""));
    let text = r#"["cache-control","no-store"],["content-type","text/plain; charset=utf-8"]"#;
    let failed = |status: u16, outcome: &str, said: &str| {
        (format!(r#"[{status},[{text},["geecache-outcome","{outcome}"]]]"#), said.to_owned())
    };
    assert_eq!(answer(1, -1.0, "", ""), failed(404, "absent", "there is no such key"));
    assert_eq!(answer(2, -1.0, "", ""), failed(500, "unfit", "the value is larger than maxEntryBytes"));
    assert_eq!(answer(3, -1.0, "ERR_TIMEOUT", "away: žluť"), failed(500, "ERR_TIMEOUT", "away: žluť"));
    assert_eq!(answer(3, -1.0, "ERR_WHATEVER", "away"), failed(500, "ERR_LOAD", "away"));
    for broken in [4, u32::MAX] {
        assert_eq!(answer(broken, -1.0, "", "a trap"), (format!("[500,[{text}]]"), "a trap".to_owned()));
    }
}

#[wasm_bindgen_test]
fn a_secret_that_is_none_is_refused() {
    let mut shell = shell();
    for secret in ["null", "''", "[]", "['a', '']", "7", "[7]", "{}", "true"] {
        let secret = js(secret);
        let (code, message) = thrown(shell.core.question("GET", "/_geecache/g/k", None, NOW, &secret));
        assert_eq!(code, "ERR_OPTION");
        assert!(message.contains("option secret"), "{message}");
    }
}
