//! groupcache-v3's own: expiry both ways, and peers that are told what to keep and what to forget.

use std::sync::Arc;

use crate::golden::{bytes_of, hex, list, text, wires};
use crate::support::for_seeds;
use geecache_edge::PeerAnswer;
use geecache_edge::wire::{
    Exchange, ExchangeCounters, Groupcache, GroupcacheV3, Reply, Request, SetRequest, Wire, keys_in,
    keys_written,
};
use serde_json::Value;

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

/// JSON read by another reader, as JavaScript does it.
fn serde_keys(body: &[u8]) -> Option<Vec<String>> {
    let keys = serde_json::from_slice::<Value>(body).ok()?;
    list(keys.get("keys")?).iter().map(|key| key.as_str().map(str::to_owned)).collect()
}

/// What is left of a time in ns since the epoch.
fn left_ms(expire: i64) -> Option<u64> {
    (expire != 0).then(|| (expire / 1_000_000).saturating_sub(NOW as i64).max(0) as u64)
}

#[test]
fn an_expiry_is_read_as_what_is_left_of_it() {
    let golden = wires();
    assert_eq!(list(&golden["v3"]["get"]).len(), 21);
    for row in list(&golden["v3"]["get"]) {
        let got = GroupcacheV3.read_response(200, &|_| None, bytes_of(&row["body_hex"]), NOW).unwrap();
        let fresh_ms = left_ms(row["expire"].as_i64().unwrap());
        assert_eq!(got, PeerAnswer::Value { value: bytes_of(&row["value_hex"]), fresh_ms }, "{row}");
    }
}

#[test]
fn an_expiry_is_sent_and_0_where_there_is_none() {
    let sent = |value: &[u8], fresh_ms| {
        hex(&GroupcacheV3.write_response(Reply::Value { value: value.to_vec(), fresh_ms }, NOW).body)
    };
    assert_eq!(sent(b"630", None), "0a033633301800");
    let golden = wires();
    for row in list(&golden["v3"]["get"]).iter().filter(|row| row["expire"] == 1_700_000_000_000_000_000_i64)
    {
        assert_eq!(sent(&bytes_of(&row["value_hex"]), Some(0)), text(row, "body_hex"), "{row}");
    }
    // At the beginning of time, 0 is not for ever either.
    let body = GroupcacheV3.write_response(Reply::Value { value: vec![], fresh_ms: Some(0) }, 0).body;
    let got = GroupcacheV3.read_response(200, &|_| None, body, 0);
    assert!(matches!(got, Ok(PeerAnswer::Value { fresh_ms: Some(0..=1), .. })), "{got:?}");
    // However long it is, it is neither "for ever" nor past.
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
fn a_set_request_is_read_and_written() {
    let golden = wires();
    assert_eq!(list(&golden["v3"]["set"]).len(), 21);
    for row in list(&golden["v3"]["set"]) {
        let (body, value) = (bytes_of(&row["body_hex"]), bytes_of(&row["value_hex"]));
        let fresh_ms = left_ms(row["expire"].as_i64().unwrap());
        let expected = SetRequest { key: text(row, "key").as_bytes(), value: &value, fresh_ms };
        assert_eq!(SetRequest::read(&body, NOW), Some(expected.clone()), "{row}");
        if row["expire"] == 0 || row["expire"] == 1_700_000_000_000_000_000_i64 {
            assert_eq!(
                hex(&expected.written("scores", NOW)),
                text(row, "body_hex"),
                "as the protobuf library has it"
            );
        }
    }
    assert_eq!(SetRequest::read(b"\x12\x05Tom", NOW), None);
}

#[test]
fn keys_to_forget_are_read_as_go_writes_them_and_written_as_json() {
    let golden = wires();
    let rows = list(&golden["v3"]["remove_keys"]);
    assert_eq!(rows.len(), 5);
    for row in rows.iter().filter(|row| !row["keys"].is_null()) {
        let keys: Vec<&str> = list(&row["keys"]).iter().map(|key| key.as_str().unwrap()).collect();
        assert_eq!(keys_in(text(row, "body").as_bytes()).unwrap(), keys, "{row}");
        let written =
            keys_written("scores", &keys.iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(serde_keys(&written.unwrap()).unwrap(), keys, "{row}");
    }
    assert_eq!(keys_written("scores", &[vec![0xff]]), None, "JSON holds text alone");
    for body in [
        "",
        "{}x",
        "[]",
        "{\"keys\":[1]}",
        "{\"keys\":[\"a\",]}",
        "{\"keys\":[\"\\ud800\"]}",
        "{\"keys\":[\"\\u12\"]}",
        "{\"keys\":\"a\"}",
        "\u{feff}{}",
        "{\"keys\":[\"a\"]",
    ] {
        assert_eq!(keys_in(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn a_body_of_any_bytes_traps_nothing() {
    let golden = wires();
    for_seeds(5_000, |rng| {
        let mut set = bytes_of(&rng.pick(list(&golden["v3"]["set"]))["body_hex"]);
        let mut keys = text(rng.pick(list(&golden["v3"]["remove_keys"])), "body").as_bytes().to_vec();
        for body in [&mut set, &mut keys] {
            for _ in 0..=rng.below(3) {
                let at = rng.below(body.len() as u64) as usize;
                body[at] = *rng.pick(b"\x00\x0a\x7f\xff\"\\u{}[],:0");
            }
        }
        let _ = SetRequest::read(&set, NOW);
        // Whatever is read as JSON is JSON.
        if let Some(ours) = keys_in(&keys) {
            assert_eq!(ours, serde_keys(&keys).unwrap_or_default());
        }
    });
}

#[test]
fn v3_alone_has_methods_that_change_copies_and_only_where_nobody_signs() {
    let question = |wire: &dyn Wire, method| wire.read_request(BASE, method, "/_groupcache/scores/a%20b+");
    for method in ["PUT", "DELETE", "POST"] {
        let asked = Request { group: "scores".to_owned(), key: b"a b+".to_vec(), head: false };
        assert_eq!(question(&GroupcacheV3, method), Some(Ok(asked)), "{method}: escaped as for a path");
        assert_eq!(question(&Groupcache, method), Some(Err(Reply::MethodNotAllowed)), "{method}");
    }
    for method in ["PATCH", "OPTIONS", "put", ""] {
        assert_eq!(question(&GroupcacheV3, method), Some(Err(Reply::MethodNotAllowed)), "{method}");
    }
    // Bodies are not signed: with a secret there are no changes, not even from one who knows it.
    let ours = exchange(&["s"]);
    let asking = ours.request("scores", b"Tom", NOW).unwrap();
    assert!(ours.read_request("GET", &asking.path, Some(asking.seal.clone()), NOW).unwrap().is_ok());
    for method in ["PUT", "DELETE", "POST"] {
        for seal in [None, Some(asking.seal.clone())] {
            let got = ours.read_request(method, &asking.path, seal, NOW).unwrap();
            assert_eq!(got.unwrap_err(), Reply::Unauthorized, "{method}");
        }
        assert!(exchange(&[]).read_request(method, &asking.path, None, NOW).unwrap().is_ok(), "{method}");
    }
    assert_eq!(ours.counters.unauthorized(), 6);
}
