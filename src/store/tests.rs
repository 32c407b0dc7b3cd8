//! The store against simple models, under random operations from seeds. `STORE_SEED=17 cargo test --lib store` replays one seed,
//! `STORE_EFFORT=10 cargo test --release --lib store` runs ten times as many seeds and steps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use std::collections::HashMap;

/// xorshift64*: small, and the same on all platforms.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    /// A size up to `most`, small more often than large.
    fn size(&mut self, most: u64) -> usize {
        let most = most.max(1) >> self.below(64 - u64::from(most.max(1).leading_zeros()));
        self.below(most + 1) as usize
    }
}

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("STORE_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..if cfg!(miri) { 2 } else { count * effort() }).collect(),
    }
}

fn effort() -> u64 {
    std::env::var("STORE_EFFORT").map_or(1, |effort| effort.parse().unwrap())
}

fn value(key: &[u8], version: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(version ^ key.len() as u64);
    (0..len).map(|_| rng.below(256) as u8).collect()
}

fn meta(version: u64) -> Meta {
    Meta {
        expires_at_ms: if version.is_multiple_of(5) { u64::MAX } else { version * 1_000_003 },
        flags: version as u8 & 3,
    }
}

/// The last value of each key: the only value that the store may return for it.
#[derive(Default)]
struct Model(HashMap<Vec<u8>, (Vec<u8>, Meta)>);

impl Model {
    fn check(&self, key: &[u8], found: Option<Found<'_>>) {
        if let Some(found) = found {
            let (value, meta) = self.0.get(key).expect("a removed or rejected key is not found");
            assert_eq!((found.value, found.meta), (&value[..], *meta), "a found value is the last one");
        }
    }
}

fn random_operations(seed: u64, policy: Policy) {
    let mut rng = Rng::new(seed);
    // Miri is a thousand times slower: a small store that fills soon, and short values.
    let max_bytes = MIN_MAX_BYTES << rng.below(if cfg!(miri) { 1 } else { 7 });
    let max_entry_bytes = [0, max_bytes / 64, max_bytes / 3, max_bytes][rng.below(4) as usize];
    let mut store = Store::new(StoreOptions { max_bytes, max_entry_bytes, policy, hash_seed: seed }).unwrap();
    let mut model = Model::default();
    let keys = 1 + rng.below(4000);
    let mut most = 64;
    let steps = if cfg!(miri) { 250 } else { 6000 };
    for step in 0..steps {
        if step % 500 == 0 {
            most = 1 << rng.below(if cfg!(miri) { 9 } else { 16 });
        }
        let mut key = rng.below(keys).to_le_bytes()[..2 + rng.below(2) as usize].to_vec();
        if key[0].is_multiple_of(16) {
            key.resize(200, 7);
        }
        match rng.below(16) {
            0..=6 => model.check(&key, store.get(&key)),
            7 => model.check(&key, store.peek(&key)),
            8 => {
                let existed = store.peek(&key).is_some();
                assert_eq!(store.remove(&key), existed);
                model.0.remove(&key);
            }
            9 if rng.below(400) == 0 => {
                store.clear();
                model.0.clear();
                assert_eq!((store.len(), store.payload_bytes()), (0, 0));
            }
            _ => {
                let bytes = value(&key, step, rng.size(most));
                let before = store.len() + usize::from(store.peek(&key).is_none());
                match store.insert(&key, &bytes, meta(step)) {
                    Ok(evicted) => {
                        model.0.insert(key.clone(), (bytes, meta(step)));
                        assert!(store.peek(&key).is_some(), "an inserted key is found");
                        assert_eq!(store.len(), before - evicted);
                    }
                    Err(rejected) => {
                        model.0.remove(&key);
                        assert!(store.peek(&key).is_none(), "a rejected insert leaves no stale value");
                        assert!(rejected != Rejected::NotAdmitted || policy == Policy::Gdsf);
                        assert!(rejected != Rejected::NoMemory);
                    }
                }
            }
        }
        if rng.below(if cfg!(miri) { 100 } else { 40 }) == 0 {
            store.validate();
        }
    }
    store.validate();
}

#[test]
fn operations_random_values_match_the_model() {
    for seed in seeds(40) {
        for policy in [Policy::Lru, Policy::Gdsf] {
            let outcome = std::panic::catch_unwind(|| random_operations(seed, policy));
            assert!(outcome.is_ok(), "STORE_SEED={seed} with {policy:?}");
        }
    }
}

const NEVER: Meta = Meta { expires_at_ms: u64::MAX, flags: 0 };

fn store(max_bytes: usize, policy: Policy) -> Store {
    Store::new(StoreOptions { max_bytes, policy, ..StoreOptions::default() }).unwrap()
}

/// A model of LRU: which requests hit.
fn lru_hits(requests: &[(u64, u32)], capacity: u32) -> Vec<bool> {
    let (mut cached, mut used) = (Vec::<(u64, u32)>::new(), 0);
    let hit = |&(key, size): &(u64, u32)| {
        let at = cached.iter().position(|entry| entry.0 == key);
        used += at.map_or(size, |_| 0);
        let entry = at.map_or((key, size), |at| cached.remove(at));
        cached.push(entry);
        while used > capacity {
            used -= cached.remove(0).1;
        }
        at.is_some()
    };
    requests.iter().map(hit).collect()
}

#[test]
fn lru_random_requests_hits_match_the_model() {
    for seed in seeds(50) {
        let mut rng = Rng::new(seed);
        let (keys, most) = (1 + rng.below(300), 1 + rng.below(50));
        let count = if cfg!(miri) { 150 } else { 4000 };
        let requests: Vec<_> = (0..count)
            .map(|_| rng.below(keys) & rng.below(keys))
            .map(|key| (key, 1 + (key * 37 % most) as u32))
            .collect();
        let capacity = 50 + rng.below(1000) as u32;
        let options = StoreOptions { max_bytes: 1 << 20, policy: Policy::Lru, ..StoreOptions::default() };
        let mut store = Store::weighing(options, capacity.into()).unwrap();
        let request = |&(key, size): &(u64, u32)| {
            let hit = store.get(&key.to_le_bytes()).is_some();
            if !hit {
                store.insert_weighing(&key.to_le_bytes(), size).unwrap();
            }
            hit
        };
        let hits: Vec<bool> = requests.iter().map(request).collect();
        assert_eq!(hits, lru_hits(&requests, capacity), "STORE_SEED={seed}");
    }
}

#[test]
fn insert_sizes_shift_budget_holds_and_stays_in_use() {
    for policy in [Policy::Lru, Policy::Gdsf] {
        let mut store = store(2 << 20, policy);
        let mut rng = Rng::new(3);
        let bytes = vec![1; 1 << 16];
        for (shift, octaves) in [(4, 12), (4, 4), (12, 4), (14, 2), (5, 3), (8, 4)]
            .into_iter()
            .cycle()
            .take(if cfg!(miri) { 0 } else { 12 })
            .enumerate()
        {
            for step in 0..if cfg!(miri) { 50 } else { 8_000 * effort() } {
                let len = (1u64 << (octaves.0 + rng.below(octaves.1))) + rng.below(16);
                let _ = store.insert(
                    format!("{shift} {}", rng.below(50_000)).as_bytes(),
                    &bytes[..len.min(65_536) as usize],
                    NEVER,
                );
                assert!(store.reserved_bytes() <= store.max_bytes());
                if shift > 0 && step % 64 == 0 && !cfg!(miri) {
                    let percent = |bytes: usize| bytes * 100 / store.max_bytes();
                    let (used, payload) = (percent(store.used_bytes()), percent(store.payload_bytes()));
                    assert!(used >= 94 && payload >= 88, "{policy:?}: {used} % in use, {payload} % payload");
                }
            }
            store.validate();
        }
    }
}

#[test]
fn insert_largest_value_fits_and_a_larger_one_evicts_nothing() {
    for policy in [Policy::Lru, Policy::Gdsf] {
        for (max_bytes, max_entry_bytes) in
            [(MIN_MAX_BYTES, 0), (1 << 16, 40_000), (1 << 20, 1 << 19), (1 << 20, 1 << 20), (9 << 20, 0)]
                .into_iter()
                .take(if cfg!(miri) { 1 } else { 5 })
        {
            let mut store =
                Store::new(StoreOptions { max_bytes, max_entry_bytes, policy, hash_seed: 1 }).unwrap();
            let mut key = 0u64;
            while store.evictions() < 50 {
                key += 1;
                let _ = store.insert(&key.to_le_bytes(), &[0; 40], NEVER);
            }
            let (len, evictions) = (store.len(), store.evictions());
            let too_large = vec![0; store.max_entry_bytes() + 1];
            assert_eq!(store.insert(b"large", &too_large, NEVER), Err(Rejected::TooLarge));
            assert_eq!(store.insert(b"", b"", NEVER), Err(Rejected::TooLarge));
            assert_eq!(store.insert(&vec![0; MAX_KEY_BYTES + 1], b"", NEVER), Err(Rejected::TooLarge));
            assert_eq!((store.len(), store.evictions()), (len, evictions));
            if max_entry_bytes < max_bytes {
                // `gdsf` may reject it for its low priority. Each rejection advances the clock, so it is admitted in the end.
                let largest = vec![9; store.max_entry_bytes()];
                while let Err(rejected) = store.insert(b"large", &largest, NEVER) {
                    assert_eq!(rejected, Rejected::NotAdmitted);
                    store.remove(&key.to_le_bytes());
                    key -= 1;
                }
                assert_eq!(store.peek(b"large").unwrap().value, &largest[..]);
            }
            store.validate();
        }
    }
}

#[test]
fn gdsf_scan_beside_a_hot_set_hits_more_than_lru() {
    let hits = |policy| {
        let mut store = store(1 << 18, policy);
        let mut rng = Rng::new(5);
        let mut hits = 0;
        for step in 0..if cfg!(miri) { 100 } else { 100_000u64 } {
            let key = if step % 2 == 0 { rng.below(500) } else { step + 1000 };
            match store.get(&key.to_le_bytes()) {
                Some(_) => hits += 1,
                None => drop(store.insert(&key.to_le_bytes(), &[0; 300], NEVER)),
            }
        }
        hits
    };
    let (gdsf, lru) = (hits(Policy::Gdsf), hits(Policy::Lru));
    assert!(gdsf > lru || cfg!(miri), "{gdsf} hits, {lru} with lru");
}

#[test]
fn insert_allocator_refuses_rejects_once_then_uses_reserved_memory() {
    let mut store = store(4 << 20, Policy::Lru);
    let mut rejections = 0;
    for key in 0..if cfg!(miri) { 0 } else { 60_000u64 } {
        if store.reserved_bytes() > 1 << 20 {
            store.arena.refuse_growth();
        }
        match store.insert(&key.to_le_bytes(), &[0; 100], NEVER) {
            Ok(_) => assert!(store.peek(&key.to_le_bytes()).is_some()),
            Err(rejected) => {
                assert_eq!(rejected, Rejected::NoMemory);
                rejections += 1;
            }
        }
    }
    assert_eq!(store.rejections(), rejections);
    assert!(rejections == 1 && store.evictions() > 40_000 || cfg!(miri), "{rejections} rejections");
    store.validate();
}

#[test]
fn new_option_out_of_range_returns_its_error() {
    assert_eq!(
        Store::new(StoreOptions { max_bytes: 100, ..StoreOptions::default() }).err(),
        Some(StoreError::MaxBytes)
    );
    let entry = StoreOptions { max_bytes: 1 << 20, max_entry_bytes: 2 << 20, ..StoreOptions::default() };
    assert_eq!(Store::new(entry).err(), Some(StoreError::MaxEntryBytes));
}

#[test]
fn policy_parse_knows_lru_and_gdsf_only() {
    assert_eq!(("lru".parse(), "gdsf".parse()), (Ok(Policy::Lru), Ok(Policy::Gdsf)));
    assert!([Policy::Lru, Policy::Gdsf].iter().all(|policy| policy.name().parse() == Ok(*policy)));
    assert_eq!("LRU".parse::<Policy>(), Err(StoreError::UnknownPolicy));
}

#[test]
fn insert_expiry_beyond_48_bits_is_clamped() {
    let mut store = store(1 << 20, Policy::Lru);
    for at in [0, 1, 1_800_000_000_000, (1 << 48) - 2, (1 << 48) - 1, 1 << 50, u64::MAX - 1] {
        store.insert(b"key", b"value", Meta { expires_at_ms: at, flags: 3 }).unwrap();
        let meta = store.peek(b"key").unwrap().meta;
        assert_eq!(meta, Meta { expires_at_ms: at.min((1 << 48) - 2), flags: 3 });
    }
    store.insert(b"key", b"value", NEVER).unwrap();
    assert_eq!(store.peek(b"key").unwrap().meta, NEVER);
}
