//! GeeCache's wire: what is asked and answered, byte for byte as Go has it, and where we differ on purpose.

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

/// A row's key, which is text or, where it is not UTF-8, hexadecimal.
fn key(row: &Value) -> Vec<u8> {
    match row["key_hex"].as_str() {
        Some(hex) => {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        }
        None => text(row, "key").as_bytes().to_vec(),
    }
}

fn asked(method: &str, path: &str) -> Option<Result<Request, Reply>> {
    Geecache.read_request(BASE, method, path)
}

fn question(group: &str, key: &[u8]) -> Request {
    Request { group: group.to_owned(), key: key.to_vec(), head: false }
}

#[test]
fn every_byte_survives_escaping() {
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
fn whatever_arrives_is_unescaped_or_refused_and_traps_nothing() {
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
        let _ = asked("GET", &[BASE, &path].concat());
    });
}

#[test]
fn urls_are_the_ones_go_understands_and_go_s_are_understood() {
    let rows = golden("urls");
    assert_eq!(rows.len(), 115);
    for row in rows {
        let (group, key) = (text(&row, "group"), key(&row));
        let ours = Geecache.path(BASE, group, &key);
        let dotted = [group.as_bytes(), &key].iter().any(|segment| *segment == b"." || *segment == b"..");
        // WHATWG's URL parsers collapse dots however they are written.
        let expected = (!dotted).then(|| [BASE, text(&row, "safe")].concat());
        assert_eq!(ours, expected, "{row}");
        for path in ours.into_iter().chain([[BASE, text(&row, "go")].concat()]) {
            assert_eq!(asked("GET", &path), Some(Ok(question(group, &key))), "{path}");
        }
    }
}

/// Where we answer otherwise than Go's server, and why. `None`: not a peer's question.
fn on_purpose(target: &str) -> Option<Option<Result<Request, Reply>>> {
    Some(match target {
        // A raw "+" can only be a Go client's space: it percent-encodes its own.
        "BASE/scores/a+b" => Some(Ok(question("scores", b"a b"))),
        "BASE/a+b/k" => Some(Ok(question("a b", b"k"))),
        "BASE/NoGroup+x/k" => Some(Ok(question("NoGroup x", b"k"))),
        // The raw path is split, so that an escaped "/" separates nothing.
        "BASE/scores%2Fa/b" => Some(Ok(question("scores/a", b"b"))),
        "BASE%2Fscores/a" => None,
        // No path of ours.
        "base/scores/k" => None,
        _ => return None,
    })
}

#[test]
fn questions_are_read_as_go_reads_them_but_where_we_differ_on_purpose() {
    let groups = ["scores", "a", "a b", "группа"];
    let (mut same, mut different) = (0, 0);
    for row in golden("questions") {
        let (method, target) = (text(&row, "method"), text(&row, "target"));
        // Neither reaches a handler: one is no request line, the others carry no path.
        if target == "BASE/scores/a b" || target == "*" || target.starts_with("http:") {
            continue;
        }
        let path = target.replacen("BASE", "/_geecache", 1);
        let path = path.split('?').next().unwrap();
        let got = asked(method, path);
        if let Some(expected) = on_purpose(target) {
            assert_eq!(got, expected, "{target}");
            different += 1;
            continue;
        }
        if !["GET", "HEAD"].contains(&method) {
            assert_eq!(
                got,
                Some(Err(Reply::MethodNotAllowed)),
                "Go takes any method; a peer has no use for {method}"
            );
            continue;
        }
        match (row["status"].as_u64().unwrap(), got) {
            (0, got) => assert_eq!(got, None, "{target}"),
            (200, Some(Ok(got))) if method == "HEAD" => assert!(got.head),
            (200, got) => assert_eq!(got, Some(Ok(question(text(&row, "group"), &key(&row)))), "{target}"),
            (400, got) => assert!(matches!(got, Some(Err(Reply::BadRequest(_)))), "{target}: {got:?}"),
            (404, Some(Ok(got))) => assert!(!groups.contains(&&*got.group), "{target}: {got:?}"),
            (500, Some(Ok(got))) => assert!(got.key.is_empty(), "{target}: the group refuses it"),
            (status, got) => panic!("{target}: {status} in Go, and here {got:?}"),
        }
        same += 1;
    }
    assert!(same > 40 && different == 6, "{same} and {different}");
}

#[test]
fn dots_and_endless_keys_have_no_path() {
    for key in [&b"."[..], b".."] {
        assert_eq!(Geecache.path(BASE, "scores", key), None);
    }
    assert_eq!(Geecache.path(BASE, "..", b"k"), None);
    assert!(Geecache.path(BASE, "scores", b"...").is_some());
    let longest =
        (1..10_000).take_while(|&len| Geecache.path(BASE, "scores", &vec![b'k'; len]).is_some()).last();
    let path = Geecache.path(BASE, "scores", &vec![b'k'; longest.unwrap()]).unwrap();
    assert!((4_096..=8_192).contains(&path.len()), "{} bytes fit into any server's head", path.len());
    let escaped = Geecache.path(BASE, "scores", &vec![0; longest.unwrap() / 3 + 1]);
    assert_eq!(escaped, None, "it is the escaped length that counts");
    assert_eq!(Geecache.path(BASE, "scores", &[b'k'; 65_535]), None);
}

#[test]
fn other_paths_are_not_ours() {
    for path in
        ["", "/", "/_geecache", "/_geecach/scores/Tom", "/x/_geecache/scores/Tom", "/_GEECACHE/scores/Tom"]
    {
        assert_eq!(asked("GET", path), None, "{path}");
        assert_eq!(asked("POST", path), None, "{path}: and their methods are none of our business");
    }
    assert!(
        Geecache.read_request("/cache/", "GET", "/cache/scores/Tom").is_some_and(|question| question.is_ok())
    );
}

#[test]
fn malformed_questions_are_bad_requests() {
    for rest in
        ["scores/%", "scores/%2", "scores/%zz", "scores/a%2", "%zz/Tom", "%/Tom", "scores/%+1", "%FF/Tom"]
    {
        let got = asked("GET", &[BASE, rest].concat());
        let Some(Err(reply @ Reply::BadRequest(_))) = got else { panic!("{rest}: {got:?}") };
        assert_eq!(Geecache.write_response(reply, 0).status, 400);
    }
    for rest in ["", "scores", "%FF"] {
        assert!(matches!(asked("GET", &[BASE, rest].concat()), Some(Err(Reply::BadRequest(_)))), "{rest}");
    }
}

#[test]
fn methods_are_get_and_head() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "", "BREW"] {
        let Some(Err(reply)) = asked(method, "/_geecache/scores/Tom") else { panic!("{method} is taken") };
        let answer = Geecache.write_response(reply, 0);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let head = Request { head: true, ..question("scores", b"Tom") };
    assert_eq!(asked("HEAD", "/_geecache/scores/Tom"), Some(Ok(head)));
}

/// Reads an answer as it was written.
fn read_back(answer: &Response) -> Result<PeerAnswer, Error> {
    let header = |name: &str| answer.header(name).map(str::to_owned);
    Geecache.read_response(answer.status, &header, answer.body.clone(), 0)
}

#[test]
fn every_answer_is_read_as_it_was_meant() {
    let value = |fresh_ms| Ok(PeerAnswer::Value { value: b"630".to_vec(), fresh_ms });
    let given = |fresh_ms| Reply::Value { value: b"630".to_vec(), fresh_ms };
    let failed = |code| Reply::LoadFailed { code, message: "no database".to_owned() };
    let passed_on = |code| Ok(PeerAnswer::LoadFailed { code, message: "no database".to_owned() });
    let answers: [(Reply, u16, Result<PeerAnswer, Code>); 14] = [
        (given(None), 200, value(None)),
        (given(Some(0)), 200, value(Some(0))),
        (given(Some(u64::MAX)), 200, value(Some(u64::MAX))),
        (Reply::NotFound, 404, Ok(PeerAnswer::NotFound)),
        (failed(Code::Load), 500, passed_on(Code::Load)),
        (failed(Code::LoadType), 500, passed_on(Code::LoadType)),
        (failed(Code::Timeout), 500, passed_on(Code::Timeout)),
        (failed(Code::Trap), 500, Err(Code::Peer)),
        (Reply::NoSuchGroup("scores".into()), 404, Err(Code::Peer)),
        (Reply::BadRequest("why"), 400, Err(Code::Peer)),
        (Reply::MethodNotAllowed, 405, Err(Code::Peer)),
        (Reply::Unauthorized, 401, Err(Code::Peer)),
        (Reply::Forwarded, 508, Err(Code::Peer)),
        (Reply::Broken("a trap".into()), 500, Err(Code::Peer)),
    ];
    for (reply, status, outcome) in answers {
        let answer = Geecache.write_response(reply.clone(), 0);
        assert_eq!(answer.status, status, "{reply:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{reply:?}");
        assert!(answer.headers.iter().all(|(name, _)| *name == name.to_ascii_lowercase()));
        assert_eq!(read_back(&answer).map_err(|error| error.code()), outcome, "{reply:?}");
    }
    assert!(matches!(
        read_back(&Geecache.write_response(Reply::NotTransferable, 0)),
        Ok(PeerAnswer::NotTransferable { .. })
    ));
}

#[test]
fn a_name_in_an_answer_brings_no_control_characters() {
    let answer = Geecache.write_response(Reply::NoSuchGroup("a\r\nset-cookie: x".repeat(1_000)), 0);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.len() < 300 && !text.contains(char::is_control), "{text:?}");
}

#[test]
fn go_s_answers_are_taken_as_go_takes_them_but_for_redirects() {
    let rows = golden("answers");
    assert_eq!(rows.len(), 18);
    for row in rows {
        let status = row["status"].as_u64().unwrap() as u16;
        let body = if text(&row, "go") == "empty" { vec![] } else { b"\xff\xff\xff\xff".to_vec() };
        let got = Geecache.read_response(status, &|_| None, body.clone(), 0).map_err(|error| error.code());
        // One that follows a redirect may get another key's value.
        let expected = match text(&row, "go") == "local" || status / 100 == 3 {
            true => Err(Code::Peer),
            false => Ok(PeerAnswer::Value { value: body, fresh_ms: None }),
        };
        assert_eq!(got, expected, "{row}");
    }
}

#[test]
fn an_outcome_header_counts_on_its_own_status_alone() {
    let outcome = |status, said: &'static str| {
        let header = move |name: &str| (name == OUTCOME_HEADER).then(|| said.to_owned());
        Geecache.read_response(status, &header, b"text".to_vec(), 0).map_err(|error| error.code())
    };
    for (status, said) in [
        (404, "ERR_LOAD"),
        (500, "ERR_OPTION"),
        (500, "ERR_LOADS"),
        (404, "unfit"),
        (500, "absent"),
        (404, "ABSENT"),
        (404, ""),
        (503, "ERR_LOAD"),
        (301, "absent"),
    ] {
        assert_eq!(outcome(status, said), Err(Code::Peer), "{status} {said:?}");
    }
    assert_eq!(outcome(404, "absent"), Ok(PeerAnswer::NotFound));
    assert!(matches!(outcome(200, "absent"), Ok(PeerAnswer::Value { .. })), "a value is a value");
}

#[test]
fn nonsense_about_freshness_is_not_for_ever() {
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
fn a_peer_s_complaint_is_cut_short() {
    let header = |name: &str| (name == OUTCOME_HEADER).then(|| "ERR_LOAD".to_owned());
    let complaint = |body| match Geecache.read_response(500, &header, body, 0) {
        Ok(PeerAnswer::LoadFailed { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(complaint("é".repeat(100_000).into_bytes()), "é".repeat(250));
    assert_eq!(complaint(vec![0xff; 10]), "", "no text, no message");
}
