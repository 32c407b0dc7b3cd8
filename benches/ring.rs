//! The ring beside its rivals, in one run: a look-up of a 10-byte key, and the building of a ring.
//!
//! `cargo bench --bench ring`. Where Go and groupcache's package are installed, `make bench` prints Go's beside them.

use std::hint::black_box;
use std::time::Instant;

use geecache_edge::Ring;

const PEERS: [usize; 3] = [3, 100, 1_000];
const REPLICAS: u32 = 50;
const KEYS: usize = 1 << 12;
const LOOK_UPS: usize = 1 << 20;
const TURNS: usize = 15;

fn names(peers: usize) -> Vec<String> {
    (0..peers).map(|peer| format!("https://node-{peer}.example.net")).collect()
}

/// Keys of 10 bytes, in no order.
fn keys() -> Vec<Vec<u8>> {
    let number = |at: usize| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (0..KEYS).map(|at| format!("{:010}", number(at)).into_bytes()).collect()
}

/// The least of several turns, in ns an operation: what others on this machine do only ever adds.
fn least(operations: usize, mut turn: impl FnMut()) -> f64 {
    let turns = (0..TURNS).map(|_| {
        let began = Instant::now();
        turn();
        began.elapsed().as_nanos() as f64 / operations as f64
    });
    turns.fold(f64::MAX, f64::min)
}

fn look_ups(mut owner_len: impl FnMut(&[u8]) -> usize) -> f64 {
    let keys = keys();
    least(LOOK_UPS, || {
        for _ in 0..LOOK_UPS / KEYS {
            for key in &keys {
                black_box(owner_len(black_box(key)));
            }
        }
    })
}

/// What everybody writes first: points in order, and a binary search.
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
    // Its points are its nodes: 50 of them stand for a peer.
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

fn main() {
    println!("{:>6} peers x {REPLICAS} points: ns a look-up of a 10-byte key, ms to build", "");
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
                look_ups(|key| ours.owner(key).map_or(0, |peer| peer.len())),
                least(1, || drop(black_box(Ring::new(REPLICAS, &names)))),
            ),
            (look_ups(|key| plain.owner(key).len()), least(1, || drop(black_box(Plain::new(&names))))),
            (
                look_ups(|key| hashring_built.get(&key).map_or(0, |peer| peer.1.len())),
                least(1, || drop(black_box(hashring(&names)))),
            ),
            (
                look_ups(|key| consistent_built.get(key).len()),
                least(1, || drop(black_box(consistent(&names)))),
            ),
        ];
        let row = figures.map(|(ns, build)| format!("{ns:>10.1} ns {:>7.2} ms", build / 1e6));
        println!("{peers:>6}  {:>22}  {:>22}  {:>22}  {:>22}", row[0], row[1], row[2], row[3]);
    }
}
