//! The four wires against requests and responses recorded from Go's own programs: see tests/golden/README.md.

use crate::golden::{bytes_of, hex, key_of, list, text, wires};
use crate::support::for_seeds;
use geecache_edge::wire::{Groupcache, GroupcacheV3, OUTCOME_HEADER, Reply, Request, Wire, named};
use geecache_edge::{Code, GroupOptions, PeerAnswer, Pool, PoolOptions};
use serde_json::Value;

const NOW: u64 = 1_700_000_000_000;
const PROTOBUF: [&str; 3] = ["geecache-proto", "groupcache", "groupcache-v3"];

fn wire(name: &str) -> &'static dyn Wire {
    named(name).unwrap()
}

fn header(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
    move |wanted| (wanted == name).then(|| value.to_owned())
}

/// Decodes a 200 with this body; `None` for a failed peer.
fn value_in(name: &str, body: &[u8]) -> Option<Vec<u8>> {
    match wire(name).read_response(200, &|_| None, body.to_vec(), NOW) {
        Ok(PeerAnswer::Value { value, .. }) => Some(value),
        Err(error) if error.code() == Code::Peer => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn named_four_wires_have_their_base_paths() {
    let bases =
        ["geecache", "geecache-proto", "groupcache", "groupcache-v3"].map(|name| wire(name).base_path());
    assert_eq!(bases, ["/_geecache/", "/_geecache/", "/_groupcache/", "/_groupcache/"]);
    for name in ["", "Geecache", "groupcache-v2", "geecache "] {
        assert!(named(name).is_none(), "{name:?}");
    }
}

#[test]
fn protobuf_golden_messages_decode_as_in_go() {
    let golden = wires();
    assert_eq!(list(&golden["messages"]).len(), 29);
    for row in list(&golden["messages"]) {
        let expected = row["ok"].as_bool().unwrap().then(|| bytes_of(&row["value_hex"]));
        for name in PROTOBUF {
            assert_eq!(value_in(name, &bytes_of(&row["body_hex"])), expected, "{name}: {row}");
        }
    }
    // By the format's rules: fields inside of a group are the group's, and there is no field 0.
    assert_eq!(value_in("groupcache", b"\x0a\x01v\x1b\x0a\x01x\x23\x24\x1c"), Some(b"v".to_vec()));
    assert_eq!(value_in("groupcache", b"\x00\x00"), None);
}

#[test]
fn protobuf_golden_values_encode_as_in_go() {
    let golden = wires();
    assert_eq!(list(&golden["values"]).len(), 9);
    for row in list(&golden["values"]) {
        let value = bytes_of(&row["value_hex"]);
        for name in ["geecache-proto", "groupcache"] {
            let response =
                wire(name).write_response(Reply::Value { value: value.clone(), fresh_ms: Some(5) }, NOW);
            assert_eq!(hex(&response.body), text(row, "body_hex"), "{name}");
            assert!(response.body.len() - value.len() <= wire(name).framing_bytes());
        }
    }
}

#[test]
fn protobuf_altered_messages_never_panic() {
    let golden = wires();
    let seeds: Vec<Vec<u8>> =
        list(&golden["messages"]).iter().map(|row| bytes_of(&row["body_hex"])).collect();
    for_seeds(20_000, |rng| {
        let mut body = rng.pick(&seeds).clone();
        for _ in 0..rng.below(4) {
            let at = rng.below(body.len() as u64 + 1) as usize;
            match rng.below(3) {
                0 => body.insert(at, rng.next() as u8),
                1 => body.truncate(at),
                _ => body.extend(rng.bytes(3)),
            }
        }
        if let Some(value) = value_in("groupcache", &body) {
            assert!(value.is_empty() || body.windows(value.len()).any(|part| part == value), "{body:x?}");
        }
    });
}

#[test]
fn response_golden_answers_are_equal_in_both_directions() {
    let golden = wires();
    let mut compared = 0;
    for (side, name) in [
        ("groupcache", "groupcache"),
        ("groupcache-go1.27", "groupcache"),
        ("geecache day5 style", "geecache"),
        ("geecache with singleflight", "geecache"),
    ] {
        for row in list(&golden["answers"][side]) {
            let (status, body) = (row["status"].as_u64().unwrap() as u16, bytes_of(&row["body_hex"]));
            let said = text(row, "content_type").to_owned();
            // Go's http.Error adds the second header to every error.
            let header = |name: &str| match name {
                "content-type" => Some(said.clone()),
                "x-content-type-options" if status != 200 => Some("nosniff".to_owned()),
                _ => None,
            };
            let outcome = wire(name).read_response(status, &header, body.clone(), NOW);
            compared += 1;
            match status {
                200 => (),
                // A failed load or an unknown key: the peer is healthy, and the requesting node loads the key.
                500 => {
                    assert!(
                        matches!(outcome, Ok(PeerAnswer::NotTransferable { .. })),
                        "{side} {row}: {outcome:?}"
                    );
                    continue;
                }
                _ => {
                    assert_eq!(outcome.unwrap_err().code(), Code::Peer, "{side} {row}");
                    continue;
                }
            }
            let Ok(PeerAnswer::Value { value, fresh_ms: None }) = outcome else {
                panic!("{side} {row}: {outcome:?}")
            };
            let ours = wire(name).write_response(Reply::Value { value, fresh_ms: None }, NOW);
            assert_eq!((ours.status, hex(&ours.body)), (200, hex(&body)), "{side} {row}");
            assert_eq!(ours.header("content-type"), Some(&*said), "{side} {row}");
        }
    }
    assert_eq!(compared, 28);
}

/// True if a pool accepts a group of that name.
fn is_group_name(group: &str) -> bool {
    Pool::new(&PoolOptions::default()).unwrap().add_group(group, GroupOptions::new(1 << 16)).is_ok()
}

#[test]
fn request_golden_urls_never_get_another_keys_value() {
    let golden = wires();
    let (mut sent, mut without_path) = (0, 0);
    assert_eq!(list(&golden["urls"]).len(), 115);
    for row in list(&golden["urls"]) {
        let (group, key) = (text(row, "group"), key_of(row));
        let expected = || Some(Ok(Request { group: group.to_owned(), key: key.clone(), head: false }));
        for name in ["geecache", "geecache-proto", "groupcache", "groupcache-v3"] {
            let wire = wire(name);
            let base = wire.base_path();
            // v3's clients escape as in a path, the others as in a query.
            let go = text(row, if name == "groupcache-v3" { "path" } else { "query" });
            assert_eq!(wire.read_request(base, "GET", &[base, go].concat()), expected(), "{name}: {row}");
            let Some(path) = wire.path(base, group, &key) else {
                without_path += 1;
                continue;
            };
            assert_eq!(path, [base, text(row, "safe")].concat(), "{name}");
            assert_eq!(wire.read_request(base, "GET", &path), expected(), "{name}: {path}");
            let wrong =
                list(&row["safe_in_go"]).iter().any(|outcome| outcome.as_str().unwrap().starts_with("wrong"));
            assert!(!wrong || !is_group_name(group), "{name}: {path} gets another key's value from Go");
            sent += 1;
        }
    }
    assert!(sent > 400 && without_path > 0, "{sent} sent, {without_path} without a path");
}

/// Targets that we read differently from groupcache's server, and why. `None`: outside of the base path.
fn intended_difference(target: &str) -> Option<Option<(&'static str, &'static [u8])>> {
    Some(match target {
        // A raw "+" is a Go client's space, because it percent-encodes a plus.
        "BASE/scores/a+b" => Some(("scores", b"a b")),
        "BASE/a+b/k" => Some(("a b", b"k")),
        "BASE/NoGroup+x/k" => Some(("NoGroup x", b"k")),
        // The path is split before it is unescaped, so an escaped "/" is part of a name.
        "BASE/scores%2Fa/b" => Some(("scores/a", b"b")),
        "BASE%2Fscores/a" | "base/scores/k" => None,
        _ => return None,
    })
}

#[test]
fn read_request_golden_requests_equal_groupcache_except_by_intent() {
    let golden = wires();
    let groups = ["scores", "a", "a b", "группа"];
    let (mut same, mut different) = (0, 0);
    for row in list(&golden["questions"]) {
        let (method, target) = (text(row, "method"), text(row, "target"));
        // These never reach a handler: one is not a request line, the others have no path.
        if target == "BASE/scores/a b" || target == "*" || target.starts_with("http:") {
            continue;
        }
        let path = target.replacen("BASE", "/_groupcache", 1);
        let got = Groupcache.read_request("/_groupcache/", method, path.split('?').next().unwrap());
        if let Some(expected) = intended_difference(target) {
            let expected = expected
                .map(|(group, key)| Ok(Request { group: group.to_owned(), key: key.to_vec(), head: false }));
            assert_eq!(got, expected, "{target}");
            different += 1;
            continue;
        }
        match (row["status"].as_u64().unwrap(), got) {
            (_, Some(Err(Reply::MethodNotAllowed))) => {
                assert!(!["GET", "HEAD"].contains(&method), "Go accepts any method: {method}");
            }
            (0, got) => assert_eq!(got, None, "{target}"),
            (200, Some(Ok(got))) if method == "HEAD" => assert!(got.head),
            (200, Some(Ok(got))) => {
                assert_eq!((&*got.group, got.key), (text(row, "group"), key_of(row)), "{target}")
            }
            (400, got) => assert!(matches!(got, Some(Err(Reply::BadRequest(_)))), "{target}: {got:?}"),
            (404, Some(Ok(got))) => assert!(!groups.contains(&&*got.group), "{target}: {got:?}"),
            (status, got) => panic!("{target}: {status} in Go, and here {got:?}"),
        }
        same += 1;
    }
    assert_eq!((same, different), (51, 6));
}

#[test]
fn read_response_golden_verdicts_equal_groupcache() {
    let golden = wires();
    let body = |verdict: &Value| match text(verdict, "name") {
        "empty-200" => vec![],
        "garbage-body" => vec![0xff; 4],
        "short-body" => b"\x0a\x09half".to_vec(),
        _ => b"\x0a\x03630".to_vec(),
    };
    let mut compared = 0;
    for verdict in list(&golden["verdicts"]) {
        let name = text(verdict, "name");
        let status = match name {
            // The transport fails: there is no HTTP response.
            "reset" | "not-http" => continue,
            _ => name.get(..3).and_then(|status| status.parse().ok()).unwrap_or(200),
        };
        let got = wire("groupcache").read_response(status, &|_| None, body(verdict), NOW);
        match text(verdict, "go") {
            "peer" => assert_eq!(
                got.unwrap(),
                PeerAnswer::Value { value: b"630".to_vec(), fresh_ms: None },
                "{name}"
            ),
            "empty" => {
                assert_eq!(got.unwrap(), PeerAnswer::Value { value: vec![], fresh_ms: None }, "{name}")
            }
            _ => assert_eq!(got.unwrap_err().code(), Code::Peer, "{name}"),
        }
        compared += 1;
    }
    assert_eq!(compared, 20);
}

#[test]
fn response_between_our_peers_is_equal_on_every_wire() {
    let replies = [
        (
            Reply::Value { value: b"630".to_vec(), fresh_ms: Some(7) },
            Ok(PeerAnswer::Value { value: b"630".to_vec(), fresh_ms: Some(7) }),
        ),
        (
            Reply::Value { value: vec![], fresh_ms: None },
            Ok(PeerAnswer::Value { value: vec![], fresh_ms: None }),
        ),
        (Reply::NotFound, Ok(PeerAnswer::NotFound)),
        (
            Reply::LoadFailed { code: Code::Timeout, message: "too slow".into() },
            Ok(PeerAnswer::LoadFailed { code: Code::Timeout, message: "too slow".into() }),
        ),
        (Reply::NoSuchGroup("scores".into()), Err(())),
        (Reply::BadRequest("why"), Err(())),
        (Reply::MethodNotAllowed, Err(())),
        (Reply::Unauthorized, Err(())),
        (Reply::Forwarded, Err(())),
        (Reply::Broken("trap".into()), Err(())),
    ];
    for name in ["geecache", "geecache-proto", "groupcache", "groupcache-v3"] {
        for (reply, expected) in &replies {
            let response = wire(name).write_response(reply.clone(), NOW);
            let header = |name: &str| response.header(name).map(str::to_owned);
            let got = wire(name).read_response(response.status, &header, response.body.clone(), NOW);
            assert_eq!(
                &got.map_err(|error| assert_eq!(error.code(), Code::Peer)),
                expected,
                "{name}: {reply:?}"
            );
            assert_eq!(response.header("cache-control"), Some("no-store"), "{name}: {reply:?}");
        }
        let too_large = wire(name).write_response(Reply::NotTransferable, NOW);
        let header = |name: &str| too_large.header(name).map(str::to_owned);
        let got = wire(name).read_response(too_large.status, &header, too_large.body.clone(), NOW);
        assert!(matches!(got, Ok(PeerAnswer::NotTransferable { .. })), "{name}: {got:?}");
    }
}

#[test]
fn read_response_404_and_503_of_go_are_final_on_v3_only() {
    for name in ["geecache", "geecache-proto", "groupcache"] {
        for status in [404, 500, 503] {
            let got =
                wire(name).read_response(status, &header("content-type", "text/plain"), b"why".to_vec(), NOW);
            assert_eq!(got.unwrap_err().code(), Code::Peer, "{name} {status}");
        }
    }
    let got = |status, kind| {
        GroupcacheV3.read_response(status, &header("content-type", kind), b"why\n".to_vec(), NOW)
    };
    assert_eq!(got(404, "text/plain; charset=utf-8").unwrap(), PeerAnswer::NotFound);
    let failed = PeerAnswer::LoadFailed { code: Code::Load, message: "why\n".into() };
    assert_eq!(got(503, "text/plain; charset=utf-8").unwrap(), failed);
    // Anything else is a failed peer: a proxy's error page, another error, an unknown outcome.
    for (status, kind) in [
        (404, "text/html"),
        (503, "text/html"),
        (500, "text/plain"),
        (502, "text/plain"),
        (301, "text/plain"),
    ] {
        assert_eq!(got(status, kind).unwrap_err().code(), Code::Peer, "{status} {kind}");
    }
    for status in [404, 503] {
        let got = GroupcacheV3.read_response(status, &header(OUTCOME_HEADER, "other"), vec![], NOW);
        assert_eq!(got.unwrap_err().code(), Code::Peer, "{status}");
    }
}
