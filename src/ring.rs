//! The ring: which peer owns a key, the same answer on every node and in Go's groupcache and GeeCache.
//!
//! A peer has `replicas` points on a circle of 32-bit hashes; point `i` of peer `p` lies at
//! `crc32(decimal(i) + p)`. A key lies at `crc32(key)` and belongs to the first point at or after it, the
//! circle closed. Where two points fall together, the peer named **last** owns the point, as Go's map
//! assignment has it; so the order of the list matters, at such collisions only, and names count byte for byte.
//!
//! The placement is a contract with other nodes: it is frozen by golden vectors taken from Go's own answers
//! (`tests/ring.rs`). Source of the algorithm: `consistenthash` of golang/groupcache.

use std::sync::Arc;

use crate::crc32::crc32;
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
    hash: u32,
    peer: u32,
}

impl Ring {
    /// Builds the ring of `peers`, each with `replicas` points. A peer listed twice counts as listed last.
    /// Cost: a sort of `replicas` x peers points, about 2 us a peer.
    pub fn new<P: AsRef<str>>(replicas: u32, peers: impl IntoIterator<Item = P>) -> Ring {
        Ring::of(replicas, peers.into_iter().map(|peer| Arc::from(peer.as_ref())).collect())
    }

    fn of(replicas: u32, peers: Vec<Arc<str>>) -> Ring {
        let mut points = Vec::with_capacity(peers.len().saturating_mul(replicas as usize));
        let mut name = String::new();
        for (peer, peer_name) in (0u32..).zip(&peers) {
            for replica in 0..replicas {
                name.clear();
                push_decimal(&mut name, replica.into());
                name.push_str(peer_name);
                points.push(Point { hash: crc32(name.as_bytes()), peer });
            }
        }
        // Of points that fall together the last named comes first here, and is the one that stays.
        points.sort_unstable_by_key(|point| (point.hash, u32::MAX - point.peer));
        points.dedup_by_key(|point| point.hash);
        let (starts, shift) = index(&points);
        let fingerprint = fingerprint(replicas, &peers);
        Ring { peers, points, starts, shift, fingerprint }
    }

    /// The peer that owns `key`; `None` on an empty ring. Cost: one crc32 of the key and a step or two.
    pub fn owner(&self, key: &[u8]) -> Option<&Arc<str>> {
        let point = self.points.get(self.first_at_or_after(crc32(key)))?;
        self.peers.get(point.peer as usize)
    }

    /// The owner of `key` and then every other peer, each once, in the order in which the ring meets them: who
    /// comes next when the owner fails.
    pub fn owners(&self, key: &[u8]) -> impl Iterator<Item = &Arc<str>> {
        let (mut at, mut left) = (self.first_at_or_after(crc32(key)), self.points.len());
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

    /// A number that two nodes share exactly when their rings come from the same names in the same order with
    /// the same number of points (but for a chance of 2^-32). 0 for an empty list.
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// The index of the first point at or after `hash`, 0 where there is none (the circle is closed).
    fn first_at_or_after(&self, hash: u32) -> usize {
        let bucket = u64::from(hash) >> self.shift;
        let start =
            usize::try_from(bucket).ok().and_then(|bucket| self.starts.get(bucket)).copied().unwrap_or(0);
        let rest = self.points.get(start as usize..).unwrap_or_default();
        match rest.iter().position(|point| point.hash >= hash) {
            Some(steps) => start as usize + steps,
            None => 0,
        }
    }
}

/// For each possible value of a hash's top bits, where its points begin. At least two buckets a point, so that a
/// bucket holds half a point on average.
fn index(points: &[Point]) -> (Vec<u32>, u32) {
    let bits = (points.len().max(1) * 2).next_power_of_two().trailing_zeros().min(24);
    let shift = 32 - bits;
    let mut starts = Vec::with_capacity(1 << bits);
    let mut start = 0u32;
    let mut rest = points.iter().peekable();
    for bucket in 0..1u64 << bits {
        while rest.next_if(|point| u64::from(point.hash) >> shift < bucket).is_some() {
            start += 1;
        }
        starts.push(start);
    }
    (starts, shift)
}

fn fingerprint(replicas: u32, peers: &[Arc<str>]) -> u32 {
    if peers.is_empty() {
        return 0;
    }
    let mut names = replicas.to_le_bytes().to_vec();
    for peer in peers {
        // The length goes in too, so that ["ab", "c"] and ["a", "bc"] differ.
        names.extend((peer.len() as u64).to_le_bytes());
        names.extend(peer.as_bytes());
    }
    crc32(&names)
}
