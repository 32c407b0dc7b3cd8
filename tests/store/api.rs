//! The store through its public interface, under random operations and both policies: the guarantees that a group relies on. The unit
//! tests in `src/store/tests.rs` cover the layout in memory and the order of eviction.

use std::collections::HashMap;

use crate::support::{Rng, for_seeds};
use geecache_edge::store::{Found, Meta, Policy, Rejected, Store, StoreOptions};

const MAX_BYTES: usize = 16_384;
const MAX_ENTRY_BYTES: usize = 5_000;

fn store(policy: Policy) -> Store {
    let options =
        StoreOptions { max_bytes: MAX_BYTES, max_entry_bytes: MAX_ENTRY_BYTES, policy, hash_seed: 7 };
    Store::new(options).unwrap()
}

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>, Vec<u8>, Meta),
    Remove(Vec<u8>),
    Find(Vec<u8>),
    Peek(Vec<u8>),
    Clear,
}

/// A random operation on one of a dozen keys, so that most operations find an entry.
fn op(rng: &mut Rng) -> Op {
    let name = rng.below(12);
    let key = vec![b'a' + name as u8; 1 + name as usize * 3];
    match rng.below(100) {
        0..50 => {
            let len = match rng.below(10) {
                0 => 0,
                1 => 4_900 + rng.below(200),
                2 => rng.below(20_000),
                _ => rng.below(3_000),
            };
            let meta = Meta { expires_at_ms: rng.next(), flags: rng.next() as u8 & 3 };
            Op::Insert(key, rng.bytes(len), meta)
        }
        50..65 => Op::Remove(key),
        65..85 => Op::Find(key),
        85..99 => Op::Peek(key),
        _ => Op::Clear,
    }
}

fn random_walk(mut step: impl FnMut(&mut Store, Op), rng: &mut Rng, steps: usize) {
    let mut store = store(*rng.pick(&[Policy::Lru, Policy::Gdsf]));
    for _ in 0..steps {
        step(&mut store, op(rng));
        store.validate();
        assert!(store.used_bytes() <= store.reserved_bytes(), "used bytes are reserved");
        assert!(store.reserved_bytes() <= MAX_BYTES, "the budget holds");
        assert_eq!(store.is_empty(), store.payload_bytes() == 0);
    }
}

#[test]
fn lookup_after_random_operations_returns_the_last_value_or_none() {
    for_seeds(60, |rng| {
        let mut last: HashMap<Vec<u8>, (Vec<u8>, Meta)> = HashMap::new();
        let step = |store: &mut Store, op: Op| {
            let (len, evictions) = (store.len(), store.evictions());
            match op {
                Op::Insert(key, value, meta) => {
                    let existed = store.peek(&key).is_some();
                    let others = len - usize::from(existed);
                    match store.insert(&key, &value, meta) {
                        Ok(evicted) => {
                            assert_eq!(store.peek(&key), Some(Found { value: &value, meta: clamped(meta) }));
                            assert_eq!(
                                store.len() + evicted,
                                others + 1,
                                "insert returns the number of evicted entries"
                            );
                            assert_eq!(store.evictions(), evictions + evicted as u64);
                            last.insert(key, (value, meta));
                        }
                        Err(rejected) => {
                            assert_eq!(rejected == Rejected::TooLarge, value.len() > MAX_ENTRY_BYTES);
                            if rejected == Rejected::TooLarge {
                                assert_eq!(store.len(), others, "a value that is too large evicts nothing");
                            }
                            assert_eq!(store.peek(&key), None, "the old value is removed");
                            last.remove(&key);
                        }
                    }
                }
                Op::Remove(key) => {
                    assert_eq!(store.remove(&key), removed_one(len, store.len()));
                    assert_eq!(store.peek(&key), None);
                    last.remove(&key);
                }
                Op::Find(key) => {
                    let peeked = store.peek(&key).map(|found| (found.value.to_vec(), found.meta));
                    let found = store.find(&key);
                    assert_eq!(found.map(|(_, meta)| meta), peeked.as_ref().map(|(_, meta)| *meta));
                    let found = found
                        .map(|(entry, _)| store.at(entry))
                        .map(|found| (found.value.to_vec(), found.meta));
                    assert_eq!(found, peeked);
                }
                Op::Peek(key) => drop(store.peek(&key).map(|found| found.value.to_vec())),
                Op::Clear => {
                    store.clear();
                    assert_eq!((store.len(), store.payload_bytes(), store.evictions()), (0, 0, evictions));
                    last.clear();
                }
            }
            let mut found_keys = 0;
            for (key, (value, meta)) in &last {
                if let Some(found) = store.peek(key) {
                    assert_eq!(found, Found { value, meta: clamped(*meta) });
                    found_keys += 1;
                }
            }
            assert_eq!(store.len(), found_keys, "the store has no other entries");
        };
        random_walk(step, rng, 600);
    });
}

/// The stored form of a meta: expiry times are exact below 2^48 ms, and clamped above.
fn clamped(meta: Meta) -> Meta {
    match meta.expires_at_ms {
        u64::MAX => meta,
        time => Meta { expires_at_ms: time.min((1 << 48) - 2), ..meta },
    }
}

fn removed_one(before: usize, after: usize) -> bool {
    assert!(before - after <= 1);
    before > after
}

const FRESH: Meta = Meta { expires_at_ms: 1, flags: 0 };

#[test]
fn lru_find_protects_from_eviction_and_peek_does_not() {
    let options = StoreOptions { policy: Policy::Lru, ..StoreOptions::default() };
    let mut store = Store::weighing(options, 3).unwrap();
    for key in [b"a", b"b", b"c"] {
        store.insert_weighing(key, 1).unwrap();
    }
    store.find(b"a");
    store.peek(b"b");
    assert_eq!(store.insert_weighing(b"d", 1), Ok(1));
    assert!(store.peek(b"a").is_some());
    assert_eq!(store.peek(b"b"), None);
}

#[test]
fn insert_empty_value_is_found() {
    let mut store = store(Policy::Gdsf);
    store.insert(b"k", b"", FRESH).unwrap();
    assert_eq!(store.peek(b"k"), Some(Found { value: b"", meta: FRESH }));
    let (entry, meta) = store.find(b"k").unwrap();
    assert_eq!((store.at(entry).value, meta), (&b""[..], FRESH));
}

/// Hits of 300,000 requests for 1,000 hot keys, each of which is replaced by a new key after some twenty requests.
fn hits_of_short_lived_keys(policy: Policy, seed: u64) -> u32 {
    let options = StoreOptions { max_bytes: 256 << 10, policy, ..StoreOptions::default() };
    let mut store = Store::weighing(options, 1_100 << 10).unwrap();
    let mut rng = Rng::new(seed);
    let mut hot: Vec<u32> = (0..1_000).collect();
    let mut hits = 0;
    for fresh in 1_000..301_000 {
        let at = rng.below(1_000) as usize;
        let key = hot[at].to_le_bytes();
        match store.get(&key) {
            Some(_) => hits += 1,
            None => drop(store.insert_weighing(&key, 1 << 10)),
        }
        if rng.below(20) == 0 {
            hot[at] = fresh;
        }
    }
    hits
}

/// Past uses predict nothing here, which `gdsf` must learn from its ghosts: with its first exponent it loses to `lru`.
#[test]
fn gdsf_hot_keys_are_short_lived_hits_stay_near_lru() {
    for_seeds(3, |rng| {
        let seed = rng.next();
        let (lru, gdsf) =
            [Policy::Lru, Policy::Gdsf].map(|policy| hits_of_short_lived_keys(policy, seed)).into();
        assert!(gdsf * 100 > lru * 97, "lru {lru}, gdsf {gdsf}");
    });
}
