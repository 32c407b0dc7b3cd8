//! Placements: groupcache-go's owners equal Go's, the balanced ring is frozen and evenly loaded.

use std::collections::HashMap;
use std::io::Read;

use crate::support::for_seeds;
use geecache_edge::Ring;
use geecache_edge::ring::Placement::{self, Balanced, Geecache, GroupcacheV3};
use serde_json::Value;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ring-placements.json.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn bytes_of(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn owner_golden_vectors_of_placements_are_unchanged() {
    let golden = golden();
    let keys: Vec<Vec<u8>> = list(&golden["keys_hex"]).iter().map(bytes_of).collect();
    let mut owners = HashMap::new();
    for case in list(&golden["rings"]) {
        let name = case["placement"].as_str().unwrap();
        let placement = if name == "balanced" { Balanced } else { GroupcacheV3 };
        let peers: Vec<&str> = list(&case["peers"]).iter().map(|peer| peer.as_str().unwrap()).collect();
        let ring = Ring::placed(placement, case["replicas"].as_u64().unwrap() as u32, &peers);
        assert_eq!(keys.len(), list(&case["owners"]).len());
        for (key, owner) in keys.iter().zip(list(&case["owners"])) {
            let expected = peers[owner.as_u64().unwrap() as usize];
            assert_eq!(&**ring.owner(key).unwrap(), expected, "{name}: {peers:?} {key:?}");
            assert_eq!(ring.owners(key).next(), ring.owner(key));
            *owners.entry(name).or_insert(0) += 1;
        }
    }
    assert_eq!(
        owners,
        HashMap::from([("balanced", 9_900), ("groupcache-v3", 9_900)]),
        "the whole file was read"
    );
}

/// Keys of the busiest peer over the mean.
fn busiest(placement: Placement, peers: &[String]) -> f64 {
    let ring = Ring::placed(placement, 50, peers);
    let mut keys: HashMap<&str, f64> = HashMap::new();
    for key in 0..100_000 {
        *keys.entry(ring.owner(format!("user:{key}").as_bytes()).unwrap()).or_default() += 1.0;
    }
    keys.into_values().fold(0.0, f64::max) * peers.len() as f64 / 100_000.0
}

#[test]
fn busiest_of_ten_peers_balanced_ring_is_near_the_mean() {
    for first in [0, 1] {
        let peers: Vec<String> =
            (first..first + 10).map(|n| format!("https://node-{n}.example.net")).collect();
        let (go, balanced) = (busiest(Geecache, &peers), busiest(Balanced, &peers));
        assert!(go > 2.4, "Go's ring is no longer uneven: {go}");
        assert!(balanced <= 1.15, "{balanced} for {peers:?}");
    }
    for_seeds(10, |rng| {
        let peers: Vec<String> =
            (0..10).map(|_| format!("https://pop-{}.example.com", rng.below(100_000))).collect();
        let balanced = busiest(Balanced, &peers);
        assert!(balanced <= 1.2, "{balanced} for {peers:?}");
    });
}

#[test]
fn owner_peer_removed_moves_only_its_keys_in_every_placement() {
    for placement in [Balanced, GroupcacheV3] {
        let peers: Vec<String> = (0..7).map(|n| format!("10.0.0.{n}:8080")).collect();
        let (before, after) = (Ring::placed(placement, 50, &peers), Ring::placed(placement, 50, &peers[1..]));
        let mut moved = 0;
        for key in 0..2_000 {
            let key = format!("user:{key}");
            let (was, is) = (before.owner(key.as_bytes()).unwrap(), after.owner(key.as_bytes()).unwrap());
            if **was == *peers[0] {
                moved += 1;
                assert_eq!(
                    Some(is),
                    before.owners(key.as_bytes()).nth(1),
                    "the next peer on the ring takes over"
                );
            } else {
                assert_eq!(was, is);
            }
        }
        assert!(moved > 0, "the peer owned something");
    }
}

#[test]
fn groupcache_v3_positions_use_all_64_bits() {
    // A point has the position of its hexadecimal MD5 taken as a key. Keys that differ in their last byte share all but the
    // lowest eight bits: the keys beyond the point belong to the other peer.
    let points = [("a:1", "99ddb3f47633f62052a7991df4974f33"), ("b:1", "f41b3f68517fcc810d53c85f8b247d3e")];
    let ring = Ring::placed(GroupcacheV3, 1, points.map(|(peer, _)| peer));
    for (at, (peer, digest)) in points.into_iter().enumerate() {
        let (position, other) = (fnv1(digest.as_bytes()), points[1 - at].0);
        let mut owned = [0, 0];
        for byte in 0..=255 {
            let key = [&digest.as_bytes()[..31], &[byte]].concat();
            let beyond = fnv1(&key) > position;
            assert_eq!(&**ring.owner(&key).unwrap(), if beyond { other } else { peer }, "{peer}, {byte}");
            owned[usize::from(beyond)] += 1;
        }
        assert!(owned[0] > 0 && owned[1] > 0, "keys on both sides of {peer}: {owned:?}");
    }
}

fn fnv1(bytes: &[u8]) -> u64 {
    bytes.iter().fold(14_695_981_039_346_656_037, |hash: u64, &byte| {
        hash.wrapping_mul(1_099_511_628_211) ^ u64::from(byte)
    })
}

#[test]
fn fingerprint_different_placements_differ() {
    let prints = [Geecache, GroupcacheV3, Balanced]
        .map(|placement| Ring::placed(placement, 50, ["a", "b"]).fingerprint());
    assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2], "{prints:?}");
    assert_eq!(prints[0], Ring::new(50, ["a", "b"]).fingerprint());
}
