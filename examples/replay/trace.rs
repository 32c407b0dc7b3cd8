//! A trace of requests and its replay through a store, shared by the `replay` example and the benchmark `hit_ratio`.

use geecache_edge::store::{Policy, Store, StoreOptions};
use std::collections::HashMap;
use std::error::Error;
use std::io::Read;

/// Weight of an object without a size: that of a typical response, which gives the store a realistic number of ghosts.
const UNIT_WEIGHT: u32 = 1024;

pub struct Trace {
    /// Key, as its index in `keys`, and size of every request.
    requests: Vec<([u8; 4], u32)>,
    keys: Vec<String>,
    /// Sum of the sizes of all distinct objects.
    pub footprint: u64,
}

impl Trace {
    /// Reads a trace from a file. A size is 1 if the trace has none, or with `unit_size`.
    pub fn read(path: &str, unit_size: bool) -> Result<Trace, Box<dyn Error>> {
        let file =
            std::fs::File::open(path).map_err(|cause| format!("cannot open the trace {path}: {cause}"))?;
        let mut text = String::new();
        if path.ends_with(".gz") {
            flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text)?;
        } else {
            std::io::BufReader::new(file).read_to_string(&mut text)?;
        }
        Trace::parse(path, &text, unit_size)
    }

    /// Parses the lines of a trace. Errors name `path`.
    pub fn parse(path: &str, text: &str, unit_size: bool) -> Result<Trace, Box<dyn Error>> {
        let mut ids: HashMap<&str, u32> = HashMap::new();
        let mut trace = Trace { requests: Vec::new(), keys: Vec::new(), footprint: 0 };
        for (number, line) in text.lines().enumerate() {
            let (key, size) = match line.rsplit_once(',') {
                Some((key, size)) => (
                    key,
                    size.trim()
                        .parse()
                        .map_err(|_| format!("{path}:{}: `{size}` is not a size", number + 1))?,
                ),
                None => (line, 1),
            };
            let size = if unit_size { 1 } else { size };
            let next = ids.len() as u32;
            let id = *ids.entry(key).or_insert_with(|| {
                trace.footprint += u64::from(size);
                trace.keys.push(key.to_owned());
                next
            });
            trace.requests.push((id.to_le_bytes(), size));
        }
        Ok(trace)
    }

    /// Replays all requests from an empty cache. The capacity is in the unit of the sizes.
    pub fn replay(
        &self,
        policy: Policy,
        capacity: u64,
        without: Option<&str>,
    ) -> Result<Replay, Box<dyn Error>> {
        let sized = self.requests.iter().any(|request| request.1 != 1);
        let unit = if sized { 1 } else { UNIT_WEIGHT };
        let keys: usize = self.keys.iter().map(String::len).sum();
        let options = StoreOptions {
            max_bytes: (keys + 80 * self.keys.len()).max(1 << 20) * 2,
            policy,
            ..StoreOptions::default()
        };
        let mut store = without_part(Store::weighing(options, capacity * u64::from(unit))?, without)?;
        let mut replay = Replay { capacity, requests: self.requests.len(), hits: 0, hit_bytes: 0, bytes: 0 };
        for &(id, size) in &self.requests {
            let key = self.keys.get(u32::from_le_bytes(id) as usize).map_or("", String::as_str).as_bytes();
            replay.bytes += u64::from(size);
            if store.get(key).is_some() {
                replay.hits += 1;
                replay.hit_bytes += u64::from(size);
            } else {
                // The policy may reject it.
                let _ = store.insert_weighing(key, size * unit);
            }
        }
        Ok(replay)
    }
}

#[cfg(feature = "ablation")]
fn without_part(store: Store, part: Option<&str>) -> Result<Store, Box<dyn Error>> {
    match part {
        Some(part) => store
            .without(part)
            .ok_or_else(|| "the parts are size, uses, age, ghosts, tuning, admission, bursts".into()),
        None => Ok(store),
    }
}

#[cfg(not(feature = "ablation"))]
fn without_part(store: Store, part: Option<&str>) -> Result<Store, Box<dyn Error>> {
    part.map_or(Ok(store), |_| Err("--without needs `--features ablation`".into()))
}

/// Counts of a replay.
pub struct Replay {
    pub capacity: u64,
    pub requests: usize,
    pub hits: u64,
    hit_bytes: u64,
    bytes: u64,
}

impl Replay {
    /// Object hit ratio: hits per request.
    pub fn ohr(&self) -> f64 {
        self.hits as f64 / (self.requests as f64).max(1.0)
    }

    /// Byte hit ratio: bytes of hits per byte requested.
    pub fn bhr(&self) -> f64 {
        self.hit_bytes as f64 / (self.bytes as f64).max(1.0)
    }
}
