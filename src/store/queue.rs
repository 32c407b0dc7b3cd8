//! Queues of records: doubly linked through their first two words, newest first, one a class; `lru` uses one of them.

use super::arena::{Addr, Arena, MAX_ADDR};
use super::record::{LINK, NEWER, OLDER, RANK_BITS};

/// A link at or above this is no record: the low bits name the queue that ends here.
const END: u32 = MAX_ADDR;

/// One for each class of worth.
pub(super) const QUEUES: usize = super::worth::CLASSES;

#[derive(Clone, Copy)]
struct Queue {
    newest: u32,
    oldest: u32,
    /// The oldest record's rank, kept here so that choosing among queues touches no record.
    rank: u32,
}

pub(super) struct Queues {
    queues: [Queue; QUEUES],
}

/// Bits of a rank that the entries of a queue do without. A queue's ranks are never further from each other than its worth, which is
/// less than 4 << grain: so three bits above these tell them apart and put them in order, however the lower ones were. What that
/// loses of hits is next to nothing: 51.60 % instead of 51.62 with sixteen bits, in the measure of the [module](super).
fn grain(queue: usize) -> u32 {
    (queue as u32 / 4).saturating_sub(RANK_BITS - 2)
}

pub(super) fn link(arena: &Arena, addr: Addr, side: usize) -> u32 {
    arena.u32_at(addr, side) & LINK
}

/// What lies above the link stays.
fn put_link(arena: &mut Arena, addr: Addr, side: usize, to: u32) {
    let above = arena.u32_at(addr, side) & !LINK;
    arena.put_u32(addr, side, above | to);
}

fn end(queue: usize) -> u32 {
    END | queue as u32
}

impl Queues {
    pub(super) fn new() -> Queues {
        Queues { queues: [Queue { newest: u32::MAX, oldest: u32::MAX, rank: 0 }; QUEUES] }
    }

    #[inline]
    fn at(&mut self, queue: u32) -> Option<&mut Queue> {
        self.queues.get_mut((queue & 0xff) as usize)
    }

    /// Makes a record the newest of a queue.
    pub(super) fn push(&mut self, arena: &mut Arena, addr: Addr, queue: usize, rank: u32) {
        let Some(place) = self.queues.get_mut(queue) else { return };
        let second = place.newest;
        place.newest = addr;
        if second >= END {
            place.oldest = addr;
            place.rank = rank >> grain(queue) << grain(queue);
        }
        arena.put_u32(addr, NEWER, end(queue) | (rank >> grain(queue)) << LINK.count_ones());
        put_link(arena, addr, OLDER, if second >= END { end(queue) } else { second });
        if second < END {
            put_link(arena, second, NEWER, addr);
        }
    }

    /// Takes a record out of its queue.
    pub(super) fn unlink(&mut self, arena: &mut Arena, addr: Addr) {
        let (newer, older) = (link(arena, addr, NEWER), link(arena, addr, OLDER));
        if older < END {
            put_link(arena, older, NEWER, newer);
        } else {
            let rank = if newer < END { self.rank_after(arena, older, newer) } else { 0 };
            if let Some(queue) = self.at(older) {
                queue.oldest = newer;
                queue.rank = rank;
            }
        }
        if newer < END {
            put_link(arena, newer, OLDER, older);
        } else if let Some(queue) = self.at(newer) {
            queue.newest = older;
        }
    }

    /// The whole rank of a record, seen from that of the oldest of its queue, whose end is given.
    pub(super) fn rank_after(&self, arena: &Arena, end: u32, addr: Addr) -> u32 {
        let queue = (end & 0xff) as usize;
        let oldest = self.queues.get(queue).map_or(0, |queue| queue.rank);
        let rank = arena.u32_at(addr, NEWER) >> LINK.count_ones();
        let beyond = rank.wrapping_sub(oldest >> grain(queue)) & ((1 << RANK_BITS) - 1);
        oldest.wrapping_add(beyond << grain(queue))
    }

    /// A record was moved; its bytes are at the new place already.
    pub(super) fn moved(&mut self, arena: &mut Arena, to: Addr) {
        let (newer, older) = (link(arena, to, NEWER), link(arena, to, OLDER));
        if newer < END {
            put_link(arena, newer, OLDER, to);
        } else if let Some(queue) = self.at(newer) {
            queue.newest = to;
        }
        if older < END {
            put_link(arena, older, NEWER, to);
        } else if let Some(queue) = self.at(older) {
            queue.oldest = to;
        }
    }

    /// Whether a record is the newest of the first queue.
    #[inline(always)]
    pub(super) fn is_newest(&self, addr: Addr) -> bool {
        self.queues.first().is_some_and(|queue| queue.newest == addr)
    }

    /// The oldest record with the least rank beyond `floor`, and by how much it is beyond.
    pub(super) fn least(&self, floor: u32) -> Option<(Addr, u32)> {
        let mut least = None;
        for queue in &self.queues {
            let beyond = queue.rank.wrapping_sub(floor);
            if queue.oldest < END && least.is_none_or(|(_, so_far)| beyond < so_far) {
                least = Some((queue.oldest, beyond));
            }
        }
        least
    }

    /// Records from newest to oldest.
    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(super) fn walk<'a>(&self, arena: &'a Arena, queue: usize) -> impl Iterator<Item = Addr> + 'a {
        let first = self.queues.get(queue).map_or(END, |queue| queue.newest);
        std::iter::successors(Some(first), |&addr| Some(link(arena, addr, OLDER)))
            .take_while(|&addr| addr < END)
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(super) fn ends(&self, queue: usize) -> (u32, u32, u32) {
        self.queues.get(queue).map_or((END, END, 0), |queue| (queue.newest, queue.oldest, queue.rank))
    }
}
