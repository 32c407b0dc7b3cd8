//! Options on their way in: each one that makes no sense is refused by its name, with its code.

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{DONE, HIT, LOAD, Shell, group_options, made, thrown};

#[wasm_bindgen_test]
fn a_pool_refuses_each_option_by_its_name() {
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
fn undefined_and_null_leave_a_default() {
    for options in ["{}", "{ self: undefined, replicas: undefined, basePath: null }"] {
        let mut shell = Shell::new(options);
        assert_eq!(shell.core.owner(shell.key(b"k")), None);
        let question = shell.core.question("GET", "/_geecache/g/k", None, 0.0, &JsValue::UNDEFINED);
        assert!(question.is_ok_and(|question| question.is_some()));
    }
}

#[wasm_bindgen_test]
fn a_group_refuses_each_option_by_its_name() {
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
    assert_eq!(left, Ok(0), "none of them left a group");
}

#[wasm_bindgen_test]
fn group_names_have_codes_of_their_own() {
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
fn every_option_of_a_group_arrives() {
    let options = "{ maxBytes: 8_192, maxEntryBytes: 100, ttlMs: 10, staleWhileRevalidateMs: 5, staleIfErrorMs: 7, \
                   hotTtlMs: 3, deadlineMs: 900, peerTimeoutMs: 80, failover: 0 }";
    let mut shell = Shell::with_group("{}", options);
    assert_eq!(shell.stat("maxBytes"), 8_192.0);
    assert_eq!(shell.core.reserve(0, 101, false), 0);
    shell.load("k", 1_000.0, b"v");
    assert_eq!(shell.begin("k", 1_000.0), HIT);
    assert_eq!(shell.fresh_ms(), 10.0);
    assert_eq!(shell.begin("k", 1_014.0), super::support::STALE);
    assert_eq!(
        shell.core.told(0, shell.flight(), 1_014.0, super::support::CAME_LOAD_FAILED, -1.0),
        super::support::STALE
    );
    assert_eq!(shell.begin("k", 1_017.0), LOAD);
    assert_eq!(shell.timeout_ms(), 900.0);
    assert_eq!(shell.core.told(0, shell.flight(), 1_017.0, super::support::CAME_LOAD_FAILED, -1.0), DONE);
}

#[wasm_bindgen_test]
fn the_options_of_asking_arrive() {
    use super::support::{ASK, CAME_PEER_FAILED};
    let group = "{ maxBytes: 8_192, hotTtlMs: 3, deadlineMs: 900, peerTimeoutMs: 80, failover: 1 }";
    let mut shell = Shell::with_group("{ self: 'me', peers: ['b', 'c'], replicas: 3 }", group);
    assert_eq!(shell.begin("k", 0.0), ASK);
    assert_eq!(shell.timeout_ms(), 80.0);
    let flight = shell.flight();
    assert_eq!(shell.core.told(0, flight, 10.0, CAME_PEER_FAILED, -1.0), ASK, "failover to the other");
    assert_eq!(shell.core.told(0, flight, 20.0, CAME_PEER_FAILED, -1.0), LOAD);
    assert_eq!(shell.timeout_ms(), 880.0, "what is left of the deadline");
    assert_eq!(shell.came(flight, 20.0, b"v"), DONE);
    assert_eq!(shell.begin("other", 100.0), ASK);
    let flight = shell.flight();
    assert!(shell.hand(b"v"));
    assert_eq!(shell.core.told(0, flight, 100.0, 0, 50.0), DONE);
    assert_eq!(shell.begin("other", 102.0), HIT);
    assert_eq!(shell.fresh_ms(), 1.0, "hotTtlMs is shorter than what the owner said");
}
