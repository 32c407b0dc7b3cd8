//! A walk over all records in memory order that can stop at any record, resume later, and survives compaction.
//!
//! The walk covers the records that existed when it started; the next walk covers those appended since. An eviction sweep resumes it
//! for each victim.

use super::{Addr, Arena};

impl Arena {
    /// The part of the current segment that the walk has not passed, or of the next segment. `None` at the end of the walk.
    pub(in crate::store) fn unwalked(&mut self) -> Option<(Addr, Addr)> {
        while let Some(segment) = self.segments.get(self.walked_segment) {
            if segment.unwalked.0 < segment.unwalked.1 {
                return Some(segment.unwalked);
            }
            self.walked_segment += 1;
        }
        None
    }

    /// Moves the walk to `addr` in the current segment.
    pub(in crate::store) fn walk_to(&mut self, addr: Addr) {
        let segment = self.segments.get_mut(self.walked_segment);
        debug_assert!(segment.is_some(), "the walk is in no segment");
        if let Some(segment) = segment {
            segment.unwalked.0 = addr;
        }
    }

    /// Starts a walk over all records.
    pub(in crate::store) fn restart_walk(&mut self) {
        self.walked_segment = 0;
        for at in 0..self.segments.len() {
            let span = self.span(at);
            if let Some(segment) = self.segments.get_mut(at) {
                segment.unwalked = span;
            }
        }
    }

    /// Keeps the bounds of the walk at their records while a segment is compacted: the record at `from` moves to `to`.
    pub(super) fn carry_walk(&mut self, segment: usize, from: Addr, to: Addr) {
        let segment = self.segments.get_mut(segment);
        debug_assert!(segment.is_some(), "a segment that does not exist is compacted");
        if let Some(segment) = segment {
            for bound in [&mut segment.unwalked.0, &mut segment.unwalked.1] {
                if *bound == from {
                    *bound = to;
                }
            }
        }
    }

    /// Ends the walk of a segment where the segment ends, after its last record was freed.
    pub(super) fn clip_walk(&mut self, segment: usize) {
        let (_, end) = self.span(segment);
        if let Some(segment) = self.segments.get_mut(segment) {
            let (from, to) = segment.unwalked;
            segment.unwalked = (from.min(end), to.min(end));
        }
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(in crate::store) fn unwalked_in(&self, segment: usize) -> (Addr, Addr) {
        self.segments.get(segment).map_or((0, 0), |segment| segment.unwalked)
    }
}
