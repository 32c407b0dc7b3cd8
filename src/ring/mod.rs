//! The ring: which peer owns a key, the same answer on every node and in Go's groupcache and GeeCache.
//!
//! A peer has `replicas` points on a circle of hashes: where, a [`Placement`] says, GeeCache's unless another is
//! chosen. A key belongs to the first point at or after its own place, the circle closed. Where two points fall
//! together, the peer named **last** owns the point, as Go's map assignment has it; so the order of the list matters,
//! at such collisions only, and names count byte for byte.
//!
//! The placement is a contract with other nodes: it is frozen by golden vectors taken from Go's own answers
//! (`tests/ring.rs`). Source of the algorithm: `consistenthash` of golang/groupcache.

mod arcs;
mod md5;
mod placement;

use std::sync::Arc;

use arcs::Arcs;
pub use placement::Placement;

use crate::base::crc32::{crc32, crc32_on};
use crate::base::text::push_decimal;

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
    arcs: Arcs,
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
        points.sort_unstable_by_key(|point| point.place);
        // Of points that fall together the last named peer's stays.
        points.dedup_by(|point, kept| {
            let together = point.place == kept.place;
            if together {
                kept.peer = kept.peer.max(point.peer);
            }
            together
        });
        let arcs = Arcs::of(&points);
        let fingerprint = fingerprint(placement, replicas, &peers);
        Ring { placement, peers, points, arcs, fingerprint }
    }

    /// The peer that owns `key`; `None` on an empty ring. Cost: one hash of the key, and nearly always one line of memory.
    pub fn owner(&self, key: &[u8]) -> Option<&Arc<str>> {
        let place = self.placement.of_key(key);
        let peer = match self.arcs.owner(place) {
            Some(peer) => peer,
            None => self.points.get(self.first_at_or_after(place))?.peer,
        };
        self.peers.get(peer as usize)
    }

    /// The owner of `key` and then every other peer, each once, in the order in which the ring meets them: who
    /// comes next when the owner fails.
    pub fn owners(&self, key: &[u8]) -> impl Iterator<Item = &Arc<str>> {
        let first = self.first_at_or_after(self.placement.of_key(key));
        let (mut at, mut left) = (first, self.points.len());
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

    /// The index of the first point at or after a place, 0 where there is none (the circle is closed).
    #[cold]
    fn first_at_or_after(&self, place: u64) -> usize {
        let at = self.points.partition_point(|point| point.place < place);
        if at < self.points.len() { at } else { 0 }
    }
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
