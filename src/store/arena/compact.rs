//! Making room in the arena: append, grow, compact a segment, or evacuate part of it, whichever is cheapest.

use super::record::Kind;
use super::{Addr, Arena, FIRST};
use crate::base::mutants::{self, Mutant};

/// Why a record cannot be appended.
pub(in crate::store) enum NoRoom {
    /// The caller must free a record first.
    Full,
    /// The allocator just refused a segment.
    NoMemory,
}

/// A record that compaction moved. Its bytes and prefix are at `to`.
pub(in crate::store) struct Moved {
    pub(in crate::store) kind: Kind,
    pub(in crate::store) from: Addr,
    pub(in crate::store) to: Addr,
}

/// Updates all references to a moved record.
type OnMove<'a> = dyn FnMut(&mut Arena, Moved) + 'a;

/// The next step towards room for a record.
enum Plan {
    /// The open segment has room.
    Append,
    /// Slide this segment's records together.
    Compact(usize),
    /// Move records out of this segment until the rest, slid together, leaves enough room.
    Evacuate(usize),
}

impl Arena {
    /// Makes room for a record of `len` bytes in the open segment. Moves records if it must, and reports each to `on_move`.
    pub(in crate::store) fn make_room(&mut self, len: usize, on_move: &mut OnMove<'_>) -> Result<(), NoRoom> {
        loop {
            match self.plan(len, None)? {
                Plan::Append => return Ok(()),
                Plan::Compact(segment) => self.compact(segment, on_move),
                Plan::Evacuate(segment) => {
                    if !self.evacuate(segment, len, on_move) {
                        return Err(NoRoom::Full);
                    }
                }
            }
        }
    }

    fn free_bytes(&self) -> usize {
        (0..self.segments.len()).map(|segment| self.free_in(segment)).sum()
    }

    /// Bytes of a segment that compaction would leave for new records.
    fn free_in(&self, segment: usize) -> usize {
        debug_assert!(segment < self.segments.len(), "there is no segment {segment}");
        self.segments.get(segment).map_or(0, |segment| self.segment_len - FIRST - segment.live)
    }

    /// Bytes after a segment's last record.
    fn room_in(&self, segment: usize) -> usize {
        self.segments.get(segment).map_or(0, |segment| self.segment_len - segment.end)
    }

    /// The cheapest step towards room for `len` bytes, outside the segment `except`.
    fn plan(&mut self, len: usize, except: Option<usize>) -> Result<Plan, NoRoom> {
        let len = len + self.prefix;
        if Some(self.open) != except && self.room_in(self.open) >= len {
            return Ok(Plan::Append);
        }
        let mut emptiest = None;
        let mut most_free = 0;
        for segment in 0..self.segments.len() {
            if Some(segment) == except {
                continue;
            }
            if self.room_in(segment) >= len {
                self.open = segment;
                return Ok(Plan::Append);
            }
            let free = self.free_in(segment);
            if free > most_free {
                (emptiest, most_free) = (Some(segment), free);
            }
        }
        let max_segments = self.memory.max_segments() + usize::from(mutants::active(Mutant::OverBudget));
        let may_grow = except.is_none() && !self.is_capped && self.segments.len() < max_segments;
        // Compaction must recover a minimal part of a segment. While the budget has segments left, a smaller part suffices, but only
        // once free bytes add up to a fraction of the reserved memory.
        let min_gain = self.segment_len / if may_grow { 64 } else { 40 };
        let min_free = self.segment_len / 8 + self.reserved_bytes() / 128;
        match emptiest {
            Some(segment)
                if most_free >= len.max(min_gain) && (!may_grow || self.free_bytes() >= min_free) =>
            {
                Ok(Plan::Compact(segment))
            }
            _ if may_grow => self.grow().map(|()| Plan::Append),
            Some(segment)
                if except.is_none()
                    && len > min_gain
                    && self.free_bytes() >= len + self.reserved_bytes() / 48 =>
            {
                Ok(Plan::Evacuate(segment))
            }
            _ => Err(NoRoom::Full),
        }
    }

    /// Slides the records of a segment together and opens it.
    fn compact(&mut self, segment: usize, on_move: &mut OnMove<'_>) {
        let (mut from, end) = self.span(segment);
        let mut to = from;
        while from < end {
            let (kind, len) = self.extent(from);
            self.carry_walk(segment, from, to);
            if kind != Kind::Free {
                if from != to {
                    self.copy(from, to, len);
                    on_move(self, Moved { kind, from, to });
                }
                to = self.after(to, len);
            }
            from = self.after(from, len);
        }
        debug_assert!(from == end, "the last record ends where its segment does");
        self.carry_walk(segment, from, to);
        self.truncate(to, segment);
    }

    /// Moves records out of a segment until `len` bytes of it are free, then compacts the rest. Returns false if the other segments
    /// have no room for them.
    fn evacuate(&mut self, segment: usize, len: usize, on_move: &mut OnMove<'_>) -> bool {
        let (mut at, _) = self.span(segment);
        while self.free_in(segment) < len + self.prefix {
            if at >= self.span(segment).1 {
                return false;
            }
            let (kind, record_len) = self.extent(at);
            if kind != Kind::Free {
                match self.plan(record_len, Some(segment)) {
                    Ok(Plan::Append) => {}
                    Ok(Plan::Compact(other)) => self.compact(other, on_move),
                    _ => return false,
                }
                let to = self.extend(record_len);
                self.copy(at, to, record_len);
                on_move(self, Moved { kind, from: at, to });
                self.free(at, record_len);
            }
            at = self.after(at, record_len);
        }
        self.compact(segment, on_move);
        true
    }

    /// Copies a record and its prefix to free bytes, which may overlap with its own.
    fn copy(&mut self, from: Addr, to: Addr, len: usize) {
        let prefix = self.prefix as Addr;
        self.memory.copy(from - prefix, to - prefix, len + self.prefix);
    }

    /// Ends a compacted segment at `end` and opens it.
    fn truncate(&mut self, end: Addr, segment: usize) {
        let offset = end.wrapping_sub(self.memory.join(segment, self.prefix)) as usize;
        debug_assert!((FIRST..=self.segment_len).contains(&offset), "a segment ends outside of itself");
        let truncated = self.segments.get_mut(segment);
        debug_assert!(truncated.is_some(), "there is no segment {segment}");
        if let Some(truncated) = truncated {
            truncated.end = offset.clamp(FIRST, self.segment_len);
            self.open = segment;
        }
    }
}
