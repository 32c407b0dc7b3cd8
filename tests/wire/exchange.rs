//! What our own peers add to a wire: only peers get in, bytes arrive whole, and another ring is counted.

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

/// The question of one node as it arrives at another.
fn arrives(from: &Exchange, at: &Exchange, now: u64) -> Result<IncomingRequest, Reply> {
    let asking = from.request(GROUP, KEY, NOW).unwrap();
    at.read_request(asking.method, &asking.path, Some(asking.seal), now).unwrap()
}

/// What the asker makes of an answer after somebody has changed it.
fn heard(
    from: &Exchange,
    at: &Exchange,
    reply: Reply,
    change: impl FnOnce(&mut Response),
) -> Result<PeerAnswer, Code> {
    let asking = from.request(GROUP, KEY, NOW).unwrap();
    let asked =
        at.read_request(asking.method, &asking.path, Some(asking.seal.clone()), NOW).unwrap().unwrap();
    let mut answer = at.respond(&asked, reply, NOW);
    change(&mut answer);
    let header = |name: &str| answer.header(name).map(str::to_owned);
    from.read_response(&asking, answer.status, &header, answer.body.clone(), NOW)
        .map_err(|error| error.code())
}

fn header_mut<'a>(answer: &'a mut Response, name: &str) -> &'a mut String {
    answer.headers.iter_mut().find(|header| header.0 == name).unwrap().1.to_mut()
}

type Change = fn(&mut Response);

fn drop_header(answer: &mut Response, name: &str) {
    answer.headers.retain(|header| header.0 != name);
}

#[test]
fn peers_with_the_same_secret_hear_each_other() {
    let right = Ok(PeerAnswer::Value { value: b"630".to_vec(), fresh_ms: Some(1_500) });
    for (from, at) in [
        (vec![], vec![]),
        (vec!["a"], vec!["a"]),
        (vec!["a", "b"], vec!["b", "a"]),
        (vec!["b"], vec!["a", "b"]),
    ] {
        let (from, at) = (exchange(&from), exchange(&at));
        assert_eq!(heard(&from, &at, value(), |_| ()), right);
        assert_eq!(heard(&from, &at, Reply::NotFound, |_| ()), Ok(PeerAnswer::NotFound));
        assert_eq!(
            at.counters.unauthorized() + from.counters.ring_mismatches() + at.counters.ring_mismatches(),
            0
        );
    }
}

#[test]
fn who_does_not_know_the_secret_learns_nothing() {
    let at = exchange(&["right"]);
    let asking = exchange(&["right"]).request(GROUP, KEY, NOW).unwrap();
    let ask = |method: &str, path: &str, seal: Option<&str>| {
        at.read_request(method, path, seal.map(str::to_owned), NOW)
    };
    let foreign = exchange(&["wrong"]).request(GROUP, KEY, NOW).unwrap();
    let mut refused = 0;
    for (method, path, seal) in [
        ("GET", &*asking.path, None),
        ("GET", &asking.path, Some("")),
        ("GET", &asking.path, Some("zz")),
        ("GET", &asking.path, Some(&*foreign.seal)),
        ("GET", &asking.path, Some(&asking.seal[..26])),
        ("GET", &asking.path, Some(&asking.seal[26..])),
        ("GET", &asking.path, Some(&asking.seal[..88])),
        ("HEAD", &asking.path, Some(&asking.seal)),
        ("GET", "/_geecache/scores/Jack", Some(&asking.seal)),
        ("GET", "/_geecache/score/sTom", Some(&asking.seal)),
        // Nor whether a path or a method would have been right.
        ("GET", "/_geecache/scores/%zz", Some(&asking.seal)),
        ("GET", "/_geecache/", None),
        ("DELETE", &asking.path, Some(&asking.seal)),
    ] {
        assert_eq!(ask(method, path, seal), Some(Err(Reply::Unauthorized)), "{method} {path} {seal:?}");
        refused += 1;
        assert_eq!(at.counters.unauthorized(), refused);
    }
    assert!(ask("GET", &asking.path, Some(&asking.seal)).unwrap().is_ok());
    assert_eq!(ask("GET", "/elsewhere", None), None, "not a peer's path");
}

#[test]
fn every_bit_of_a_seal_counts() {
    let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
    let asking = from.request(GROUP, KEY, NOW).unwrap();
    for at_digit in 0..asking.seal.len() {
        let mut seal = asking.seal.clone().into_bytes();
        seal[at_digit] = if seal[at_digit] == b'0' { b'1' } else { b'0' };
        let seal = String::from_utf8(seal).unwrap();
        assert_eq!(
            at.read_request("GET", &asking.path, Some(seal), NOW),
            Some(Err(Reply::Unauthorized)),
            "digit {at_digit}"
        );
    }
}

#[test]
fn clocks_may_be_half_a_minute_apart() {
    let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
    for (now, gets_in) in [
        (NOW, true),
        (NOW + CLOCK_SKEW_MS, true),
        (NOW - CLOCK_SKEW_MS, true),
        (NOW + CLOCK_SKEW_MS + 1, false),
        (NOW - CLOCK_SKEW_MS - 1, false),
        (0, false),
        (u64::MAX, false),
    ] {
        assert_eq!(arrives(&from, &at, now).is_ok(), gets_in, "{now}");
    }
    let (from, at) = (exchange(&[]), exchange(&[]));
    assert!(arrives(&from, &at, 0).is_ok(), "without a secret nobody looks at clocks");
}

#[test]
fn an_answer_that_was_changed_is_a_failed_peer() {
    let changes: [(&str, Change); 5] = [
        ("cut short", |answer| answer.body.truncate(2)),
        ("longer", |answer| answer.body.push(b'0')),
        ("altered", |answer| answer.body[1] ^= 1),
        ("empty", |answer| answer.body.clear()),
        ("seal", |answer| *header_mut(answer, AUTH_HEADER) = "00".into()),
    ];
    for secrets in [&[][..], &["secret"]] {
        let (from, at) = (exchange(secrets), exchange(secrets));
        for (what, change) in changes {
            assert_eq!(heard(&from, &at, value(), change), Err(Code::Peer), "{what}, {secrets:?}");
        }
    }
    let signed: [(&str, Change); 7] = [
        ("no seal", |answer| drop_header(answer, AUTH_HEADER)),
        ("no signature", |answer| header_mut(answer, AUTH_HEADER).truncate(16)),
        ("half a signature", |answer| header_mut(answer, AUTH_HEADER).truncate(48)),
        ("fresher", |answer| *header_mut(answer, FRESH_HEADER) = "9999999".into()),
        ("for ever", |answer| drop_header(answer, FRESH_HEADER)),
        ("another outcome", |answer| answer.headers.push((OUTCOME_HEADER, "absent".into()))),
        ("another status", |answer| answer.status = 203),
    ];
    for (what, change) in signed {
        let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
        assert_eq!(heard(&from, &at, value(), change), Err(Code::Peer), "{what}");
    }
}

#[test]
fn an_answer_to_another_question_is_a_failed_peer() {
    for secrets in [&[][..], &["secret"]] {
        let (from, at) = (exchange(secrets), exchange(secrets));
        let jack = from.request(GROUP, b"Jack", NOW).unwrap();
        let asked = at.read_request("GET", &jack.path, Some(jack.seal.clone()), NOW).unwrap().unwrap();
        let jacks = at.respond(&asked, value(), NOW);
        assert_eq!(heard(&from, &at, value(), |answer| *answer = jacks), Err(Code::Peer));
    }
    // The same question a moment before: what it was answered then is not an answer now.
    let (from, at) = (exchange(&["secret"]), exchange(&["secret"]));
    let before = from.request(GROUP, KEY, NOW - 1).unwrap();
    let asked = at.read_request("GET", &before.path, Some(before.seal.clone()), NOW).unwrap().unwrap();
    let old = at.respond(&asked, value(), NOW);
    assert_eq!(heard(&from, &at, value(), |answer| *answer = old), Err(Code::Peer));
}

#[test]
fn a_peer_that_cannot_sign_is_no_peer_of_one_that_can() {
    let (signs, plain) = (exchange(&["secret"]), exchange(&[]));
    assert_eq!(heard(&signs, &plain, value(), |_| ()), Err(Code::Peer), "its answer is not signed");
    assert_eq!(arrives(&plain, &signs, NOW), Err(Reply::Unauthorized));
    let other = exchange(&["other"]);
    assert_eq!(arrives(&signs, &other, NOW), Err(Reply::Unauthorized));
    let refusal = other.wire.write_response(Reply::Unauthorized, NOW);
    let asking = signs.request(GROUP, KEY, NOW).unwrap();
    let error = signs.read_response(&asking, refusal.status, &|_| None, refusal.body, NOW).unwrap_err();
    assert!(error.message().contains("same secret"), "{error}");
}

#[test]
fn without_a_secret_go_s_bare_answers_are_values() {
    let asking = exchange(&[]).request(GROUP, KEY, NOW).unwrap();
    let bare = exchange(&[]).read_response(&asking, 200, &|_| None, b"630".to_vec(), NOW);
    assert_eq!(bare.unwrap(), PeerAnswer::Value { value: b"630".to_vec(), fresh_ms: None });
}

#[test]
fn what_go_says_of_a_name_with_a_space_is_not_believed() {
    // A Go node that forwards "a b" asks for "a+b", and a 200 with that key's value comes back.
    let v3 = Exchange { wire: &GroupcacheV3, ..exchange(&[]) };
    for (from, group, key, believed) in [
        (exchange(&[]), GROUP, "a b", false),
        (exchange(&[]), "my group", "k", false),
        (exchange(&[]), GROUP, "a+b", true),
        (v3, GROUP, "a b", true),
    ] {
        let asking = from.request(group, key.as_bytes(), NOW).unwrap();
        let heard =
            from.read_response(&asking, 200, &|_| None, b"\x0a\x03630\x18\x00".to_vec(), NOW).unwrap();
        assert_eq!(matches!(heard, PeerAnswer::Value { .. }), believed, "{group} {key}");
        assert!(believed || matches!(heard, PeerAnswer::NotTransferable { .. }), "the peer is not at fault");
    }
    // Our own peers take it as it is, and say so in the seal.
    let (from, at) = (exchange(&[]), exchange(&[]));
    let asking = from.request(GROUP, b"a b", NOW).unwrap();
    let asked = at.read_request("GET", &asking.path, Some(asking.seal.clone()), NOW).unwrap().unwrap();
    let answer = at.respond(&asked, value(), NOW);
    let header = |name: &str| answer.header(name).map(str::to_owned);
    assert!(matches!(
        from.read_response(&asking, 200, &header, answer.body.clone(), NOW),
        Ok(PeerAnswer::Value { .. })
    ));
}

#[test]
fn another_list_of_peers_is_counted_on_both_sides_and_answered_all_the_same() {
    let (from, at) = (exchange(&["secret"]), Exchange { ring: 8, ..exchange(&["secret"]) });
    assert!(heard(&from, &at, value(), |_| ()).is_ok());
    assert_eq!((from.counters.ring_mismatches(), at.counters.ring_mismatches()), (1, 1));
}

#[test]
fn what_somebody_forwarded_is_refused() {
    let (from, at) = (exchange(&[]), exchange(&[]));
    let asking = from.request(GROUP, KEY, NOW).unwrap();
    assert!(asking.seal.ends_with("01"));
    let hops = [&asking.seal[..24], "02"].concat();
    assert_eq!(at.read_request("GET", &asking.path, Some(hops), NOW), Some(Err(Reply::Forwarded)));
}

#[test]
fn no_seal_whatever_breaks_anything() {
    for_seeds(500, |rng| {
        let at = exchange(if rng.chance(50) { &["secret"] } else { &[] });
        let len = rng.below(60);
        let noise = rng.bytes(len);
        let seal = if rng.chance(50) {
            noise.iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            String::from_utf8_lossy(&noise).into_owned()
        };
        let question = at.read_request("GET", "/_geecache/scores/Tom", Some(seal.clone()), NOW).unwrap();
        assert!(question.is_ok() || at.secrets.len() == 1 || question == Err(Reply::Forwarded), "{seal}");
        let asking = at.request(GROUP, KEY, NOW).unwrap();
        let header = |name: &str| (name == AUTH_HEADER).then(|| seal.clone());
        assert!(at.read_response(&asking, 200, &header, noise, NOW).is_err(), "{seal}");
    });
}
