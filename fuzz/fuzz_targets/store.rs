//! Fuzzes the store: four bytes of options, then operations of four bytes each. Compares the results with a map of the last values, and
//! validates the whole store now and then.
#![no_main]

use geecache_edge::store::{Meta, Policy, Store, StoreOptions, MIN_MAX_BYTES};
use libfuzzer_sys::fuzz_target;
use std::collections::HashMap;

fuzz_target!(|data: &[u8]| {
    let Some((&[policy, size, entry, seed], mut rest)) = data.split_first_chunk::<4>() else { return };
    let policy = if policy & 1 == 0 { Policy::Gdsf } else { Policy::Lru };
    let max_bytes = (MIN_MAX_BYTES + usize::from(size) * 97) << (size & 3);
    let max_entry_bytes = max_bytes * usize::from(entry) / 255;
    let Ok(mut store) =
        Store::new(StoreOptions { max_bytes, max_entry_bytes, policy, hash_seed: seed.into() })
    else {
        return;
    };
    let mut model: HashMap<Vec<u8>, (Vec<u8>, Meta)> = HashMap::new();
    let mut step = 0u64;
    while let Some((&[act, key, scale, low], tail)) = rest.split_first_chunk::<4>() {
        rest = tail;
        step += 1;
        let key = vec![key; 1 + usize::from(act >> 3)];
        match act & 7 {
            0 | 1 => {
                let meta = Meta { expires_at_ms: step, flags: low & 3 };
                let value = vec![low; (usize::from(low) << (scale & 7)) / 4];
                match store.insert(&key, &value, meta) {
                    Ok(_) => drop(model.insert(key.clone(), (value, meta))),
                    Err(_) => drop(model.remove(&key)),
                }
            }
            2 => {
                // Many keys at once, so that short inputs fill the store.
                for number in 0..u16::from(scale) * 8 {
                    let key = [&key[..], &number.to_le_bytes()].concat();
                    let meta = Meta { expires_at_ms: u64::MAX, flags: 0 };
                    match store.insert(&key, &key, meta) {
                        Ok(_) => drop(model.insert(key.clone(), (key, meta))),
                        Err(_) => drop(model.remove(&key)),
                    }
                }
            }
            3 => {
                let existed = store.peek(&key).is_some();
                assert_eq!(store.remove(&key), existed);
                model.remove(&key);
            }
            4 if scale == 0 => {
                store.clear();
                model.clear();
            }
            5 => store.validate(),
            _ => {
                if let Some(found) = store.get(&key) {
                    let (value, meta) = &model[&key];
                    assert_eq!((found.value, found.meta), (&value[..], *meta));
                }
            }
        }
        assert!(store.reserved_bytes() <= max_bytes && store.len() <= model.len());
    }
    store.validate();
});
