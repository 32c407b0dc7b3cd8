//! groupcache-v3: expiry in both directions, and requests that change copies.

use std::sync::Arc;

use crate::golden::{bytes_of, hex, list, text, wires};
use crate::support::for_seeds;
use geecache_edge::PeerAnswer;
use geecache_edge::wire::{
    Exchange, ExchangeCounters, Groupcache, GroupcacheV3, Reply, Request, SetRequest, Wire,
};

const NOW: u64 = 1_700_000_000_000;
const BASE: &str = "/_groupcache/";

fn exchange(secrets: &[&str]) -> Exchange {
    let secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
    Exchange {
        wire: &GroupcacheV3,
        base_path: BASE.into(),
        ring: 7,
        secrets,
        counters: Arc::new(ExchangeCounters::default()),
    }
}

/// The ms left until a time in ns since the epoch.
fn left_ms(expire: i64) -> Option<u64> {
    (expire != 0).then(|| (expire / 1_000_000).saturating_sub(NOW as i64).max(0) as u64)
}

#[test]
fn expiry_golden_vectors_decode_to_freshness() {
    let golden = wires();
    assert_eq!(list(&golden["v3"]["get"]).len(), 21);
    for row in list(&golden["v3"]["get"]) {
        let got = GroupcacheV3.read_response(200, &|_| None, bytes_of(&row["body_hex"]), NOW).unwrap();
        let fresh_ms = left_ms(row["expire"].as_i64().unwrap());
        assert_eq!(got, PeerAnswer::Value { value: bytes_of(&row["value_hex"]), fresh_ms }, "{row}");
    }
}

#[test]
fn expiry_none_is_sent_as_zero() {
    let sent = |value: &[u8], fresh_ms| {
        hex(&GroupcacheV3.write_response(Reply::Value { value: value.to_vec(), fresh_ms }, NOW).body)
    };
    assert_eq!(sent(b"630", None), "0a033633301800");
    let golden = wires();
    for row in list(&golden["v3"]["get"]).iter().filter(|row| row["expire"] == 1_700_000_000_000_000_000_i64)
    {
        assert_eq!(sent(&bytes_of(&row["value_hex"]), Some(0)), text(row, "body_hex"), "{row}");
    }
    // At time 0, a freshness of 0 is still not "does not expire".
    let body = GroupcacheV3.write_response(Reply::Value { value: vec![], fresh_ms: Some(0) }, 0).body;
    let got = GroupcacheV3.read_response(200, &|_| None, body, 0);
    assert!(matches!(got, Ok(PeerAnswer::Value { fresh_ms: Some(0..=1), .. })), "{got:?}");
    // A long freshness neither overflows nor becomes "does not expire".
    for fresh_ms in [1, 60_000, 1 << 42, u64::MAX] {
        let body =
            GroupcacheV3.write_response(Reply::Value { value: vec![], fresh_ms: Some(fresh_ms) }, NOW).body;
        let Ok(PeerAnswer::Value { fresh_ms: Some(left), .. }) =
            GroupcacheV3.read_response(200, &|_| None, body, NOW)
        else {
            panic!("{fresh_ms}");
        };
        assert!(left == fresh_ms || left > 1 << 42, "{left} of {fresh_ms}");
    }
}

#[test]
fn set_request_golden_vectors_round_trip() {
    let golden = wires();
    assert_eq!(list(&golden["v3"]["set"]).len(), 21);
    for row in list(&golden["v3"]["set"]) {
        let (body, value) = (bytes_of(&row["body_hex"]), bytes_of(&row["value_hex"]));
        let fresh_ms = left_ms(row["expire"].as_i64().unwrap());
        let expected = SetRequest { key: text(row, "key").as_bytes(), value: &value, fresh_ms };
        assert_eq!(SetRequest::read(&body, NOW), Some(expected.clone()), "{row}");
        if row["expire"] == 0 || row["expire"] == 1_700_000_000_000_000_000_i64 {
            assert_eq!(
                hex(&expected.encode("scores", NOW)),
                text(row, "body_hex"),
                "equal to the protobuf library's encoding"
            );
        }
    }
    assert_eq!(SetRequest::read(b"\x12\x05Tom", NOW), None);
}

#[test]
fn set_request_altered_body_never_panics() {
    let golden = wires();
    for_seeds(5_000, |rng| {
        let mut body = bytes_of(&rng.pick(list(&golden["v3"]["set"]))["body_hex"]);
        for _ in 0..=rng.below(3) {
            let at = rng.below(body.len() as u64) as usize;
            body[at] = *rng.pick(b"\x00\x0a\x7f\xff\"\\u{}[],:0");
        }
        let _ = SetRequest::read(&body, NOW);
    });
}

#[test]
fn change_methods_are_v3_only_and_never_with_a_secret() {
    let request = |wire: &dyn Wire, method| wire.read_request(BASE, method, "/_groupcache/scores/a%20b+");
    for method in ["PUT", "DELETE", "POST"] {
        let incoming = Request { group: "scores".to_owned(), key: b"a b+".to_vec(), head: false };
        assert_eq!(request(&GroupcacheV3, method), Some(Ok(incoming)), "{method}: escaped as in a path");
        assert_eq!(request(&Groupcache, method), Some(Err(Reply::MethodNotAllowed)), "{method}");
    }
    for method in ["PATCH", "OPTIONS", "put", ""] {
        assert_eq!(request(&GroupcacheV3, method), Some(Err(Reply::MethodNotAllowed)), "{method}");
    }
    // Bodies are not signed: with a secret every change is rejected, even one with a valid auth header.
    let ours = exchange(&["s"]);
    let request = ours.request("scores", b"Tom", NOW).unwrap();
    assert!(ours.read_request("GET", &request.path, Some(request.auth.clone()), NOW).unwrap().is_ok());
    for method in ["PUT", "DELETE", "POST"] {
        for auth in [None, Some(request.auth.clone())] {
            let got = ours.read_request(method, &request.path, auth, NOW).unwrap();
            assert_eq!(got.unwrap_err(), Reply::Unauthorized, "{method}");
        }
        assert!(exchange(&[]).read_request(method, &request.path, None, NOW).unwrap().is_ok(), "{method}");
    }
    assert_eq!(ours.counters.unauthorized(), 6);
}
