//! Memory and speed of the store beside a naive LRU cache: boxed keys and values in a hash map, with a linked list.
//!
//! `cargo bench --bench store`

#[path = "support/figures.rs"]
mod figures;

use geecache_edge::store::{Meta, Policy, Store, StoreOptions};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

const NEVER: Meta = Meta { expires_at_ms: u64::MAX, flags: 0 };

/// Hits per round.
const REQUESTS: usize = 400_000;
/// Inserts per round: enough of them that each round has its share of evictions and compactions.
const INSERTS: usize = 100_000;

fn key(number: usize) -> String {
    format!("https://example.net/u/{number:07}")
}

/// An exact LRU of boxed keys and values, as a first draft would have it.
#[allow(clippy::type_complexity)]
#[derive(Default)]
struct Naive {
    /// Indices into `entries`.
    indices: HashMap<Box<[u8]>, usize>,
    /// Key, value, index of the next older entry, of the next newer one, expiry time.
    entries: Vec<(Box<[u8]>, Box<[u8]>, usize, usize, u64)>,
    newest: usize,
}

impl Naive {
    fn insert(&mut self, key: &[u8], value: &[u8]) {
        let at = self.entries.len();
        self.entries.push((key.into(), value.into(), self.newest, usize::MAX, u64::MAX));
        if let Some(second) = self.entries.get_mut(self.newest) {
            second.3 = at;
        }
        self.newest = at;
        self.indices.insert(key.into(), at);
    }

    fn get(&mut self, key: &[u8]) -> Option<&[u8]> {
        let at = *self.indices.get(key)?;
        if at != self.newest {
            let (older, newer) = self.entries.get(at).map(|entry| (entry.2, entry.3))?;
            if let Some(entry) = self.entries.get_mut(older) {
                entry.3 = newer;
            }
            if let Some(entry) = self.entries.get_mut(newer) {
                entry.2 = older;
            }
            let second = self.newest;
            if let Some(entry) = self.entries.get_mut(second) {
                entry.3 = at;
            }
            if let Some(entry) = self.entries.get_mut(at) {
                (entry.2, entry.3) = (second, usize::MAX);
            }
            self.newest = at;
        }
        self.entries.get(at).map(|entry| &*entry.1)
    }
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// The median and the minimum. The minimum is free of the influence of other programs on the caches.
fn median_and_min(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or(0.0);
    (at(times.len() / 2), at(0))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "memory: 300,000 entries, keys of 29 bytes, values of 100 bytes; resident bytes per entry beyond key and value"
    );
    let count = 300_000;
    let value = [7u8; 100];
    // Not dropped before the end: the next store would reuse freed memory, which would not count.
    let mut live = Vec::new();
    for (name, expires_at_ms) in [("ours, expiring", 1_800_000_000_000), ("ours", u64::MAX)] {
        let options = StoreOptions { max_bytes: 96 << 20, ..StoreOptions::default() };
        let before = resident();
        let mut store = Store::new(options)?;
        for number in 0..count {
            store
                .insert(key(number).as_bytes(), &value, Meta { expires_at_ms, flags: 0 })
                .map_err(|rejected| format!("{rejected:?}"))?;
        }
        let beyond = |bytes: usize| bytes as f64 / count as f64 - 129.0;
        let figure = if expires_at_ms == u64::MAX { "memory.ours" } else { "memory.expiring" };
        figures::record(figure, beyond(resident() - before));
        figures::record(&format!("{figure}.used"), beyond(store.used_bytes()));
        println!(
            "  {name:<14} {:6.1}   (reserved {:.1}, used {:.1}; {} entries)",
            beyond(resident() - before),
            beyond(store.reserved_bytes()),
            beyond(store.used_bytes()),
            store.len()
        );
        live.push(store);
    }
    {
        let before = resident();
        let mut naive = Naive::default();
        for number in 0..count {
            naive.insert(key(number).as_bytes(), &value);
        }
        let beyond = (resident() - before) as f64 / count as f64 - 129.0;
        figures::record("memory.naive", beyond);
        println!("  naive          {beyond:6.1}");
        black_box((&mut naive, live));
    }
    println!(
        "hits: nanoseconds per get, keys of 29 bytes, values of 100 bytes, random order, median (minimum) of 15 rounds, alternating"
    );
    for count in [1_000, 100_000] {
        let keys: Vec<String> = (0..count).map(key).collect();
        let mut stores = Vec::new();
        for policy in [Policy::Gdsf, Policy::Lru] {
            let mut store =
                Store::new(StoreOptions { max_bytes: 64 << 20, policy, ..StoreOptions::default() })?;
            for key in &keys {
                store.insert(key.as_bytes(), &value, NEVER).map_err(|rejected| format!("{rejected:?}"))?;
            }
            stores.push(store);
        }
        let mut naive = Naive::default();
        for key in &keys {
            naive.insert(key.as_bytes(), &value);
        }
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        // The requested keys lie in one buffer in their order, so that reading them costs as little as in a request.
        let mut requests = Vec::new();
        for _ in 0..REQUESTS {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = keys.get((random >> 33) as usize % count).map_or(&b""[..], |key| key.as_bytes());
            requests.extend_from_slice(key);
        }
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        let mut pass = |which: usize| {
            let mut sum = 0usize;
            for key in requests.chunks_exact(29) {
                sum += match stores.get_mut(which) {
                    Some(store) => store.get(key).map_or(0, |found| found.value.len()),
                    None => naive.get(key).map_or(0, <[u8]>::len),
                };
            }
            assert_eq!(black_box(sum), REQUESTS * 100);
        };
        for _ in 0..15 {
            for (which, rounds) in times.iter_mut().enumerate() {
                // A pass without timing first, because the store before has evicted this one from the processor's caches.
                pass(which);
                let start = Instant::now();
                pass(which);
                rounds.push(start.elapsed().as_nanos() as f64 / REQUESTS as f64);
            }
        }
        let [ours, lru, naive] = times.map(median_and_min);
        for (name, (median, min)) in [("gdsf", ours), ("lru", lru), ("naive", naive)] {
            figures::record(&format!("hit.{count}.{name}.median"), median);
            figures::record(&format!("hit.{count}.{name}.min"), min);
        }
        let shown = |(median, min): (f64, f64)| format!("{median:5.1} ({min:5.1})");
        println!(
            "  {count:7} entries: gdsf {}   lru {}   naive lru {}   gdsf / naive {:.2} ({:.2})",
            shown(ours),
            shown(lru),
            shown(naive),
            ours.0 / naive.0,
            ours.1 / naive.1
        );
    }
    println!(
        "inserts: nanoseconds per insert into a full store of 16 MiB, new keys of 29 bytes, values of 100 bytes, 2,000,000 of them, median (minimum) of rounds, alternating"
    );
    let keys: Vec<String> = (0..2_200_000).map(key).collect();
    let (fill, churn) = keys.split_at(200_000);
    let mut stores = Vec::new();
    for policy in [Policy::Gdsf, Policy::Lru] {
        let mut store = Store::new(StoreOptions { policy, ..StoreOptions::default() })?;
        for key in fill {
            let _ = store.insert(key.as_bytes(), &value, NEVER);
        }
        stores.push((policy, store, Vec::new()));
    }
    for round in churn.chunks(INSERTS) {
        for (_, store, times) in &mut stores {
            let start = Instant::now();
            for key in round {
                let _ = store.insert(key.as_bytes(), &value, NEVER);
            }
            times.push(start.elapsed().as_nanos() as f64 / round.len() as f64);
        }
    }
    for (policy, store, times) in stores {
        let (median, min) = median_and_min(times);
        figures::record(&format!("insert.{policy:?}.median").to_lowercase(), median);
        figures::record(&format!("insert.{policy:?}.min").to_lowercase(), min);
        println!(
            "  {policy:?}: {median:.0} ({min:.0})   ({} evictions, {} rejections, payload {:.1} % of the budget)",
            store.evictions(),
            store.rejections(),
            100.0 * store.payload_bytes() as f64 / store.max_bytes() as f64
        );
    }
    Ok(())
}
