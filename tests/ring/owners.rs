//! Owners: equal to those of Go's own package, to a linear scan, and by the laws of consistent hashing.

use std::collections::HashMap;
use std::io::Read;

use crate::support::{Rng, for_seeds};
use geecache_edge::Ring;
use geecache_edge::ring::DEFAULT_REPLICAS;
use serde_json::Value;

const GEECACHE: [&str; 3] = ["http://localhost:8001", "http://localhost:8002", "http://localhost:8003"];

/// Two names that each have a point at this hash, found in Go's vectors.
const COLLISION: (&str, &str, u32) = ("http://10.20.11.228:8008", "https://pop-54795.example.net", 4_210_180);

#[test]
fn owner_golden_vectors_equal_go() {
    let file =
        std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ring.json.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let keys: HashMap<&str, Vec<Vec<u8>>> = golden["keys"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, keys)| (name.as_str(), bytes_of(keys)))
        .collect();
    let (mut rings, mut owners) = (0, 0);
    for case in golden["rings"].as_array().unwrap() {
        let peers: Vec<&str> = list(&golden["peers"][text_of(&case["peers"])]).iter().map(text_of).collect();
        let listed = list(&case["listed"]).iter().map(|index| peers[index.as_u64().unwrap() as usize]);
        let ring = Ring::new(case["replicas"].as_u64().unwrap() as u32, listed);
        let (keys, expected) = (&keys[text_of(&case["keys"])], list(&case["owners"]));
        assert_eq!(keys.len(), expected.len());
        for (key, owner) in keys.iter().zip(expected) {
            let expected = usize::try_from(owner.as_i64().unwrap()).ok().map(|index| peers[index]);
            assert_eq!(ring.owner(key).map(|peer| &**peer), expected, "{} {key:?}", case["peers"]);
            owners += 1;
        }
        rings += 1;
    }
    assert_eq!((rings, owners), (370, 123_731), "the whole file was read");
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes_of(keys: &Value) -> Vec<Vec<u8>> {
    let text = list(&keys["text"]).iter().map(|key| text_of(key).as_bytes().to_vec());
    let hex = keys["hex"].as_array().into_iter().flatten().map(|key| {
        let digits: Vec<char> = text_of(key).chars().collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
            .collect()
    });
    text.chain(hex).collect()
}

#[test]
fn owner_keys_of_the_geecache_tutorial_equal_go() {
    let ring = Ring::new(DEFAULT_REPLICAS, GEECACHE);
    for (key, owner) in [("Tom", 8001), ("Jack", 8001), ("Sam", 8003), ("kkk", 8001)] {
        assert_eq!(owner_of(&ring, key.as_bytes()), format!("http://localhost:{owner}"), "{key}");
    }
}

#[test]
fn owner_empty_ring_is_none() {
    for ring in [Ring::new(50, [""; 0]), Ring::default(), Ring::new(0, GEECACHE)] {
        assert_eq!(ring.owner(b"Tom"), None);
        assert_eq!(ring.owners(b"Tom").count(), 0);
    }
}

#[test]
fn owner_single_peer_owns_every_key() {
    for replicas in [1, 50] {
        let ring = Ring::new(replicas, ["alone"]);
        for hash in [0, 1, u32::MAX / 2, u32::MAX] {
            assert_eq!(owner_of(&ring, &key_at(hash)), "alone");
        }
        assert_eq!(ring.owners(b"Tom").map(|peer| &**peer).collect::<Vec<_>>(), ["alone"]);
    }
}

#[test]
fn owner_thousand_peers_equals_linear_scan() {
    for_seeds(1, |rng| {
        let peers = names(rng, 1_000);
        assert_equals_scan(rng, &peers, DEFAULT_REPLICAS, 150);
    });
}

#[test]
fn owner_random_rings_equals_linear_scan_at_every_point() {
    for_seeds(40, |rng| {
        let count = 1 + rng.below(12);
        let mut peers = names(rng, count);
        if rng.chance(30) {
            peers.push(rng.pick(&peers).clone());
        }
        let replicas = *rng.pick(&[1, 2, 3, 10, 50]);
        assert_equals_scan(rng, &peers, replicas, 60);
    });
}

fn assert_equals_scan(rng: &mut Rng, peers: &[String], replicas: u32, samples: usize) {
    let (ring, points) = (Ring::new(replicas, peers), points_of(replicas, peers));
    let mut hashes = vec![0, u32::MAX];
    for _ in 0..samples {
        let at = rng.pick(&points).0;
        hashes.extend([at, at.wrapping_sub(1), at.wrapping_add(1), rng.next() as u32]);
    }
    for hash in hashes {
        let (owner, _) = scan(&points, hash);
        assert_eq!(owner_of(&ring, &key_at(hash)), peers[owner], "at {hash}");
    }
}

#[test]
fn owners_returns_each_peer_once_in_ring_order() {
    for_seeds(20, |rng| {
        let count = 1 + rng.below(30);
        let peers = names(rng, count);
        let (ring, points) = (Ring::new(50, &peers), points_of(50, &peers));
        for _ in 0..50 {
            let hash = rng.next() as u32;
            let mut around = points.clone();
            around.sort_by_key(|&(at, peer)| (at.wrapping_sub(hash), usize::MAX - peer));
            let mut expected: Vec<&str> = Vec::new();
            for (_, peer) in around {
                if !expected.contains(&&*peers[peer]) {
                    expected.push(&peers[peer]);
                }
            }
            let key = key_at(hash);
            assert_eq!(ring.owners(&key).map(|peer| &**peer).collect::<Vec<_>>(), expected);
            assert_eq!(ring.owners(&key).next(), ring.owner(&key));
            assert_eq!(expected.len(), peers.len());
        }
    });
}

#[test]
fn owner_peer_removed_moves_only_its_keys() {
    for_seeds(20, |rng| {
        let count = 2 + rng.below(20);
        let peers = names(rng, count);
        let removed = rng.pick(&peers).clone();
        let left: Vec<&String> = peers.iter().filter(|&peer| *peer != removed).collect();
        let (before, after) = (Ring::new(50, &peers), Ring::new(50, left));
        let mut moved = 0;
        for key in keys(rng, 2_000) {
            let was = owner_of(&before, &key);
            if was == removed {
                moved += 1;
                let next = before.owners(&key).nth(1).map(|peer| &**peer);
                assert_eq!(Some(owner_of(&after, &key)), next, "the next peer on the ring takes over");
            } else {
                assert_eq!(owner_of(&after, &key), was);
            }
        }
        assert!(moved > 0, "the peer owned something");
    });
}

#[test]
fn owner_peer_added_moves_its_share_to_it() {
    for_seeds(10, |rng| {
        let (mut moved, mut fair) = (0.0, 0.0);
        for count in [3, 7, 15, 31, 10, 20, 5, 12] {
            let mut peers = names(rng, count);
            let before = Ring::new(50, &peers);
            peers.push("https://added.example.net".into());
            let after = Ring::new(50, &peers);
            for key in keys(rng, 1_000) {
                fair += 1.0 / (count + 1) as f64;
                if owner_of(&before, &key) != owner_of(&after, &key) {
                    assert_eq!(owner_of(&after, &key), "https://added.example.net");
                    moved += 1.0;
                }
            }
        }
        // The share on one ring deviates widely with 50 crc32 points; the mean over eight rings does not.
        assert!((0.6..1.6).contains(&(moved / fair)), "{moved} keys moved where {fair} would be fair");
    });
}

#[test]
fn owner_colliding_points_belong_to_peer_listed_last() {
    let (a, b, hash) = COLLISION;
    let (ab, ba) = (Ring::new(50, [a, b]), Ring::new(50, [b, a]));
    assert_eq!(owner_of(&ab, &key_at(hash)), b);
    assert_eq!(owner_of(&ba, &key_at(hash)), a);
    let aba = Ring::new(50, [a, b, a]);
    assert_eq!(owner_of(&aba, &key_at(hash)), a, "a peer listed twice counts as listed last");
    assert_eq!(owner_of(&ab, &key_at(hash + 1)), owner_of(&ba, &key_at(hash + 1)));
}

#[test]
fn owner_order_of_peers_matters_only_at_collisions() {
    for_seeds(20, |rng| {
        // Bare digits collide by construction: "1" + "10.0.0.2" is "11" + "0.0.0.2".
        let mut peers: Vec<String> =
            ["10.0.0.2:8008", "110.0.0.2:8008", "0.0.0.2:8008"].map(String::from).into();
        peers.extend(names(rng, 3));
        let (one, points) = (Ring::new(50, &peers), points_of(50, &peers));
        let mut shuffled = peers.clone();
        shuffled[..3].rotate_left(1);
        rng.shuffle(&mut shuffled[3..]);
        let other = Ring::new(50, &shuffled);
        let mut differ = 0;
        for &(hash, _) in &points {
            for hash in [hash, hash.wrapping_sub(1), hash.wrapping_add(1)] {
                let key = key_at(hash);
                if owner_of(&one, &key) != owner_of(&other, &key) {
                    differ += 1;
                    assert!(scan(&points, hash).1, "at {hash} only one peer has the point");
                }
            }
        }
        assert!(differ > 0, "these names collide");
    });
}

#[test]
fn fingerprint_different_lists_differ() {
    let prints = [
        Ring::new(50, ["ab", "c"]),
        Ring::new(50, ["c", "ab"]),
        Ring::new(50, ["a", "bc"]),
        Ring::new(50, ["ab", "c", "c"]),
        Ring::new(50, ["ab", "c/"]),
        Ring::new(51, ["ab", "c"]),
        Ring::new(50, ["abc"]),
    ]
    .map(|ring| ring.fingerprint());
    for (at, print) in prints.iter().enumerate() {
        assert_ne!(*print, 0);
        assert!(!prints[..at].contains(print), "list {at} has the fingerprint of one before it");
    }
    assert_eq!(prints[0], Ring::new(50, [String::from("ab"), String::from("c")]).fingerprint());
    assert_eq!(Ring::new(50, [""; 0]).fingerprint(), 0);
}

fn owner_of<'a>(ring: &'a Ring, key: &[u8]) -> &'a str {
    ring.owner(key).expect("the ring has a peer")
}

fn names(rng: &mut Rng, count: u64) -> Vec<String> {
    (0..count).map(|at| format!("https://pop-{at}-{}.example.net", rng.below(1 << 32))).collect()
}

fn keys(rng: &mut Rng, count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|_| format!("user:{}", rng.below(1 << 40)).into_bytes()).collect()
}

/// The points of all peers, with the peer's index.
fn points_of(replicas: u32, peers: &[String]) -> Vec<(u32, usize)> {
    let each = peers.iter().enumerate().flat_map(|peer| (0..replicas).map(move |replica| (replica, peer)));
    each.map(|(replica, (at, name))| (crc32(format!("{replica}{name}").as_bytes()), at)).collect()
}

/// Model: finds the owner by a scan over all points, and whether another peer shares that point.
fn scan(points: &[(u32, usize)], hash: u32) -> (usize, bool) {
    let nearest = points.iter().map(|(at, _)| at.wrapping_sub(hash)).min().unwrap();
    let mut nearest_points =
        points.iter().filter(|(at, _)| at.wrapping_sub(hash) == nearest).map(|&(_, peer)| peer);
    let last = nearest_points.clone().max().unwrap();
    (last, nearest_points.any(|peer| peer != last))
}

const POLYNOMIAL: u32 = 0xedb8_8320;

/// Bitwise crc32, so that the model shares no code with the ring.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 })
    })
}

/// The four-byte key whose crc32 is `hash`: crc32 of four bytes is invertible.
fn key_at(hash: u32) -> [u8; 4] {
    let back = |crc: u32, _| if crc >> 31 == 1 { ((crc ^ POLYNOMIAL) << 1) | 1 } else { crc << 1 };
    let key = (!(0..32).fold(!hash, back)).to_le_bytes();
    assert_eq!(crc32(&key), hash);
    key
}
