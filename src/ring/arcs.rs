//! The circle in equal arcs, each with the first point from its beginning on: a look-up that does not search.
//!
//! There are at least twice as many arcs as points. Of a key's arc and the next, one has the answer, unless two points lie in the arc
//! and the key is beyond the first, as one in fifty is: 9 to 10 ns at any number of peers, where a binary search grows from 22 to 46.

use super::Point;

/// In an arc's peer: two points or more lie in it.
const CROWDED: u32 = 1 << 31;

/// The peer of a ring without points.
const NOBODY: u32 = CROWDED - 1;

#[derive(Clone, Copy, Debug)]
struct First {
    /// The upper half of the place of the first point at or after the arc's beginning, in whatever arc that is.
    place: u32,
    /// Whose point it is.
    peer: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Arcs {
    /// One more than there are arcs: the circle is closed.
    firsts: Vec<First>,
    shift: u32,
}

impl Arcs {
    /// Of points in the order of their places.
    pub(super) fn of(points: &[Point]) -> Arcs {
        // More arcs are crowded less often and take more memory: four a point are 0.5 ns quicker than two, and at most 2 MiB.
        let arcs_a_point = if points.len() > 1 << 16 { 2 } else { 4 };
        let bits = (points.len().max(1) * arcs_a_point).next_power_of_two().trailing_zeros().min(24);
        let shift = 32 - bits;
        // Behind the last point comes the first, at a place that no key is beyond.
        let closing = First { place: u32::MAX, peer: points.first().map_or(NOBODY, |point| point.peer) };
        let mut firsts = Vec::with_capacity((1 << bits) + 1);
        let mut rest = points;
        for arc in 0..1u32 << bits {
            let first =
                rest.first().map_or(closing, |point| First { place: upper(point.place), peer: point.peer });
            let within = rest.iter().take_while(|point| upper(point.place) >> shift == arc).count();
            let crowded = if within > 1 { CROWDED } else { 0 };
            firsts.push(First { peer: first.peer | crowded, ..first });
            rest = rest.get(within..).unwrap_or_default();
        }
        firsts.push(closing);
        Arcs { firsts, shift }
    }

    /// Whose point is the first at or after a place; `None` if only a search can tell.
    #[inline]
    pub(super) fn owner(&self, place: u64) -> Option<u32> {
        let place = upper(place);
        let [here, next] = self.firsts.get((place >> self.shift) as usize..)?.first_chunk()?;
        if place < here.place {
            return Some(here.peer & !CROWDED);
        }
        // Where they are equal the lower halves decide.
        if place == here.place || here.peer & CROWDED != 0 {
            return None;
        }
        Some(next.peer & !CROWDED)
    }
}

fn upper(place: u64) -> u32 {
    (place >> 32) as u32
}
