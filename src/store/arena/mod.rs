//! Records in equal segments of memory: appended, freed in place, and compacted when a segment is emptier than the others.
//!
//! All growing parts of the store, the index included, are records of the arena, so the allocator serves whole segments only
//! (see [`segments`]) and linear memory has no holes outside the budget. No segment is returned before the arena is cleared.
//!
//! A record starts at any byte of a segment but the first, so address 0 is free to mean "none". It may have a prefix, which lies
//! before its address and belongs to it. The arena knows the format of a record (`record`, `header`, `usage`) and neither the index
//! nor the eviction policy; compaction reports each moved record to a callback.

mod compact;
pub(in crate::store) mod header;
pub(in crate::store) mod record;
mod segments;
pub(in crate::store) mod usage;
mod walk;
mod words;

pub(in crate::store) use compact::{Moved, NoRoom};
use record::Kind;
use segments::Memory;
pub(in crate::store) use segments::{Addr, MAX_PREFIX};
pub(in crate::store) use words::{read_word, write_word};

/// Offset of a segment's first record.
const FIRST: usize = 1;

struct Segment {
    /// Offset after the last record.
    end: usize,
    /// Bytes of the records in use, prefixes included.
    live: usize,
    /// The part of the segment that the current [walk] has not passed. Records appended since the walk started are behind it.
    unwalked: (Addr, Addr),
}

pub(in crate::store) struct Arena {
    memory: Memory,
    segments: Vec<Segment>,
    segment_len: usize,
    /// Bytes before the address of every record that belong to it.
    prefix: usize,
    /// The segment that takes the next record.
    open: usize,
    /// The segment that the walk is in.
    walked_segment: usize,
    /// The allocator refused a segment once: the arena no longer grows.
    is_capped: bool,
    #[cfg(test)]
    refuses_growth: bool,
}

impl Arena {
    /// An arena without segments. A segment takes `segment_len` bytes, its bookkeeping included; a record has `prefix` bytes before
    /// its address.
    pub(in crate::store) fn new(segment_len: usize, max_segments: usize, prefix: usize) -> Arena {
        let segment_len = segment_len - size_of::<Segment>() - size_of::<Vec<u8>>();
        Arena {
            memory: Memory::new(segment_len, max_segments),
            segments: Vec::new(),
            segment_len,
            prefix,
            open: 0,
            walked_segment: 0,
            is_capped: false,
            #[cfg(test)]
            refuses_growth: false,
        }
    }

    /// Bits of the largest address.
    pub(in crate::store) fn addr_bits(&self) -> u32 {
        self.memory.addr_bits()
    }

    /// Bytes of a segment that records and their prefixes can use.
    pub(in crate::store) fn segment_capacity(&self) -> usize {
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

    /// Drops all records and returns all segments to the allocator.
    pub(in crate::store) fn clear(&mut self) {
        self.memory = Memory::new(self.segment_len, self.memory.max_segments());
        self.segments = Vec::new();
        (self.open, self.walked_segment) = (0, 0);
        self.is_capped = false;
    }

    /// The bytes from `addr` at least to the end of its segment. `None` for an address outside the arena.
    #[inline(always)]
    pub(in crate::store) fn at(&self, addr: Addr) -> Option<&[u8]> {
        self.memory.at(addr)
    }

    #[inline(always)]
    pub(in crate::store) fn at_mut(&mut self, addr: Addr) -> Option<&mut [u8]> {
        self.memory.at_mut(addr)
    }

    // The hit path inlines the two above. The ones below are calls in wasm, which makes the file smaller.

    /// Like `at`, but returns an empty slice for an invalid address.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn bytes(&self, addr: Addr) -> &[u8] {
        let bytes = self.at(addr);
        debug_assert!(bytes.is_some(), "{addr} is no address");
        bytes.unwrap_or_default()
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn bytes_mut(&mut self, addr: Addr) -> &mut [u8] {
        let bytes = self.at_mut(addr);
        debug_assert!(bytes.is_some(), "{addr} is no address");
        bytes.unwrap_or_default()
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn read_word(&self, addr: Addr, at: usize) -> u32 {
        read_word(self.bytes(addr), at)
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn write_word(&mut self, addr: Addr, at: usize, value: u32) {
        write_word(self.bytes_mut(addr), at, value);
    }

    /// Kind and length of the record at an address.
    pub(in crate::store) fn extent(&self, addr: Addr) -> (Kind, usize) {
        record::extent(self.bytes(addr))
    }

    /// From now on the allocator refuses every segment.
    #[cfg(test)]
    pub(in crate::store) fn refuse_growth(&mut self) {
        self.refuses_growth = true;
    }

    /// Takes a segment from the allocator and opens it.
    fn grow(&mut self) -> Result<(), NoRoom> {
        #[cfg(test)]
        if self.refuses_growth {
            self.is_capped = true;
            return Err(NoRoom::NoMemory);
        }
        let missing = self.memory.max_segments().saturating_sub(self.segments.len());
        if self.segments.try_reserve_exact(missing).is_err() || !self.memory.grow() {
            // An arena without any segment cannot evict either, so the next insert tries again.
            self.is_capped = !self.segments.is_empty();
            return Err(NoRoom::NoMemory);
        }
        self.segments.push(Segment { end: FIRST, live: 0, unwalked: (0, 0) });
        self.open = self.segments.len() - 1;
        Ok(())
    }

    /// Appends `parts`, then zeros up to `len` bytes, to the open segment. [`make_room`](Self::make_room) must have succeeded for
    /// `len`.
    pub(in crate::store) fn append(&mut self, len: usize, parts: [&[u8]; 3]) -> Addr {
        let addr = self.extend(len);
        let mut rest = self.bytes_mut(addr).get_mut(..len).unwrap_or_default();
        for part in parts {
            let Some((target, after)) = rest.split_at_mut_checked(part.len()) else {
                debug_assert!(false, "the parts of a record are longer than its {len} bytes");
                return addr;
            };
            target.copy_from_slice(part);
            rest = after;
        }
        rest.fill(0);
        addr
    }

    /// Reserves `len` bytes and a prefix in the open segment.
    fn extend(&mut self, len: usize) -> Addr {
        let (open, segment_len) = (self.open, self.segment_len);
        let len = len + self.prefix;
        let Some(segment) = self.segments.get_mut(open) else {
            debug_assert!(false, "no segment is open");
            return 0;
        };
        let offset = segment.end;
        debug_assert!(offset + len <= segment_len, "the open segment has no room");
        segment.end = (offset + len).min(segment_len);
        segment.live += len;
        self.memory.join(open, offset + self.prefix)
    }

    /// Marks a record of `len` bytes as free. Compaction recovers its bytes; at the end of a segment they are free at once.
    pub(in crate::store) fn free(&mut self, addr: Addr, len: usize) {
        self.write_word(addr, 0, record::FREE);
        self.write_word(addr, record::LEN_AT, len as u32);
        let (at, offset) = self.memory.split(addr);
        let Some(segment) = self.segments.get_mut(at) else {
            debug_assert!(false, "{addr} lies in no segment");
            return;
        };
        debug_assert!(segment.live >= len + self.prefix, "more bytes are freed than were in use");
        segment.live = segment.live.saturating_sub(len + self.prefix);
        if segment.live == 0 {
            segment.end = FIRST;
        } else if offset + len == segment.end {
            segment.end = offset - self.prefix;
        }
        self.clip_walk(at);
    }

    /// The address of a segment's first record, and the address that the next appended record gets.
    pub(in crate::store) fn span(&self, segment: usize) -> (Addr, Addr) {
        debug_assert!(segment < self.segments.len(), "there is no segment {segment}");
        let end = self.segments.get(segment).map_or(FIRST, |segment| segment.end);
        (self.memory.join(segment, FIRST + self.prefix), self.memory.join(segment, end + self.prefix))
    }

    /// The address after a record of `len` bytes.
    pub(in crate::store) fn after(&self, addr: Addr, len: usize) -> Addr {
        addr + (len + self.prefix) as Addr
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(in crate::store) fn segments(&self) -> usize {
        self.segments.len()
    }
}
