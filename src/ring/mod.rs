//! The consistent-hash ring: maps a key to the peer that owns it, with the same result on every node and in Go.
//!
//! A peer has `replicas` points on a circle of hash values. A [`Placement`] says where; GeeCache's is the default. A key
//! belongs to the first point at or after its own position, and the circle is closed. Where two points collide, the peer
//! named **last** owns the point, as assignment to a Go map has it. The order of the list therefore matters, at such
//! collisions only. Names are compared byte for byte.
//!
//! The placement is a contract between nodes. Golden vectors recorded from Go's own packages freeze it
//! (`tests/ring/owners.rs`). Source of the algorithm: `consistenthash` of golang/groupcache, after Karger and others (1997).

mod arcs;
mod md5;
mod placement;

use std::sync::Arc;

use arcs::Arcs;
pub use placement::Placement;

use crate::base::crc32::{crc32, crc32_on};
use crate::base::text::push_decimal;

/// Points per peer in GeeCache and groupcache.
pub const DEFAULT_REPLICAS: u32 = 50;

/// A consistent-hash ring. Immutable: a changed list of peers is a new ring.
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
    position: u64,
    peer: u32,
}

impl Ring {
    /// Builds GeeCache's ring of `peers`, each with `replicas` points. Of a name listed twice the last position counts.
    /// Cost: sorts `replicas` times `peers` points.
    pub fn new<P: AsRef<str>>(replicas: u32, peers: impl IntoIterator<Item = P>) -> Ring {
        Ring::placed(Placement::Geecache, replicas, peers)
    }

    /// Builds a ring with another [`Placement`]. Cost: as [`Ring::new`]; [`Placement::Balanced`] sorts eight times as many
    /// points, [`Placement::GroupcacheV3`] computes an MD5 per point.
    pub fn placed<P: AsRef<str>>(
        placement: Placement,
        replicas: u32,
        peers: impl IntoIterator<Item = P>,
    ) -> Ring {
        Ring::build(placement, replicas, peers.into_iter().map(|peer| Arc::from(peer.as_ref())).collect())
    }

    fn build(placement: Placement, replicas: u32, peers: Vec<Arc<str>>) -> Ring {
        let mut points: Vec<Point> = Vec::new();
        let mut name = String::new();
        for replica in 0..replicas {
            for (peer, peer_name) in (0..).zip(&peers) {
                name.clear();
                push_decimal(&mut name, replica.into());
                name.push_str(peer_name);
                placement.add_points(name.as_bytes(), &mut |position| points.push(Point { position, peer }));
            }
        }
        points.sort_unstable_by_key(|point| point.position);
        // Of colliding points, the one of the peer named last stays.
        points.dedup_by(|point, kept| {
            let collides = point.position == kept.position;
            if collides {
                kept.peer = kept.peer.max(point.peer);
            }
            collides
        });
        let arcs = Arcs::new(&points);
        let fingerprint = fingerprint(placement, replicas, &peers);
        Ring { placement, peers, points, arcs, fingerprint }
    }

    /// Returns the peer that owns `key`; `None` on an empty ring. Cost: one hash of the key and, nearly always, one cache line.
    pub fn owner(&self, key: &[u8]) -> Option<&Arc<str>> {
        let position = self.placement.key_position(key);
        let peer = match self.arcs.owner(position) {
            Some(peer) => peer,
            None => self.points.get(self.first_at_or_after(position))?.peer,
        };
        self.peers.get(peer as usize)
    }

    /// Returns the owner of `key`, then every other peer once, in ring order: the order of failover.
    pub fn owners(&self, key: &[u8]) -> impl Iterator<Item = &Arc<str>> {
        let first = self.first_at_or_after(self.placement.key_position(key));
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

    /// The peers' names, in the order of the list.
    pub fn peers(&self) -> &[Arc<str>] {
        &self.peers
    }

    /// A number that is equal on two nodes if their rings have the same names in the same order, the same placement and the
    /// same number of points, and differs otherwise (up to collisions of 32 bits). 0 for an empty list.
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// Index of the first point at or after a position; 0 beyond the last point, since the circle is closed.
    #[cold]
    fn first_at_or_after(&self, position: u64) -> usize {
        let at = self.points.partition_point(|point| point.position < position);
        if at < self.points.len() { at } else { 0 }
    }
}

fn fingerprint(placement: Placement, replicas: u32, peers: &[Arc<str>]) -> u32 {
    if peers.is_empty() {
        return 0;
    }
    let sum = crc32_on(crc32(&replicas.to_le_bytes()), &[placement as u8]);
    // Hashes the length too, so that ["ab", "c"] and ["a", "bc"] differ.
    let add =
        |sum, peer: &Arc<str>| crc32_on(crc32_on(sum, &(peer.len() as u64).to_le_bytes()), peer.as_bytes());
    peers.iter().fold(sum, add)
}
