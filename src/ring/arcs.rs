//! An index over the ring: equal arcs of the circle, each with the first point at or after its start, so that a lookup
//! rarely searches.
//!
//! There are at least twice as many arcs as points. The key's arc or the next one has the owner, unless two or more points
//! share the key's arc and the key lies beyond the first of them. The cost does not grow with the number of peers, while
//! that of a binary search does.

use super::Point;

/// Flag in [`FirstPoint::peer`]: two or more points share the arc.
const CROWDED: u32 = 1 << 31;

/// Peer index on a ring without points.
const NO_PEER: u32 = CROWDED - 1;

#[derive(Clone, Copy, Debug)]
struct FirstPoint {
    /// Upper half of the position of the first point at or after the arc's start, which may lie in a later arc.
    position: u32,
    /// Index of the peer that owns the point, and [`CROWDED`].
    peer: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Arcs {
    /// One per arc and one more, which closes the circle.
    firsts: Vec<FirstPoint>,
    shift: u32,
}

impl Arcs {
    /// `points` are sorted by position.
    pub(super) fn new(points: &[Point]) -> Arcs {
        // More arcs are crowded less often and take more memory; large rings get fewer per point.
        let arcs_per_point = if points.len() > 1 << 16 { 2 } else { 4 };
        let bits = (points.len().max(1) * arcs_per_point).next_power_of_two().trailing_zeros().min(24);
        let shift = 32 - bits;
        // The first point follows the last, at a position that no key exceeds.
        let closing =
            FirstPoint { position: u32::MAX, peer: points.first().map_or(NO_PEER, |point| point.peer) };
        let mut firsts = Vec::with_capacity((1 << bits) + 1);
        let mut rest = points;
        for arc in 0..1u32 << bits {
            let first = rest
                .first()
                .map_or(closing, |point| FirstPoint { position: upper(point.position), peer: point.peer });
            let within = rest.iter().take_while(|point| upper(point.position) >> shift == arc).count();
            let crowded = if within > 1 { CROWDED } else { 0 };
            firsts.push(FirstPoint { peer: first.peer | crowded, ..first });
            rest = rest.get(within..).unwrap_or_default();
        }
        firsts.push(closing);
        Arcs { firsts, shift }
    }

    /// Index of the peer that owns a position; `None` where the points must be searched.
    #[inline]
    pub(super) fn owner(&self, position: u64) -> Option<u32> {
        let position = upper(position);
        let [here, next] = self.firsts.get((position >> self.shift) as usize..)?.first_chunk()?;
        if position < here.position {
            return Some(here.peer & !CROWDED);
        }
        // If the upper halves are equal, the lower halves decide.
        if position == here.position || here.peer & CROWDED != 0 {
            return None;
        }
        Some(next.peer & !CROWDED)
    }
}

fn upper(position: u64) -> u32 {
    (position >> 32) as u32
}
