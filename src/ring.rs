//! The ring: which peer owns a key, the same answer on every node and in Go's groupcache and GeeCache.
//!
//! A peer has `replicas` points on a circle of hashes: where, a [`Placement`] says, GeeCache's unless another is
//! chosen. A key belongs to the first point at or after its own place, the circle closed. Where two points fall
//! together, the peer named **last** owns the point, as Go's map assignment has it; so the order of the list matters,
//! at such collisions only, and names count byte for byte.
//!
//! The placement is a contract with other nodes: it is frozen by golden vectors taken from Go's own answers
//! (`tests/ring.rs`). Source of the algorithm: `consistenthash` of golang/groupcache.

mod md5;
mod placement;

use std::sync::Arc;

pub use placement::Placement;

use crate::crc32::{crc32, crc32_on};
use crate::text::push_decimal;

/// GeeCache's and groupcache's number of points for each peer.
pub const DEFAULT_REPLICAS: u32 = 50;

/// A consistent-hash ring. An immutable value: another list of peers is another ring.
///
/// ```
/// use geecache_edge::Ring;
/// let ring = Ring::new(50, ["http://localhost:8001", "http://localhost:8002", "http://localhost:8003"]);
/// assert_eq!(ring.owner(b"Tom").map(|peer| &**peer), Some("http://localhost:8001"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ring {
    placement: Placement,
    peers: Vec<Arc<str>>,
    points: Vec<Point>,
    /// `starts[b]` is the first point whose hash has `b` or more as its top bits, so that a look-up begins within
    /// a step or two of its answer instead of searching: 10 ns at any size, where a binary search grows to 31.
    starts: Vec<u32>,
    shift: u32,
    fingerprint: u32,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    place: u64,
    peer: u32,
}

impl Ring {
    /// Builds GeeCache's ring of `peers`, each with `replicas` points. A peer listed twice counts as listed last.
    /// Cost: a sort of `replicas` x peers points, about 2 us a peer.
    pub fn new<P: AsRef<str>>(replicas: u32, peers: impl IntoIterator<Item = P>) -> Ring {
        Ring::placed(Placement::Geecache, replicas, peers)
    }

    /// Builds the ring on which peers lie as `placement` says. Cost for [`Placement::Balanced`]: eight times as much;
    /// for [`Placement::GroupcacheV3`]: an MD5 a point besides.
    pub fn placed<P: AsRef<str>>(
        placement: Placement,
        replicas: u32,
        peers: impl IntoIterator<Item = P>,
    ) -> Ring {
        Ring::of(placement, replicas, peers.into_iter().map(|peer| Arc::from(peer.as_ref())).collect())
    }

    fn of(placement: Placement, replicas: u32, peers: Vec<Arc<str>>) -> Ring {
        let mut points: Vec<Point> = Vec::new();
        let mut name = String::new();
        for replica in 0..replicas {
            for (peer, peer_name) in (0..).zip(&peers) {
                name.clear();
                push_decimal(&mut name, replica.into());
                name.push_str(peer_name);
                placement.place(name.as_bytes(), &mut |place| points.push(Point { place, peer }));
            }
        }
        // Of points that fall together the last named comes first here, and is the one that stays.
        points.sort_unstable_by_key(|point| (point.place, u32::MAX - point.peer));
        points.dedup_by_key(|point| point.place);
        let (starts, shift) = index(&points);
        let fingerprint = fingerprint(placement, replicas, &peers);
        Ring { placement, peers, points, starts, shift, fingerprint }
    }

    /// The peer that owns `key`; `None` on an empty ring. Cost: one hash of the key and a step or two.
    pub fn owner(&self, key: &[u8]) -> Option<&Arc<str>> {
        let point = self.points.get(self.first_at_or_after(key))?;
        self.peers.get(point.peer as usize)
    }

    /// The owner of `key` and then every other peer, each once, in the order in which the ring meets them: who
    /// comes next when the owner fails.
    pub fn owners(&self, key: &[u8]) -> impl Iterator<Item = &Arc<str>> {
        let (mut at, mut left) = (self.first_at_or_after(key), self.points.len());
        let mut seen: Vec<u32> = Vec::new();
        std::iter::from_fn(move || {
            while left > 0 {
                left -= 1;
                let point = self.points.get(at)?;
                at = if at + 1 < self.points.len() { at + 1 } else { 0 };
                if !seen.contains(&point.peer) {
                    seen.push(point.peer);
                    return self.peers.get(point.peer as usize);
                }
            }
            None
        })
    }

    /// The peers' names, in the order in which they were given.
    pub fn peers(&self) -> &[Arc<str>] {
        &self.peers
    }

    /// A number that two nodes share exactly when their rings come from the same names in the same order, placed in the
    /// same way with the same number of points (but for a chance of 2^-32). 0 for an empty list.
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// The index of the first point at or after `key`'s place, 0 where there is none (the circle is closed).
    fn first_at_or_after(&self, key: &[u8]) -> usize {
        let place = self.placement.of_key(key);
        let start = self.starts.get((place >> self.shift) as usize).map_or(0, |&start| start as usize);
        let rest = self.points.get(start..).unwrap_or_default();
        rest.iter().position(|point| point.place >= place).map_or(0, |steps| start + steps)
    }
}

/// For each possible value of a hash's top bits, where its points begin. At least two buckets a point, so that a
/// bucket holds half a point on average.
fn index(points: &[Point]) -> (Vec<u32>, u32) {
    let bits = (points.len().max(1) * 2).next_power_of_two().trailing_zeros().min(24);
    let shift = 64 - bits;
    let mut starts = Vec::with_capacity(1 << bits);
    let mut start = 0;
    for bucket in 0..1u64 << bits {
        while points.get(start).is_some_and(|point| point.place >> shift < bucket) {
            start += 1;
        }
        starts.push(start as u32);
    }
    (starts, shift)
}

fn fingerprint(placement: Placement, replicas: u32, peers: &[Arc<str>]) -> u32 {
    if peers.is_empty() {
        return 0;
    }
    let sum = crc32_on(crc32(&replicas.to_le_bytes()), &[placement as u8]);
    // The length goes in too, so that ["ab", "c"] and ["a", "bc"] differ.
    let add =
        |sum, peer: &Arc<str>| crc32_on(crc32_on(sum, &(peer.len() as u64).to_le_bytes()), peer.as_bytes());
    peers.iter().fold(sum, add)
}
