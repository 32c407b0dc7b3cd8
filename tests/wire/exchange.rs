//! The exchange: authentication, digests, hops and ring fingerprints between our own peers.

use crate::support::for_seeds;
use geecache_edge::wire::{
    AUTH_HEADER, CLOCK_SKEW_MS, Exchange, FRESH_HEADER, Geecache, GroupcacheV3, IncomingRequest,
    OUTCOME_HEADER, Reply, Response,
};
use geecache_edge::{Code, PeerAnswer};

const NOW: u64 = 1_700_000_000_000;
const GROUP: &str = "scores";
const KEY: &[u8] = b"Tom";

fn exchange(secrets: &[&str]) -> Exchange {
    let secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
    Exchange {
        wire: &Geecache,
        base_path: "/_geecache/".into(),
        ring: 7,
        secrets,
        counters: Default::default(),
    }
}

fn value() -> Reply {
    Reply::Value { value: b"630".to_vec(), fresh_ms: Some(1_500) }
}

/// Sends a request from one node and reads it at another.
fn receive(from: &Exchange, at: &Exchange, now: u64) -> Result<IncomingRequest, Reply> {
    let request = from.request(GROUP, KEY, NOW).unwrap();
    at.read_request(request.method, &request.path, Some(request.auth), now).unwrap()
}

/// Sends a request and its response, changed on the way, and reads it.
fn round_trip(
    from: &Exchange,
    at: &Exchange,
    reply: Reply,
    change: impl FnOnce(&mut Response),
) -> Result<PeerAnswer, Code> {
    let request = from.request(GROUP, KEY, NOW).unwrap();
    let incoming =
        at.read_request(request.method, &request.path, Some(request.auth.clone()), NOW).unwrap().unwrap();
    let mut response = at.respond(&incoming, reply, NOW);
    change(&mut response);
    let header = |name: &str| response.header(name).map(str::to_owned);
    from.read_response(&request, response.status, &header, response.body.clone(), NOW)
        .map_err(|error| error.code())
}

fn header_mut<'a>(response: &'a mut Response, name: &str) -> &'a mut String {
    response.headers.iter_mut().find(|header| header.0 == name).unwrap().1.to_mut()
}

type Change = fn(&mut Response);

fn drop_header(response: &mut Response, name: &str) {
    response.headers.retain(|header| header.0 != name);
}

#[test]
fn round_trip_common_secret_is_accepted() {
    let right = Ok(PeerAnswer::Value { value: b"630".to_vec(), fresh_ms: Some(1_500) });
    for (from, at) in [
        (vec![], vec![]),
        (vec!["a"], vec!["a"]),
        (vec!["a", "b"], vec!["b", "a"]),
        (vec!["b"], vec!["a", "b"]),
    ] {
        let (from, at) = (exchange(&from), exchange(&at));
        assert_eq!(round_trip(&from, &at, value(), |_| ()), right);
        assert_eq!(round_trip(&from, &at, Reply::NotFound, |_| ()), Ok(PeerAnswer::NotFound));
        assert_eq!(
            at.counters.unauthorized() + from.counters.ring_mismatches() + at.counters.ring_mismatches(),
            0
        );
    }
}

#[test]
fn request_without_valid_signature_is_unauthorized() {
    let at = exchange(&["right"]);
    let request = exchange(&["right"]).request(GROUP, KEY, NOW).unwrap();
    let ask = |method: &str, path: &str, auth: Option<&str>| {
        at.read_request(method, path, auth.map(str::to_owned), NOW)
    };
    let foreign = exchange(&["wrong"]).request(GROUP, KEY, NOW).unwrap();
    let mut rejected = 0;
    for (method, path, auth) in [
        ("GET", &*request.path, None),
        ("GET", &request.path, Some("")),
        ("GET", &request.path, Some("zz")),
        ("GET", &request.path, Some(&*foreign.auth)),
        ("GET", &request.path, Some(&request.auth[..26])),
        ("GET", &request.path, Some(&request.auth[26..])),
        ("GET", &request.path, Some(&request.auth[..88])),
        ("HEAD", &request.path, Some(&request.auth)),
        ("GET", "/_geecache/scores/Jack", Some(&request.auth)),
        ("GET", "/_geecache/score/sTom", Some(&request.auth)),
        // Malformed paths and other methods get the same reply.
        ("GET", "/_geecache/scores/%zz", Some(&request.auth)),
        ("GET", "/_geecache/", None),
        ("DELETE", &request.path, Some(&request.auth)),
    ] {
        assert_eq!(ask(method, path, auth), Some(Err(Reply::Unauthorized)), "{method} {path} {auth:?}");
        rejected += 1;
        assert_eq!(at.counters.unauthorized(), rejected);
    }
    assert!(ask("GET", &request.path, Some(&request.auth)).unwrap().is_ok());
    assert_eq!(ask("GET", "/elsewhere", None), None, "outside of the base path");
}

#[test]
fn request_any_changed_digit_of_auth_header_is_unauthorized() {
    let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
    let request = from.request(GROUP, KEY, NOW).unwrap();
    for at_digit in 0..request.auth.len() {
        let mut auth = request.auth.clone().into_bytes();
        auth[at_digit] = if auth[at_digit] == b'0' { b'1' } else { b'0' };
        let auth = String::from_utf8(auth).unwrap();
        assert_eq!(
            at.read_request("GET", &request.path, Some(auth), NOW),
            Some(Err(Reply::Unauthorized)),
            "digit {at_digit}"
        );
    }
}

#[test]
fn request_beyond_clock_skew_is_unauthorized() {
    let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
    for (now, accepted) in [
        (NOW, true),
        (NOW + CLOCK_SKEW_MS, true),
        (NOW - CLOCK_SKEW_MS, true),
        (NOW + CLOCK_SKEW_MS + 1, false),
        (NOW - CLOCK_SKEW_MS - 1, false),
        (0, false),
        (u64::MAX, false),
    ] {
        assert_eq!(receive(&from, &at, now).is_ok(), accepted, "{now}");
    }
    let (from, at) = (exchange(&[]), exchange(&[]));
    assert!(receive(&from, &at, 0).is_ok(), "without a secret clocks do not matter");
}

#[test]
fn response_altered_is_a_failed_peer() {
    let changes: [(&str, Change); 5] = [
        ("truncated", |response| response.body.truncate(2)),
        ("longer", |response| response.body.push(b'0')),
        ("altered", |response| response.body[1] ^= 1),
        ("empty", |response| response.body.clear()),
        ("auth header", |response| *header_mut(response, AUTH_HEADER) = "00".into()),
    ];
    for secrets in [&[][..], &["secret"]] {
        let (from, at) = (exchange(secrets), exchange(secrets));
        for (what, change) in changes {
            assert_eq!(round_trip(&from, &at, value(), change), Err(Code::Peer), "{what}, {secrets:?}");
        }
    }
    let signed: [(&str, Change); 7] = [
        ("no auth header", |response| drop_header(response, AUTH_HEADER)),
        ("no signature", |response| header_mut(response, AUTH_HEADER).truncate(16)),
        ("half a signature", |response| header_mut(response, AUTH_HEADER).truncate(48)),
        ("fresher", |response| *header_mut(response, FRESH_HEADER) = "9999999".into()),
        ("without expiry", |response| drop_header(response, FRESH_HEADER)),
        ("another outcome", |response| response.headers.push((OUTCOME_HEADER, "not-found".into()))),
        ("another status", |response| response.status = 203),
    ];
    for (what, change) in signed {
        let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
        assert_eq!(round_trip(&from, &at, value(), change), Err(Code::Peer), "{what}");
    }
}

#[test]
fn response_to_another_request_is_a_failed_peer() {
    for secrets in [&[][..], &["secret"]] {
        let (from, at) = (exchange(secrets), exchange(secrets));
        let jack = from.request(GROUP, b"Jack", NOW).unwrap();
        let incoming = at.read_request("GET", &jack.path, Some(jack.auth.clone()), NOW).unwrap().unwrap();
        let jacks = at.respond(&incoming, value(), NOW);
        assert_eq!(round_trip(&from, &at, value(), |response| *response = jacks), Err(Code::Peer));
    }
    // A recorded response to an earlier request for the same key is rejected.
    let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
    let before = from.request(GROUP, KEY, NOW - 1).unwrap();
    let incoming = at.read_request("GET", &before.path, Some(before.auth.clone()), NOW).unwrap().unwrap();
    let old = at.respond(&incoming, value(), NOW);
    assert_eq!(round_trip(&from, &at, value(), |response| *response = old), Err(Code::Peer));
}

#[test]
fn peer_without_the_secret_is_rejected_on_both_sides() {
    let (signs, plain) = (exchange(&["secret"]), exchange(&[]));
    assert_eq!(round_trip(&signs, &plain, value(), |_| ()), Err(Code::Peer), "the response has no signature");
    assert_eq!(receive(&plain, &signs, NOW), Err(Reply::Unauthorized));
    let other = exchange(&["other"]);
    assert_eq!(receive(&signs, &other, NOW), Err(Reply::Unauthorized));
    let rejection = other.wire.write_response(Reply::Unauthorized, NOW);
    let request = signs.request(GROUP, KEY, NOW).unwrap();
    let error = signs.read_response(&request, rejection.status, &|_| None, rejection.body, NOW).unwrap_err();
    assert!(error.message().contains("same secret"), "{error}");
}

#[test]
fn response_without_auth_header_and_secret_is_a_go_value() {
    let request = exchange(&[]).request(GROUP, KEY, NOW).unwrap();
    let bare = exchange(&[]).read_response(&request, 200, &|_| None, b"630".to_vec(), NOW);
    assert_eq!(bare.unwrap(), PeerAnswer::Value { value: b"630".to_vec(), fresh_ms: None });
}

#[test]
fn response_of_go_to_a_name_with_a_space_is_not_used() {
    // A Go node that forwards "a b" requests "a+b" and returns that key's value with 200.
    let v3 = Exchange { wire: &GroupcacheV3, ..exchange(&[]) };
    for (from, group, key, used) in [
        (exchange(&[]), GROUP, "a b", false),
        (exchange(&[]), "my group", "k", false),
        (exchange(&[]), GROUP, "a+b", true),
        (v3, GROUP, "a b", true),
    ] {
        let request = from.request(group, key.as_bytes(), NOW).unwrap();
        let got = from.read_response(&request, 200, &|_| None, b"\x0a\x03630\x18\x00".to_vec(), NOW).unwrap();
        assert_eq!(matches!(got, PeerAnswer::Value { .. }), used, "{group} {key}");
        assert!(used || matches!(got, PeerAnswer::NotTransferable { .. }), "the peer has not failed");
    }
    // Our own peers unescape it correctly, and the auth header identifies them.
    let (from, at) = (exchange(&[]), exchange(&[]));
    let request = from.request(GROUP, b"a b", NOW).unwrap();
    let incoming = at.read_request("GET", &request.path, Some(request.auth.clone()), NOW).unwrap().unwrap();
    let response = at.respond(&incoming, value(), NOW);
    let header = |name: &str| response.header(name).map(str::to_owned);
    assert!(matches!(
        from.read_response(&request, 200, &header, response.body.clone(), NOW),
        Ok(PeerAnswer::Value { .. })
    ));
}

#[test]
fn ring_mismatch_is_counted_on_both_sides_and_served() {
    let (from, at) = (exchange(&["secret"]), Exchange { ring: 8, ..exchange(&["secret"]) });
    assert!(round_trip(&from, &at, value(), |_| ()).is_ok());
    assert_eq!((from.counters.ring_mismatches(), at.counters.ring_mismatches()), (1, 1));
}

#[test]
fn request_with_two_hops_is_rejected() {
    let (from, at) = (exchange(&[]), exchange(&[]));
    let request = from.request(GROUP, KEY, NOW).unwrap();
    assert!(request.auth.ends_with("01"));
    let hops = [&request.auth[..24], "02"].concat();
    assert_eq!(at.read_request("GET", &request.path, Some(hops), NOW), Some(Err(Reply::Forwarded)));
}

#[test]
fn auth_header_random_bytes_never_panics() {
    for_seeds(500, |rng| {
        let at = exchange(if rng.chance(50) { &["secret"] } else { &[] });
        let len = rng.below(60);
        let noise = rng.bytes(len);
        let auth = if rng.chance(50) {
            noise.iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            String::from_utf8_lossy(&noise).into_owned()
        };
        let request = at.read_request("GET", "/_geecache/scores/Tom", Some(auth.clone()), NOW).unwrap();
        assert!(request.is_ok() || at.secrets.len() == 1 || request == Err(Reply::Forwarded), "{auth}");
        let request = at.request(GROUP, KEY, NOW).unwrap();
        let header = |name: &str| (name == AUTH_HEADER).then(|| auth.clone());
        assert!(at.read_response(&request, 200, &header, noise, NOW).is_err(), "{auth}");
    });
}
