//! The ring beside other implementations: a lookup of a 10-byte key, the construction of a ring, and the busiest peer's share.
//!
//! `cargo bench --bench ring`. If Go and the groupcache package are installed, `make bench` adds their figures.

#[path = "support/figures.rs"]
mod figures;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use geecache_edge::Ring;
use geecache_edge::ring::Placement;

const PEERS: [usize; 3] = [3, 100, 1_000];
const REPLICAS: u32 = 50;
const KEYS: usize = 1 << 12;
const LOOKUPS: usize = 1 << 20;
const ROUNDS: usize = 15;
/// The names of the rings in the figures.
const RINGS: [&str; 4] = ["ours", "search", "hashring", "consistent"];

fn names(peers: usize) -> Vec<String> {
    (0..peers).map(|peer| format!("https://node-{peer}.example.net")).collect()
}

/// Keys of 10 bytes, in random order.
fn keys() -> Vec<Vec<u8>> {
    let number = |at: usize| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (0..KEYS).map(|at| format!("{:010}", number(at)).into_bytes()).collect()
}

/// The minimum of several rounds, in ns per operation: other programs on the machine only add to it.
fn min_ns(operations: usize, mut round: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        round();
        began.elapsed().as_nanos() as f64 / operations as f64
    });
    rounds.fold(f64::MAX, f64::min)
}

fn lookups(mut owner_len: impl FnMut(&[u8]) -> usize) -> f64 {
    let keys = keys();
    min_ns(LOOKUPS, || {
        for _ in 0..LOOKUPS / KEYS {
            for key in &keys {
                black_box(owner_len(black_box(key)));
            }
        }
    })
}

/// A sorted list of points with a binary search.
struct Plain(Vec<(u32, u32)>, Vec<String>);

impl Plain {
    fn new(names: &[String]) -> Plain {
        let points = names.iter().zip(0..).flat_map(|(name, peer)| {
            (0..REPLICAS).map(move |replica| (crc32fast::hash(format!("{replica}{name}").as_bytes()), peer))
        });
        let mut points: Vec<(u32, u32)> = points.collect();
        points.sort_unstable();
        Plain(points, names.to_vec())
    }

    fn owner(&self, key: &[u8]) -> &str {
        let hash = crc32fast::hash(key);
        let at = self.0.partition_point(|point| point.0 < hash);
        &self.1[self.0[if at == self.0.len() { 0 } else { at }].1 as usize]
    }
}

fn hashring(names: &[String]) -> hashring::HashRing<(u32, String)> {
    // The crate has one point per node, so a peer is 50 nodes.
    let mut ring = hashring::HashRing::new();
    ring.batch_add(
        names.iter().flat_map(|name| (0..REPLICAS).map(|replica| (replica, name.clone()))).collect(),
    );
    ring
}

fn consistent(names: &[String]) -> consistent_hash_ring::Ring<String> {
    consistent_hash_ring::RingBuilder::default()
        .vnodes(REPLICAS as usize)
        .nodes_iter(names.iter().cloned())
        .build()
}

/// The keys of the busiest of ten peers over the mean.
fn busiest(placement: Placement) -> f64 {
    let names = names(10);
    let ring = Ring::placed(placement, REPLICAS, &names);
    let mut keys: HashMap<&str, f64> = HashMap::new();
    for key in 0..100_000 {
        if let Some(owner) = ring.owner(format!("user:{key}").as_bytes()) {
            *keys.entry(owner).or_default() += 1.0;
        }
    }
    keys.into_values().fold(0.0, f64::max) * names.len() as f64 / 100_000.0
}

fn main() {
    println!("{:>6} peers x {REPLICAS} points: ns per lookup of a 10-byte key, ms to build", "");
    println!(
        "{:>6}  {:>22}  {:>22}  {:>22}  {:>22}",
        "", "ours", "plain binary search", "hashring", "consistent_hash_ring"
    );
    for peers in PEERS {
        let names = names(peers);
        let (ours, plain) = (Ring::new(REPLICAS, &names), Plain::new(&names));
        let (hashring_built, consistent_built) = (hashring(&names), consistent(&names));
        let figures = [
            (
                lookups(|key| ours.owner(key).map_or(0, |peer| peer.len())),
                min_ns(1, || drop(black_box(Ring::new(REPLICAS, &names)))),
            ),
            (lookups(|key| plain.owner(key).len()), min_ns(1, || drop(black_box(Plain::new(&names))))),
            (
                lookups(|key| hashring_built.get(&key).map_or(0, |peer| peer.1.len())),
                min_ns(1, || drop(black_box(hashring(&names)))),
            ),
            (
                lookups(|key| consistent_built.get(key).len()),
                min_ns(1, || drop(black_box(consistent(&names)))),
            ),
        ];
        for (name, (ns, build)) in RINGS.into_iter().zip(figures) {
            figures::record(&format!("lookup.{peers}.{name}"), ns);
            figures::record(&format!("build.{peers}.{name}"), build / 1e6);
        }
        let row = figures.map(|(ns, build)| format!("{ns:>10.1} ns {:>7.2} ms", build / 1e6));
        println!("{peers:>6}  {:>22}  {:>22}  {:>22}  {:>22}", row[0], row[1], row[2], row[3]);
    }
    println!("busiest of ten peers, its keys over the mean:");
    for (name, placement) in [("balanced", Placement::Balanced), ("geecache", Placement::Geecache)] {
        let share = busiest(placement);
        figures::record(&format!("busiest.{name}"), share);
        println!("  {name:<8} {share:.2}");
    }
}
