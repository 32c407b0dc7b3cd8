//! GeeCache's wire: requests and responses equal Go's byte for byte, except where ours differ on purpose.

use crate::support::for_seeds;
use geecache_edge::wire::{
    FRESH_HEADER, Geecache, OUTCOME_HEADER, Reply, Request, Response, Wire, escape, unescape,
};
use geecache_edge::{Code, Error, PeerAnswer};
use serde_json::Value;

const BASE: &str = "/_geecache/";

fn golden(section: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/wire.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[section].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{row} has no {field}"))
}

/// A row's key: text, or hexadecimal if it is not UTF-8.
fn key(row: &Value) -> Vec<u8> {
    match row["key_hex"].as_str() {
        Some(hex) => {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        }
        None => text(row, "key").as_bytes().to_vec(),
    }
}

fn request(method: &str, path: &str) -> Option<Result<Request, Reply>> {
    Geecache.read_request(BASE, method, path)
}

fn lookup(group: &str, key: &[u8]) -> Request {
    Request { group: group.to_owned(), key: key.to_vec(), head: false }
}

#[test]
fn escape_every_byte_round_trips() {
    let all: Vec<u8> = (0..=255).collect();
    for segment in all.iter().map(std::slice::from_ref).chain([&all[..], b"", b"...", b".a", b"%2e"]) {
        let Some(escaped) = escape(segment) else {
            assert_eq!(segment, b".");
            continue;
        };
        assert!(
            escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte)),
            "{escaped}"
        );
        assert_eq!(unescape(&escaped).as_deref(), Some(segment));
    }
    for_seeds(300, |rng| {
        let len = rng.below(40);
        let segment = rng.bytes(len);
        assert_eq!(
            unescape(&escape(&segment).unwrap_or_else(|| String::from_utf8(segment.clone()).unwrap())),
            Some(segment)
        );
    });
}

#[test]
fn unescape_random_path_decodes_or_fails() {
    for_seeds(2_000, |rng| {
        let len = rng.below(30);
        let path: String = (0..len)
            .map(|_| *rng.pick(&['%', '2', 'F', 'g', '+', '/', '.', 'é', '\u{0}', '\u{1f511}']))
            .collect();
        let well_formed = path.split('%').skip(1).all(|rest| {
            let mut digits = rest.chars();
            (0..2).all(|_| digits.next().is_some_and(|digit| digit.is_ascii_hexdigit()))
        });
        assert_eq!(unescape(&path).is_some(), well_formed, "{path:?}");
        let _ = request("GET", &[BASE, &path].concat());
    });
}

#[test]
fn path_golden_urls_are_equal_in_both_directions() {
    let rows = golden("urls");
    assert_eq!(rows.len(), 115);
    for row in rows {
        let (group, key) = (text(&row, "group"), key(&row));
        let ours = Geecache.path(BASE, group, &key);
        let dotted = [group.as_bytes(), &key].iter().any(|segment| *segment == b"." || *segment == b"..");
        // WHATWG URL parsers resolve dots even when they are escaped.
        let expected = (!dotted).then(|| [BASE, text(&row, "safe")].concat());
        assert_eq!(ours, expected, "{row}");
        for path in ours.into_iter().chain([[BASE, text(&row, "go")].concat()]) {
            assert_eq!(request("GET", &path), Some(Ok(lookup(group, &key))), "{path}");
        }
    }
}

/// Targets that we read differently from Go's server, and why. `None`: outside of the base path.
fn intended_difference(target: &str) -> Option<Option<Result<Request, Reply>>> {
    Some(match target {
        // A raw "+" is a Go client's space, because it percent-encodes a plus.
        "BASE/scores/a+b" => Some(Ok(lookup("scores", b"a b"))),
        "BASE/a+b/k" => Some(Ok(lookup("a b", b"k"))),
        "BASE/NoGroup+x/k" => Some(Ok(lookup("NoGroup x", b"k"))),
        // The path is split before it is unescaped, so an escaped "/" is part of a name.
        "BASE/scores%2Fa/b" => Some(Ok(lookup("scores/a", b"b"))),
        "BASE%2Fscores/a" => None,
        // Outside of the base path.
        "base/scores/k" => None,
        _ => return None,
    })
}

#[test]
fn read_request_golden_requests_equal_go_except_by_intent() {
    let groups = ["scores", "a", "a b", "группа"];
    let (mut same, mut different) = (0, 0);
    for row in golden("questions") {
        let (method, target) = (text(&row, "method"), text(&row, "target"));
        // These never reach a handler: one is not a request line, the others have no path.
        if target == "BASE/scores/a b" || target == "*" || target.starts_with("http:") {
            continue;
        }
        let path = target.replacen("BASE", "/_geecache", 1);
        let path = path.split('?').next().unwrap();
        let got = request(method, path);
        if let Some(expected) = intended_difference(target) {
            assert_eq!(got, expected, "{target}");
            different += 1;
            continue;
        }
        if !["GET", "HEAD"].contains(&method) {
            assert_eq!(
                got,
                Some(Err(Reply::MethodNotAllowed)),
                "Go accepts any method, ours rejects {method}"
            );
            continue;
        }
        match (row["status"].as_u64().unwrap(), got) {
            (0, got) => assert_eq!(got, None, "{target}"),
            (200, Some(Ok(got))) if method == "HEAD" => assert!(got.head),
            (200, got) => assert_eq!(got, Some(Ok(lookup(text(&row, "group"), &key(&row)))), "{target}"),
            (400, got) => assert!(matches!(got, Some(Err(Reply::BadRequest(_)))), "{target}: {got:?}"),
            (404, Some(Ok(got))) => assert!(!groups.contains(&&*got.group), "{target}: {got:?}"),
            (500, Some(Ok(got))) => assert!(got.key.is_empty(), "{target}: the group rejects it"),
            (status, got) => panic!("{target}: {status} in Go, and here {got:?}"),
        }
        same += 1;
    }
    assert!(same > 40 && different == 6, "{same} and {different}");
}

#[test]
fn path_dots_and_long_keys_are_none() {
    for key in [&b"."[..], b".."] {
        assert_eq!(Geecache.path(BASE, "scores", key), None);
    }
    assert_eq!(Geecache.path(BASE, "..", b"k"), None);
    assert!(Geecache.path(BASE, "scores", b"...").is_some());
    let longest =
        (1..10_000).take_while(|&len| Geecache.path(BASE, "scores", &vec![b'k'; len]).is_some()).last();
    let path = Geecache.path(BASE, "scores", &vec![b'k'; longest.unwrap()]).unwrap();
    assert!(
        (4_096..=8_192).contains(&path.len()),
        "{} bytes fit into the header limit of common servers",
        path.len()
    );
    let escaped = Geecache.path(BASE, "scores", &vec![0; longest.unwrap() / 3 + 1]);
    assert_eq!(escaped, None, "the escaped length counts");
    assert_eq!(Geecache.path(BASE, "scores", &[b'k'; 65_535]), None);
}

#[test]
fn read_request_outside_of_base_path_is_none() {
    for path in
        ["", "/", "/_geecache", "/_geecach/scores/Tom", "/x/_geecache/scores/Tom", "/_GEECACHE/scores/Tom"]
    {
        assert_eq!(request("GET", path), None, "{path}");
        assert_eq!(request("POST", path), None, "{path}: with any method");
    }
    assert!(
        Geecache.read_request("/cache/", "GET", "/cache/scores/Tom").is_some_and(|question| question.is_ok())
    );
}

#[test]
fn read_request_malformed_path_is_bad_request() {
    for rest in
        ["scores/%", "scores/%2", "scores/%zz", "scores/a%2", "%zz/Tom", "%/Tom", "scores/%+1", "%FF/Tom"]
    {
        let got = request("GET", &[BASE, rest].concat());
        let Some(Err(reply @ Reply::BadRequest(_))) = got else { panic!("{rest}: {got:?}") };
        assert_eq!(Geecache.write_response(reply, 0).status, 400);
    }
    for rest in ["", "scores", "%FF"] {
        assert!(matches!(request("GET", &[BASE, rest].concat()), Some(Err(Reply::BadRequest(_)))), "{rest}");
    }
}

#[test]
fn read_request_other_methods_are_not_allowed() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "", "BREW"] {
        let Some(Err(reply)) = request(method, "/_geecache/scores/Tom") else {
            panic!("{method} is accepted")
        };
        let response = Geecache.write_response(reply, 0);
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let head = Request { head: true, ..lookup("scores", b"Tom") };
    assert_eq!(request("HEAD", "/_geecache/scores/Tom"), Some(Ok(head)));
}

/// Reads a response as it was written.
fn read_back(response: &Response) -> Result<PeerAnswer, Error> {
    let header = |name: &str| response.header(name).map(str::to_owned);
    Geecache.read_response(response.status, &header, response.body.clone(), 0)
}

#[test]
fn response_of_each_reply_round_trips() {
    let value = |fresh_ms| Ok(PeerAnswer::Value { value: b"630".to_vec(), fresh_ms });
    let given = |fresh_ms| Reply::Value { value: b"630".to_vec(), fresh_ms };
    let failed = |code| Reply::LoadFailed { code, message: "no database".to_owned() };
    let load_failed = |code| Ok(PeerAnswer::LoadFailed { code, message: "no database".to_owned() });
    let replies: [(Reply, u16, Result<PeerAnswer, Code>); 14] = [
        (given(None), 200, value(None)),
        (given(Some(0)), 200, value(Some(0))),
        (given(Some(u64::MAX)), 200, value(Some(u64::MAX))),
        (Reply::NotFound, 404, Ok(PeerAnswer::NotFound)),
        (failed(Code::Load), 500, load_failed(Code::Load)),
        (failed(Code::LoadType), 500, load_failed(Code::LoadType)),
        (failed(Code::Timeout), 500, load_failed(Code::Timeout)),
        (failed(Code::Trap), 500, Err(Code::Peer)),
        (Reply::NoSuchGroup("scores".into()), 404, Err(Code::Peer)),
        (Reply::BadRequest("why"), 400, Err(Code::Peer)),
        (Reply::MethodNotAllowed, 405, Err(Code::Peer)),
        (Reply::Unauthorized, 401, Err(Code::Peer)),
        (Reply::Forwarded, 508, Err(Code::Peer)),
        (Reply::Broken("a trap".into()), 500, Err(Code::Peer)),
    ];
    for (reply, status, outcome) in replies {
        let response = Geecache.write_response(reply.clone(), 0);
        assert_eq!(response.status, status, "{reply:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{reply:?}");
        assert!(response.headers.iter().all(|(name, _)| *name == name.to_ascii_lowercase()));
        assert_eq!(read_back(&response).map_err(|error| error.code()), outcome, "{reply:?}");
    }
    assert!(matches!(
        read_back(&Geecache.write_response(Reply::NotTransferable, 0)),
        Ok(PeerAnswer::NotTransferable { .. })
    ));
}

#[test]
fn response_group_name_has_no_control_characters() {
    let response = Geecache.write_response(Reply::NoSuchGroup("a\r\nset-cookie: x".repeat(1_000)), 0);
    let text = String::from_utf8(response.body).unwrap();
    assert!(text.len() < 300 && !text.contains(char::is_control), "{text:?}");
}

#[test]
fn read_response_golden_answers_equal_go_except_redirects() {
    let rows = golden("answers");
    assert_eq!(rows.len(), 18);
    for row in rows {
        let status = row["status"].as_u64().unwrap() as u16;
        let body = if text(&row, "go") == "empty" { vec![] } else { b"\xff\xff\xff\xff".to_vec() };
        let got = Geecache.read_response(status, &|_| None, body.clone(), 0).map_err(|error| error.code());
        // A client that follows a redirect may get another key's value.
        let expected = match text(&row, "go") == "local" || status / 100 == 3 {
            true => Err(Code::Peer),
            false => Ok(PeerAnswer::Value { value: body, fresh_ms: None }),
        };
        assert_eq!(got, expected, "{row}");
    }
}

#[test]
fn outcome_header_counts_only_with_its_status() {
    let outcome = |status, said: &'static str| {
        let header = move |name: &str| (name == OUTCOME_HEADER).then(|| said.to_owned());
        Geecache.read_response(status, &header, b"text".to_vec(), 0).map_err(|error| error.code())
    };
    for (status, said) in [
        (404, "ERR_LOAD"),
        (500, "ERR_OPTION"),
        (500, "ERR_LOADS"),
        (404, "not-transferable"),
        (500, "not-found"),
        (404, "ABSENT"),
        (404, ""),
        (503, "ERR_LOAD"),
        (301, "not-found"),
    ] {
        assert_eq!(outcome(status, said), Err(Code::Peer), "{status} {said:?}");
    }
    assert_eq!(outcome(404, "not-found"), Ok(PeerAnswer::NotFound));
    assert!(matches!(outcome(200, "not-found"), Ok(PeerAnswer::Value { .. })), "status 200 is a value");
}

#[test]
fn freshness_header_malformed_is_not_fresh() {
    let fresh = |said: &'static str| {
        let header = move |name: &str| (name == FRESH_HEADER).then(|| said.to_owned());
        match Geecache.read_response(200, &header, vec![], 0) {
            Ok(PeerAnswer::Value { fresh_ms, .. }) => fresh_ms,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fresh("1500"), Some(1_500));
    for said in ["", "-1", "1.5", "soon", "5, 5", "99999999999999999999"] {
        assert_eq!(fresh(said), Some(0), "{said:?}");
    }
}

#[test]
fn load_failed_message_is_truncated() {
    let header = |name: &str| (name == OUTCOME_HEADER).then(|| "ERR_LOAD".to_owned());
    let message_of = |body| match Geecache.read_response(500, &header, body, 0) {
        Ok(PeerAnswer::LoadFailed { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(message_of("é".repeat(100_000).into_bytes()), "é".repeat(250));
    assert_eq!(message_of(vec![0xff; 10]), "", "not UTF-8, no message");
}
