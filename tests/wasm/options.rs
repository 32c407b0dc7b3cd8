//! Options through the bindings: invalid ones are refused by name, with their code.

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use geecache_edge::protocol::{Outcome, Staged, Step};

use super::support::{Shell, group_options, made, step, thrown};

#[wasm_bindgen_test]
fn invalid_pool_option_is_refused_by_name() {
    for (options, said) in [
        ("{ self: '' }", "option self is empty"),
        ("{ peers: 'a' }", "option peers must be an array"),
        ("{ peers: { 0: 'a', length: 1 } }", "option peers must be an array"),
        ("{ peers: ['a', undefined] }", "option peers must be an array"),
        ("{ peers: ['a', ''] }", "option peers holds an empty name"),
        ("{ peers: Array(10_001).fill('a') }", "option peers.length"),
        ("{ replicas: 0 }", "option replicas is 0"),
        ("{ replicas: 1_001 }", "option replicas is 1001"),
        ("{ replicas: 2 ** 33 }", "option replicas"),
        ("{ basePath: '' }", "option basePath"),
        ("{ basePath: '/' }", "option basePath"),
        ("{ basePath: 'x/' }", "option basePath"),
        ("{ basePath: '/x' }", "option basePath"),
        ("{ basePath: '/../' }", "option basePath"),
        ("{ basePath: '/ж/' }", "option basePath"),
    ] {
        let (code, message) = thrown(made(options));
        assert_eq!(code, "ERR_OPTION", "{options}");
        assert!(message.contains(said), "{options}: {message}");
    }
}

#[wasm_bindgen_test]
fn undefined_and_null_options_take_the_default() {
    for options in ["{}", "{ self: undefined, replicas: undefined, basePath: null }"] {
        let mut shell = Shell::new(options);
        assert_eq!(shell.core.owner(shell.key(b"k")), None);
        let request = shell.core.read_request("GET", "/_geecache/g/k", None, 0.0, &JsValue::UNDEFINED);
        assert!(request.is_ok_and(|request| request.is_some()));
    }
}

#[wasm_bindgen_test]
fn invalid_group_option_is_refused_by_name() {
    let mut shell = Shell::new("{}");
    for (options, said) in [
        ("{}", "option maxBytes is missing"),
        ("{ maxBytes: 8_191 }", "option maxBytes is 8191"),
        ("{ maxBytes: 2 ** 32 + 4_096 }", "option maxBytes is 4294967295"),
        ("{ maxBytes: 8_192, maxEntryBytes: 2 ** 32 + 7 }", "option maxEntryBytes is 4294967295"),
        ("{ maxBytes: 8_192, maxEntryBytes: 0 }", "option maxEntryBytes is 0"),
        ("{ maxBytes: 8_192, maxEntryBytes: 8_193 }", "option maxEntryBytes is 8193"),
        ("{ maxBytes: 8_192, ttlMs: 0 }", "option ttlMs is 0"),
        ("{ maxBytes: 8_192, deadlineMs: 0 }", "option deadlineMs is 0"),
        ("{ maxBytes: 8_192, deadlineMs: 2 ** 31 }", "option deadlineMs"),
        ("{ maxBytes: 8_192, peerTimeoutMs: 0 }", "option peerTimeoutMs is 0"),
        ("{ maxBytes: 8_192, failover: 17 }", "option failover is 17"),
        ("{ maxBytes: 8_192, failover: 2 ** 40 }", "option failover"),
        ("{ maxBytes: 8_192, policy: 'LRU' }", "option policy must be"),
        ("{ maxBytes: 2 * 2 ** 30 + 1 }", "option maxBytes is 2147483649"),
    ] {
        let (code, message) = thrown(shell.core.add_group("g", &group_options(options)));
        assert_eq!(code, "ERR_OPTION", "{options}");
        assert!(message.contains(said), "{options}: {message}");
    }
    let left = shell.core.add_group("g", &group_options("{ maxBytes: 8_192 }"));
    assert_eq!(left, Ok(0), "none of them made a group");
}

#[wasm_bindgen_test]
fn invalid_group_name_has_a_code_of_its_own() {
    let mut shell = Shell::new("{}");
    let long = "x".repeat(256);
    for name in ["", ".", "..", ".....", "/", "a/b", &long] {
        let (code, message) = thrown(shell.core.add_group(name, &group_options("{ maxBytes: 8_192 }")));
        assert_eq!(code, "ERR_GROUP", "{name}");
        assert!(message.contains("choose another") && message.len() < 200, "{message}");
    }
    for (number, name) in ["a", "a b", "группа", "..a", "%zz", "\0", &long[1..]].into_iter().enumerate()
    {
        assert_eq!(
            shell.core.add_group(name, &group_options("{ maxBytes: 8_192 }")),
            Ok(number as u32),
            "{name}"
        );
        let (code, _) = thrown(shell.core.add_group(name, &group_options("{ maxBytes: 8_192 }")));
        assert_eq!(code, "ERR_GROUP_EXISTS", "{name}");
    }
}

#[wasm_bindgen_test]
fn every_option_of_a_group_is_applied() {
    let options = "{ maxBytes: 8_192, maxEntryBytes: 100, ttlMs: 10, staleWhileRevalidateMs: 5, staleIfErrorMs: 7, \
                   hotTtlMs: 3, deadlineMs: 900, peerTimeoutMs: 80, failover: 0 }";
    let mut shell = Shell::with_group("{}", options);
    assert_eq!(shell.stat("maxBytes"), 8_192.0);
    assert_eq!(shell.core.stage(0, 101, Staged::Value as u32), 0);
    shell.load("k", 1_000.0, b"v");
    assert_eq!(shell.begin("k", 1_000.0), Step::Hit);
    assert_eq!(shell.fresh_ms(), 10.0);
    assert_eq!(shell.begin("k", 1_014.0), Step::Stale);
    assert_eq!(shell.complete(shell.flight(), 1_014.0, Outcome::LoadFailed), Step::Stale);
    assert_eq!(shell.begin("k", 1_017.0), Step::Load);
    assert_eq!(shell.timeout_ms(), 900.0);
    assert_eq!(shell.complete(shell.flight(), 1_017.0, Outcome::LoadFailed), Step::Done);
}

#[wasm_bindgen_test]
fn options_of_asking_are_applied() {
    let group = "{ maxBytes: 8_192, hotTtlMs: 3, deadlineMs: 900, peerTimeoutMs: 80, failover: 1 }";
    let mut shell = Shell::with_group("{ self: 'me', peers: ['b', 'c'], replicas: 3 }", group);
    assert_eq!(shell.begin("k", 0.0), Step::Ask);
    assert_eq!(shell.timeout_ms(), 80.0);
    let flight = shell.flight();
    assert_eq!(shell.complete(flight, 10.0, Outcome::PeerFailed), Step::Ask, "failover to the other");
    assert_eq!(shell.complete(flight, 20.0, Outcome::PeerFailed), Step::Load);
    assert_eq!(shell.timeout_ms(), 880.0, "the rest of the deadline");
    let attempt = shell.attempt();
    assert!(shell.stage(b"v"));
    let next = shell.core.complete_task(0, flight, attempt, 20.0, Outcome::Value as u32, true, -1.0);
    assert_eq!(step(next), Step::Done);
    assert_eq!(shell.begin("other", 100.0), Step::Ask);
    let flight = shell.flight();
    assert!(shell.stage(b"v"));
    let next = shell.core.complete_task(0, flight, 1, 100.0, Outcome::Value as u32, true, 50.0);
    assert_eq!(step(next), Step::Done);
    assert_eq!(shell.begin("other", 102.0), Step::Hit);
    assert_eq!(shell.fresh_ms(), 1.0, "hotTtlMs is shorter than the owner's freshness");
}

#[wasm_bindgen_test]
fn unknown_names_and_numbers_of_a_choice_are_refused() {
    let mut shell = Shell::new("{}");
    for odd in ["99", "-1", "0.5", "NaN", "'lru '", "true", "{}"] {
        let (code, message) = thrown(
            shell.core.add_group("g", &group_options(&format!("{{ maxBytes: 8_192, policy: {odd} }}"))),
        );
        assert_eq!(
            (code.as_str(), message.contains("option policy")),
            ("ERR_OPTION", true),
            "{odd}: {message}"
        );
        for option in ["wire", "ring"] {
            let (code, message) = thrown(made(&format!("{{ {option}: {odd} }}")));
            assert_eq!(code, "ERR_OPTION", "{odd}");
            assert!(message.contains(&["option ", option].concat()), "{odd}: {message}");
        }
    }
}
