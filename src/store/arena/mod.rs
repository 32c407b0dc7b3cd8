//! Memory in equal segments: records are appended, freed in place, and slid together when a segment is emptier than most.
//!
//! Everything that grows lives in here, the index too, so nothing is ever asked of the allocator but whole segments (all at once where
//! that costs nothing, see [`Memory`]) and none is given back: linear memory has no holes that the budget does not see. A record may
//! begin at any byte but a segment's first, so that no address is 0, and may have a prefix before its address.

pub(in crate::store) mod record;
mod segments;

use segments::Memory;

use crate::base::mutants::{self, Mutant};

/// A byte of the arena.
pub(in crate::store) type Addr = u32;

/// Where in a segment the first record begins.
const FIRST: usize = 1;

struct Segment {
    /// How far records reach.
    end: usize,
    /// Bytes of records that are in use.
    live: usize,
    /// Where the sweep under way goes on, and where it ends: what was appended since it began is for the next.
    swept: (Addr, Addr),
}

pub(in crate::store) struct Arena {
    memory: Memory,
    segments: Vec<Segment>,
    segment_len: usize,
    /// Bytes before the address of every record that belong to it.
    prefix: usize,
    /// The segment that is appended to.
    open: usize,
    /// The segment that is being swept.
    hand: usize,
    /// Growing failed once: from then on what is there is the whole of it.
    starved: bool,
    #[cfg(test)]
    exhausted: bool,
}

/// Why there is no room for a record.
pub(in crate::store) enum NoRoom {
    /// Something must be evicted first.
    Full,
    /// The allocator refused a segment just now.
    NoMemory,
}

impl Arena {
    /// Each segment takes `segment_len` bytes, what is kept of it included; each record has a prefix of so many bytes.
    pub(in crate::store) fn new(segment_len: usize, max_segments: usize, prefix: usize) -> Arena {
        let segment_len = segment_len - size_of::<Segment>() - size_of::<Vec<u8>>();
        Arena {
            memory: Memory::new(segment_len, max_segments),
            segments: Vec::new(),
            segment_len,
            prefix,
            open: 0,
            hand: 0,
            starved: false,
            #[cfg(test)]
            exhausted: false,
        }
    }

    /// Bits that an address takes.
    pub(in crate::store) fn addr_bits(&self) -> u32 {
        self.memory.addr_bits()
    }

    /// What records have of a segment, their prefixes included.
    pub(in crate::store) fn room_of_segment(&self) -> usize {
        self.segment_len - FIRST
    }

    pub(in crate::store) fn prefix(&self) -> usize {
        self.prefix
    }

    pub(in crate::store) fn reserved_bytes(&self) -> usize {
        self.memory.reserved_bytes() + self.segments.capacity() * size_of::<Segment>()
    }

    pub(in crate::store) fn live_bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.live).sum()
    }

    pub(in crate::store) fn clear(&mut self) {
        self.memory = Memory::new(self.segment_len, self.memory.max_segments());
        self.segments = Vec::new();
        (self.open, self.hand) = (0, 0);
        self.starved = false;
    }

    /// The bytes from `addr` on, at least to the end of its segment, if there are such.
    #[inline(always)]
    pub(in crate::store) fn at(&self, addr: Addr) -> Option<&[u8]> {
        self.memory.at(addr)
    }

    #[inline(always)]
    pub(in crate::store) fn at_mut(&mut self, addr: Addr) -> Option<&mut [u8]> {
        self.memory.at_mut(addr)
    }

    // A hit inlines the two above. Those below are calls in wasm, which is smaller by a fortieth for it.

    /// The same; no bytes for an address that is none.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn bytes(&self, addr: Addr) -> &[u8] {
        self.at(addr).unwrap_or_default()
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn bytes_mut(&mut self, addr: Addr) -> &mut [u8] {
        self.at_mut(addr).unwrap_or_default()
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn u32_at(&self, addr: Addr, byte: usize) -> u32 {
        match self.bytes(addr).get(byte..byte + 4) {
            Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn put_u32(&mut self, addr: Addr, byte: usize, value: u32) {
        if let Some(place) = self.bytes_mut(addr).get_mut(byte..byte + 4) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// The allocator has no more from now on.
    #[cfg(test)]
    pub(in crate::store) fn refuse_growth(&mut self) {
        self.exhausted = true;
    }

    /// Takes a segment from the allocator.
    fn grow(&mut self) -> Result<(), NoRoom> {
        #[cfg(test)]
        if self.exhausted {
            self.starved = true;
            return Err(NoRoom::NoMemory);
        }
        let places = self.memory.max_segments().saturating_sub(self.segments.len());
        if self.segments.try_reserve_exact(places).is_err() || !self.memory.grow() {
            // With nothing at all there is nothing to evict either, so it is tried again.
            self.starved = !self.segments.is_empty();
            return Err(NoRoom::NoMemory);
        }
        self.segments.push(Segment { end: FIRST, live: 0, swept: (0, 0) });
        self.open = self.segments.len() - 1;
        Ok(())
    }

    pub(in crate::store) fn free_in(&self, segment: usize) -> usize {
        self.segments.get(segment).map_or(0, |segment| self.segment_len - FIRST - segment.live)
    }

    pub(in crate::store) fn free_bytes(&self) -> usize {
        (0..self.segments.len()).map(|segment| self.free_in(segment)).sum()
    }

    fn room_in(&self, segment: usize) -> usize {
        self.segments.get(segment).map_or(0, |segment| self.segment_len - segment.end)
    }

    /// What must happen before `len` bytes can be appended, cheapest first.
    pub(in crate::store) fn plan(&mut self, len: usize, except: Option<usize>) -> Result<Step, NoRoom> {
        let len = len + self.prefix;
        if Some(self.open) != except && self.room_in(self.open) >= len {
            return Ok(Step::Append);
        }
        let mut emptiest = None;
        let mut most = 0;
        for segment in 0..self.segments.len() {
            if Some(segment) == except {
                continue;
            }
            if self.room_in(segment) >= len {
                self.open = segment;
                return Ok(Step::Append);
            }
            let free = self.free_in(segment);
            if free > most {
                (emptiest, most) = (Some(segment), free);
            }
        }
        let max_segments = self.memory.max_segments() + usize::from(mutants::active(Mutant::OverBudget));
        let may_grow = except.is_none() && !self.starved && self.segments.len() < max_segments;
        // Sliding a segment is worth it for a fortieth of it, or while there is budget left for a sixty-fourth, once more than a
        // fraction of what is there lies fallow.
        let worth = self.segment_len / if may_grow { 64 } else { 40 };
        let fallow = self.segment_len / 8 + self.reserved_bytes() / 128;
        match emptiest {
            Some(segment) if most >= len.max(worth) && (!may_grow || self.free_bytes() >= fallow) => {
                Ok(Step::Compact(segment))
            }
            _ if may_grow => self.grow().map(|()| Step::Append),
            Some(segment)
                if except.is_none()
                    && len > worth
                    && self.free_bytes() >= len + self.reserved_bytes() / 48 =>
            {
                Ok(Step::Evacuate(segment))
            }
            _ => Err(NoRoom::Full),
        }
    }

    /// Appends `parts`, and zeros up to `len` bytes, to the open segment, which has room.
    pub(in crate::store) fn append(&mut self, len: usize, parts: [&[u8]; 3]) -> Addr {
        let addr = self.extend(len);
        let mut place = self.bytes_mut(addr).get_mut(..len).unwrap_or_default();
        for part in parts {
            let Some((to, rest)) = place.split_at_mut_checked(part.len()) else { return addr };
            to.copy_from_slice(part);
            place = rest;
        }
        place.fill(0);
        addr
    }

    /// Copies a record of `len` bytes to the end of the open segment, which is another one.
    pub(in crate::store) fn append_copy(&mut self, addr: Addr, len: usize) -> Addr {
        let to = self.extend(len);
        self.slide(addr, to, len);
        to
    }

    /// Where the next `len` bytes of the open segment are.
    fn extend(&mut self, len: usize) -> Addr {
        let (open, segment_len) = (self.open, self.segment_len);
        let len = len + self.prefix;
        let Some(segment) = self.segments.get_mut(open) else { return 0 };
        let offset = segment.end;
        debug_assert!(offset + len <= segment_len);
        segment.end = (offset + len).min(segment_len);
        segment.live += len;
        self.memory.join(open, offset + self.prefix)
    }

    /// Marks a record of `len` bytes as free.
    pub(in crate::store) fn free(&mut self, addr: Addr, len: usize) {
        self.put_u32(addr, 0, record::FREE);
        self.put_u32(addr, record::LEN_AT, len as u32);
        let (place, offset) = self.memory.split(addr);
        let Some(segment) = self.segments.get_mut(place) else { return };
        segment.live = segment.live.saturating_sub(len + self.prefix);
        if segment.live == 0 {
            segment.end = FIRST;
        } else if offset + len == segment.end {
            segment.end = offset - self.prefix;
        }
        let (_, end) = self.span(place);
        if let Some(segment) = self.segments.get_mut(place) {
            let (from, to) = segment.swept;
            segment.swept = (from.min(end), to.min(end));
        }
    }

    /// The address of a segment's first record, and the one that the next to be appended will have.
    pub(in crate::store) fn span(&self, segment: usize) -> (Addr, Addr) {
        let end = self.segments.get(segment).map_or(FIRST, |segment| segment.end);
        (self.memory.join(segment, FIRST + self.prefix), self.memory.join(segment, end + self.prefix))
    }

    /// The address of what follows a record of `len` bytes.
    pub(in crate::store) fn after(&self, addr: Addr, len: usize) -> Addr {
        addr + (len + self.prefix) as Addr
    }

    /// What is yet to be swept of the segment that is being swept; none if nothing is left in any.
    pub(in crate::store) fn unswept(&mut self) -> Option<(Addr, Addr)> {
        while let Some(segment) = self.segments.get(self.hand) {
            if segment.swept.0 < segment.swept.1 {
                return Some(segment.swept);
            }
            self.hand += 1;
        }
        None
    }

    /// The segment is swept up to this record.
    pub(in crate::store) fn swept(&mut self, upto: Addr) {
        if let Some(segment) = self.segments.get_mut(self.hand) {
            segment.swept.0 = upto;
        }
    }

    /// Everything that is there now is to be swept.
    pub(in crate::store) fn sweep_anew(&mut self) {
        self.hand = 0;
        for place in 0..self.segments.len() {
            let span = self.span(place);
            if let Some(segment) = self.segments.get_mut(place) {
                segment.swept = span;
            }
        }
    }

    /// In a segment whose records are slid together, what is swept and what was appended since go along: `from` is at `to` now.
    pub(in crate::store) fn carry_sweep(&mut self, segment: usize, from: Addr, to: Addr) {
        if let Some(segment) = self.segments.get_mut(segment) {
            for bound in [&mut segment.swept.0, &mut segment.swept.1] {
                if *bound == from {
                    *bound = to;
                }
            }
        }
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(in crate::store) fn swept_of(&self, segment: usize) -> (Addr, Addr) {
        self.segments.get(segment).map_or((0, 0), |segment| segment.swept)
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(in crate::store) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Copies a record of `len` bytes to where there is room for it.
    pub(in crate::store) fn slide(&mut self, from: Addr, to: Addr, len: usize) {
        let prefix = self.prefix as Addr;
        self.memory.copy(from - prefix, to - prefix, len + self.prefix);
    }

    /// Ends a segment at `end`, after its records were slid together, and appends there from now on.
    pub(in crate::store) fn truncate(&mut self, end: Addr, segment: usize) {
        let offset = end.wrapping_sub(self.memory.join(segment, self.prefix)) as usize;
        if let Some(part) = self.segments.get_mut(segment) {
            part.end = offset.clamp(FIRST, self.segment_len);
            self.open = segment;
        }
    }
}

/// One step towards room for a record.
pub(in crate::store) enum Step {
    /// The open segment has room.
    Append,
    /// Slide this segment's records together.
    Compact(usize),
    /// Move enough of this segment's records elsewhere, then slide the rest together.
    Evacuate(usize),
}
