//! Points of size and speed of the store beside a naive layout (boxed keys and values in a hash map with an index list), in one run.
//!
//! `cargo bench --bench store`

use geecache_edge::store::{Meta, Policy, Store, StoreOptions};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

const NEVER: Meta = Meta { expires_at_ms: u64::MAX, flags: 0 };

/// Hits a round.
const ASKED: usize = 400_000;

fn key(number: usize) -> String {
    format!("https://example.net/u/{number:07}")
}

#[allow(clippy::type_complexity)]
/// What one writes first: an exact LRU of boxed keys and values.
#[derive(Default)]
struct Naive {
    places: HashMap<Box<[u8]>, usize>,
    entries: Vec<(Box<[u8]>, Box<[u8]>, usize, usize, u64)>,
    newest: usize,
}

impl Naive {
    fn insert(&mut self, key: &[u8], value: &[u8]) {
        let place = self.entries.len();
        self.entries.push((key.into(), value.into(), self.newest, usize::MAX, u64::MAX));
        if let Some(second) = self.entries.get_mut(self.newest) {
            second.3 = place;
        }
        self.newest = place;
        self.places.insert(key.into(), place);
    }

    fn get(&mut self, key: &[u8]) -> Option<&[u8]> {
        let place = *self.places.get(key)?;
        if place != self.newest {
            let (older, newer) = self.entries.get(place).map(|entry| (entry.2, entry.3))?;
            if let Some(entry) = self.entries.get_mut(older) {
                entry.3 = newer;
            }
            if let Some(entry) = self.entries.get_mut(newer) {
                entry.2 = older;
            }
            let second = self.newest;
            if let Some(entry) = self.entries.get_mut(second) {
                entry.3 = place;
            }
            if let Some(entry) = self.entries.get_mut(place) {
                (entry.2, entry.3) = (second, usize::MAX);
            }
            self.newest = place;
        }
        self.entries.get(place).map(|entry| &*entry.1)
    }
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// The median, which is what it takes here and now, and the least, which is what it takes when nobody else uses the memory.
fn median_and_least(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |place: usize| times.get(place).copied().unwrap_or(0.0);
    (at(times.len() / 2), at(0))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "memory: 300,000 entries, keys of 29 bytes, values of 100 bytes; bytes an entry beyond key and value, resident"
    );
    let count = 300_000;
    let value = [7u8; 100];
    // Held until the end: memory that one gives back would not count for the next.
    let mut held = Vec::new();
    for (name, expires_at_ms) in [("ours, expiring", 1_800_000_000_000), ("ours", u64::MAX)] {
        let options = StoreOptions { max_bytes: 96 << 20, ..StoreOptions::default() };
        let before = resident();
        let mut store = Store::new(options)?;
        for number in 0..count {
            store
                .insert(key(number).as_bytes(), &value, Meta { expires_at_ms, flags: 0 })
                .map_err(|refused| format!("{refused:?}"))?;
        }
        let beyond = |bytes: usize| bytes as f64 / count as f64 - 129.0;
        println!(
            "  {name:<14} {:6.1}   (reserved {:.1}, used {:.1}; {} entries)",
            beyond(resident() - before),
            beyond(store.reserved_bytes()),
            beyond(store.used_bytes()),
            store.len()
        );
        held.push(store);
    }
    {
        let before = resident();
        let mut naive = Naive::default();
        for number in 0..count {
            naive.insert(key(number).as_bytes(), &value);
        }
        println!("  naive          {:6.1}", (resident() - before) as f64 / count as f64 - 129.0);
        black_box((&mut naive, held));
    }
    println!(
        "hits: nanoseconds a get, keys of 29 bytes, values of 100 bytes, random order, median (least) of 15 rounds, alternating"
    );
    for count in [1_000, 100_000] {
        let keys: Vec<String> = (0..count).map(key).collect();
        let mut stores = Vec::new();
        for policy in [Policy::Gdsf, Policy::Lru] {
            let mut store =
                Store::new(StoreOptions { max_bytes: 64 << 20, policy, ..StoreOptions::default() })?;
            for key in &keys {
                store.insert(key.as_bytes(), &value, NEVER).map_err(|refused| format!("{refused:?}"))?;
            }
            stores.push(store);
        }
        let mut naive = Naive::default();
        for key in &keys {
            naive.insert(key.as_bytes(), &value);
        }
        let mut dice = 0x9e37_79b9_7f4a_7c15u64;
        // The order is drawn beforehand, and the key bytes lie in one piece in that order, as they do where a request brings them.
        let mut asked = Vec::new();
        for _ in 0..ASKED {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = keys.get((dice >> 33) as usize % count).map_or(&b""[..], |key| key.as_bytes());
            asked.extend_from_slice(key);
        }
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        let mut pass = |which: usize| {
            let mut sum = 0usize;
            for key in asked.chunks_exact(29) {
                sum += match stores.get_mut(which) {
                    Some(store) => store.get(key).map_or(0, |found| found.value.len()),
                    None => naive.get(key).map_or(0, <[u8]>::len),
                };
            }
            assert_eq!(black_box(sum), ASKED * 100);
        };
        for _ in 0..15 {
            for (which, rounds) in times.iter_mut().enumerate() {
                // Each once untimed: the one before has driven it out of the processor's caches.
                pass(which);
                let start = Instant::now();
                pass(which);
                rounds.push(start.elapsed().as_nanos() as f64 / ASKED as f64);
            }
        }
        let [ours, lru, rival] = times.map(median_and_least);
        let shown = |(median, least): (f64, f64)| format!("{median:5.1} ({least:5.1})");
        println!(
            "  {count:7} entries: gdsf {}   lru {}   naive lru {}   gdsf / naive {:.2} ({:.2})",
            shown(ours),
            shown(lru),
            shown(rival),
            ours.0 / rival.0,
            ours.1 / rival.1
        );
    }
    println!(
        "inserts: nanoseconds an insert into a full store of 16 MiB, new keys of 29 bytes, values of 100 bytes, 2,000,000 of them"
    );
    for policy in [Policy::Gdsf, Policy::Lru] {
        let mut store = Store::new(StoreOptions { policy, ..StoreOptions::default() })?;
        let keys: Vec<String> = (0..2_200_000).map(key).collect();
        let (fill, churn) = keys.split_at(200_000);
        for key in fill {
            let _ = store.insert(key.as_bytes(), &value, NEVER);
        }
        let start = Instant::now();
        for key in churn {
            let _ = store.insert(key.as_bytes(), &value, NEVER);
        }
        println!(
            "  {policy:?}: {:.0}   ({} evictions, {} rejections, payload {:.1} % of the budget)",
            start.elapsed().as_nanos() as f64 / churn.len() as f64,
            store.evictions(),
            store.rejections(),
            100.0 * store.payload_bytes() as f64 / store.max_bytes() as f64
        );
    }
    Ok(())
}
