//! The store against plain models under random operations. What holds for any policy is asked apart from the exact
//! order of eviction, which is this store's: least recently used first.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::collections::HashMap;

use geecache_edge::store::{ENTRY_BYTES, Found, Meta, Refused, Store};
use support::{Rng, for_seeds};

const MAX_BYTES: usize = 4_096;
const MAX_ENTRY_BYTES: usize = 1_500;

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>, Vec<u8>, Meta),
    Remove(Vec<u8>),
    Find(Vec<u8>),
    Peek(Vec<u8>),
    Clear,
}

/// A random operation on one of a dozen keys, so that they meet often.
fn op(rng: &mut Rng) -> Op {
    let name = rng.below(12);
    let key = vec![b'a' + name as u8; 1 + name as usize * 3];
    match rng.below(100) {
        0..50 => {
            let len = match rng.below(10) {
                0 => 0,
                1 => 1_400 + rng.below(200),
                2 => rng.below(20_000),
                _ => rng.below(900),
            };
            let meta = Meta { expires_at_ms: rng.next(), flags: rng.next() as u8 };
            Op::Insert(key, rng.bytes(len), meta)
        }
        50..65 => Op::Remove(key),
        65..85 => Op::Find(key),
        85..99 => Op::Peek(key),
        _ => Op::Clear,
    }
}

fn walk(mut step: impl FnMut(&mut Store, Op), rng: &mut Rng, steps: usize) {
    let mut store = Store::new(MAX_BYTES, MAX_ENTRY_BYTES);
    for _ in 0..steps {
        step(&mut store, op(rng));
        store.validate();
        assert!(store.used_bytes() <= MAX_BYTES, "the budget holds");
        assert_eq!(store.is_empty(), store.used_bytes() == 0);
    }
}

#[test]
fn whatever_it_evicts_a_key_has_its_last_value_or_none() {
    for_seeds(60, |rng| {
        let mut last: HashMap<Vec<u8>, (Vec<u8>, Meta)> = HashMap::new();
        let step = |store: &mut Store, op: Op| {
            let (len, evictions) = (store.len(), store.evictions());
            match op {
                Op::Insert(key, value, meta) => {
                    let was_here = store.peek(&key).is_some();
                    let others = len - usize::from(was_here);
                    match store.insert(&key, &value, meta) {
                        Ok(evicted) => {
                            assert_eq!(store.peek(&key), Some(Found { value: &value, meta }));
                            assert_eq!(store.len() + evicted, others + 1, "it tells how many others went");
                            assert_eq!(store.evictions(), evictions + evicted as u64);
                            last.insert(key, (value, meta));
                        }
                        Err(refused) => {
                            assert_eq!(refused, Refused::TooLarge);
                            assert_eq!(store.len(), others, "a refused value costs nobody else its place");
                            assert_eq!(store.peek(&key), None, "nor does the old one stay");
                            last.remove(&key);
                        }
                    }
                }
                Op::Remove(key) => {
                    assert_eq!(store.remove(&key), store_had(len, store.len()));
                    assert_eq!(store.peek(&key), None);
                    last.remove(&key);
                }
                Op::Find(key) => {
                    let peeked = store.peek(&key).map(|found| (found.value.to_vec(), found.meta));
                    let found = store.find(&key);
                    assert_eq!(found.map(|(_, meta)| meta), peeked.as_ref().map(|(_, meta)| *meta));
                    let found =
                        found.map(|(spot, _)| store.at(spot)).map(|found| (found.value.to_vec(), found.meta));
                    assert_eq!(found, peeked);
                }
                Op::Peek(key) => drop(store.peek(&key).map(|found| found.value.to_vec())),
                Op::Clear => {
                    store.clear();
                    assert_eq!((store.len(), store.used_bytes(), store.evictions()), (0, 0, evictions));
                    last.clear();
                }
            }
            let mut here = 0;
            for (key, (value, meta)) in &last {
                if let Some(found) = store.peek(key) {
                    assert_eq!(found, Found { value, meta: *meta });
                    here += 1;
                }
            }
            assert_eq!(store.len(), here, "it holds nothing that was not put there");
        };
        walk(step, rng, 600);
    });
}

fn store_had(before: usize, after: usize) -> bool {
    assert!(before - after <= 1);
    before > after
}

/// The exact LRU in ten lines: newest last.
#[derive(Default)]
struct Model {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    evictions: u64,
}

impl Model {
    fn used_bytes(&self) -> usize {
        self.entries.iter().map(|(key, value)| key.len() + value.len() + ENTRY_BYTES).sum()
    }

    fn take(&mut self, key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let at = self.entries.iter().position(|(k, _)| k == key)?;
        Some(self.entries.remove(at))
    }

    fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.take(&key);
        if key.len() + value.len() > MAX_ENTRY_BYTES {
            return;
        }
        self.entries.push((key, value));
        while self.used_bytes() > MAX_BYTES {
            self.entries.remove(0);
            self.evictions += 1;
        }
    }
}

#[test]
fn exact_lru_evicts_as_the_plain_model_does() {
    for_seeds(60, |rng| {
        let mut model = Model::default();
        let step = |store: &mut Store, op: Op| {
            match op {
                Op::Insert(key, value, meta) => {
                    let _ = store.insert(&key, &value, meta);
                    model.insert(key, value);
                }
                Op::Remove(key) => assert_eq!(store.remove(&key), model.take(&key).is_some()),
                Op::Find(key) => {
                    let found = store.find(&key).map(|(spot, _)| store.at(spot).value.to_vec());
                    let entry = model.take(&key);
                    assert_eq!(found, entry.as_ref().map(|(_, value)| value.clone()));
                    model.entries.extend(entry);
                }
                Op::Peek(key) => {
                    store.peek(&key);
                }
                Op::Clear => {
                    store.clear();
                    model.entries.clear();
                }
            }
            for (key, value) in &model.entries {
                assert_eq!(store.peek(key).map(|found| found.value), Some(&**value));
            }
            let counted = (store.len(), store.used_bytes(), store.evictions());
            assert_eq!(counted, (model.entries.len(), model.used_bytes(), model.evictions));
        };
        walk(step, rng, 600);
        assert!(model.evictions > 0, "the walk filled the budget");
    });
}

const FRESH: Meta = Meta { expires_at_ms: 1, flags: 0 };

#[test]
fn a_use_saves_from_eviction_and_a_peek_does_not() {
    let mut store = Store::new(3 * (ENTRY_BYTES + 101), 1_000);
    for key in [b"a", b"b", b"c"] {
        store.insert(key, &[0; 100], FRESH).unwrap();
    }
    store.find(b"a");
    store.peek(b"b");
    assert_eq!(store.insert(b"d", &[0; 100], FRESH), Ok(1));
    assert!(store.peek(b"a").is_some());
    assert_eq!(store.peek(b"b"), None);
}

#[test]
fn the_largest_entry_fills_the_budget_to_the_byte_and_one_more_is_refused() {
    let mut store = Store::new(MAX_BYTES, MAX_BYTES);
    let most = MAX_BYTES - ENTRY_BYTES - 1;
    store.insert(b"a", &[], FRESH).unwrap();
    assert_eq!(store.insert(b"k", &vec![7; most], FRESH), Ok(1));
    assert_eq!(store.used_bytes(), MAX_BYTES);
    assert_eq!(store.insert(b"l", &vec![7; most + 1], FRESH), Err(Refused::TooLarge));
    assert_eq!(store.peek(b"k").unwrap().value, vec![7; most]);
    store.validate();
}

#[test]
fn a_budget_below_one_entry_keeps_nothing_and_stays_whole() {
    let mut store = Store::new(ENTRY_BYTES, ENTRY_BYTES);
    assert_eq!(store.insert(b"k", b"", FRESH), Err(Refused::TooLarge));
    assert!(store.is_empty());
    store.validate();
}

#[test]
fn a_value_of_no_bytes_is_a_value() {
    let mut store = Store::new(MAX_BYTES, MAX_BYTES);
    store.insert(b"k", b"", FRESH).unwrap();
    assert_eq!(store.peek(b"k"), Some(Found { value: b"", meta: FRESH }));
    let (spot, meta) = store.find(b"k").unwrap();
    assert_eq!((store.at(spot).value, meta), (&b""[..], FRESH));
}

#[test]
fn a_spot_without_an_entry_is_empty() {
    let mut store = Store::new(MAX_BYTES, MAX_BYTES);
    store.insert(b"k", b"value", FRESH).unwrap();
    let (spot, _) = store.find(b"k").unwrap();
    store.remove(b"k");
    assert_eq!(store.at(spot).value, b"");
    store.clear();
    assert_eq!(store.at(spot).value, b"");
}
