//! The bytes of a store's segments: a piece each in wasm, where memory grows at one end for everybody; elsewhere one piece.
//!
//! Where address space costs nothing until it is touched, all segments that the budget allows are reserved at once and used one after
//! the other. A hit then reads its two places without asking first which segment they are in: 23 instructions of 212. Should
//! the reservation be refused, there is one for each segment, which moves those before it.

use crate::store::arena::Addr;
#[cfg(any(target_arch = "wasm32", feature = "segmented"))]
use crate::store::eviction::lru::LINKS;

/// Equal segments, all of their bytes there from the start.
pub(in crate::store) struct Memory {
    #[cfg(not(any(target_arch = "wasm32", feature = "segmented")))]
    bytes: Vec<u8>,
    #[cfg(any(target_arch = "wasm32", feature = "segmented"))]
    segments: Vec<Vec<u8>>,
    #[cfg(any(target_arch = "wasm32", feature = "segmented"))]
    shift: u32,
    segment_len: usize,
    max_segments: usize,
}

impl Memory {
    pub(in crate::store) fn max_segments(&self) -> usize {
        self.max_segments
    }
}

#[cfg(not(any(target_arch = "wasm32", feature = "segmented")))]
impl Memory {
    pub(in crate::store) fn new(segment_len: usize, max_segments: usize) -> Memory {
        Memory { bytes: Vec::new(), segment_len, max_segments }
    }

    /// Bits that an address takes.
    pub(in crate::store) fn addr_bits(&self) -> u32 {
        usize::BITS - (self.max_segments * self.segment_len).leading_zeros()
    }

    /// Adds a segment. Answers whether there was memory for it.
    pub(in crate::store) fn grow(&mut self) -> bool {
        let end = self.bytes.len() + self.segment_len;
        let all = end.max(self.segment_len * self.max_segments);
        let mut reserve =
            |upto: usize| self.bytes.try_reserve_exact(upto.saturating_sub(self.bytes.len())).is_ok();
        let grows = reserve(all) || reserve(end);
        if grows {
            self.bytes.resize(end, 0);
        }
        grows
    }

    pub(in crate::store) fn reserved_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes from `addr` on, at least to the end of its segment, if there are such.
    #[inline(always)]
    pub(in crate::store) fn at(&self, addr: Addr) -> Option<&[u8]> {
        self.bytes.get(addr as usize..)
    }

    #[inline(always)]
    pub(in crate::store) fn at_mut(&mut self, addr: Addr) -> Option<&mut [u8]> {
        self.bytes.get_mut(addr as usize..)
    }

    pub(in crate::store) fn split(&self, addr: Addr) -> (usize, usize) {
        let at = addr as usize;
        (at / self.segment_len, at % self.segment_len)
    }

    pub(in crate::store) fn join(&self, segment: usize, offset: usize) -> Addr {
        (segment * self.segment_len + offset) as Addr
    }

    /// Copies `len` bytes from one record to another.
    pub(in crate::store) fn copy(&mut self, from: Addr, to: Addr, len: usize) {
        let (from, to) = (from as usize, to as usize);
        if from.max(to) + len <= self.bytes.len() {
            self.bytes.copy_within(from..from + len, to);
        }
    }
}

#[cfg(any(target_arch = "wasm32", feature = "segmented"))]
impl Memory {
    pub(in crate::store) fn new(segment_len: usize, max_segments: usize) -> Memory {
        let shift = usize::BITS - segment_len.leading_zeros();
        // Between segments lie addresses that nothing has. If entries of many megabytes make them many, not all of a budget of
        // gigabytes is reached.
        let max_segments = max_segments.min(1 + ((Addr::MAX as usize - segment_len - LINKS) >> shift));
        Memory { segments: Vec::new(), shift, segment_len, max_segments }
    }

    pub(in crate::store) fn addr_bits(&self) -> u32 {
        self.shift + (usize::BITS - (self.max_segments - 1).leading_zeros())
    }

    pub(in crate::store) fn grow(&mut self) -> bool {
        let mut bytes = Vec::new();
        let places = self.max_segments.saturating_sub(self.segments.len());
        let grows = self.segments.try_reserve_exact(places).is_ok()
            && bytes.try_reserve_exact(self.segment_len).is_ok();
        if grows {
            bytes.resize(self.segment_len, 0);
            self.segments.push(bytes);
        }
        grows
    }

    pub(in crate::store) fn reserved_bytes(&self) -> usize {
        self.segments.len() * self.segment_len + self.segments.capacity() * size_of::<Vec<u8>>()
    }

    #[inline(always)]
    pub(in crate::store) fn at(&self, addr: Addr) -> Option<&[u8]> {
        let (segment, offset) = self.split(addr);
        self.segments.get(segment)?.get(offset..)
    }

    #[inline(always)]
    pub(in crate::store) fn at_mut(&mut self, addr: Addr) -> Option<&mut [u8]> {
        let (segment, offset) = self.split(addr);
        self.segments.get_mut(segment)?.get_mut(offset..)
    }

    #[inline(always)]
    pub(in crate::store) fn split(&self, addr: Addr) -> (usize, usize) {
        ((addr >> self.shift) as usize, (addr & ((1 << self.shift) - 1)) as usize)
    }

    pub(in crate::store) fn join(&self, segment: usize, offset: usize) -> Addr {
        ((segment as Addr) << self.shift) + offset as Addr
    }

    pub(in crate::store) fn copy(&mut self, from: Addr, to: Addr, len: usize) {
        let ((source, at), (target, to)) = (self.split(from), self.split(to));
        // Taken out meanwhile, so that the two can be told to be two.
        let Some(mut taken) = self.segments.get_mut(source).map(std::mem::take) else { return };
        if source == target {
            if at.max(to) + len <= taken.len() {
                taken.copy_within(at..at + len, to);
            }
        } else if let Some(bytes) = taken.get(at..at + len)
            && let Some(place) = self.segments.get_mut(target).and_then(|other| other.get_mut(to..to + len))
        {
            place.copy_from_slice(bytes);
        }
        if let Some(place) = self.segments.get_mut(source) {
            *place = taken;
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::eviction::lru::{END, LINKS};

    /// However long segments are, and however many: addresses are told apart, and from a list's ends.
    #[test]
    fn every_place_has_an_address_and_back() {
        for (segment_len, segments) in
            [(1 << 10, 8), (1023, 300), (1028, 300), ((2 << 30) - 4096, 1), (21 << 20, 97), (4100, 400_000)]
        {
            let memory = Memory::new(segment_len, segments);
            let last = memory.max_segments() - 1;
            for segment in [0, last / 2, last] {
                for offset in [0, 1, segment_len - 1] {
                    let addr = memory.join(segment, offset);
                    assert!(
                        addr < END && u64::from(addr) >> memory.addr_bits() == 0,
                        "{segment_len} {segments}: {addr}"
                    );
                    assert_eq!(memory.split(addr), (segment, offset));
                }
                // What would follow a full segment comes after all of it.
                let behind = memory.join(segment, segment_len + LINKS);
                assert_eq!(behind - memory.join(segment, 0), (segment_len + LINKS) as Addr);
            }
        }
    }

    #[test]
    fn what_is_copied_arrives_within_a_segment_and_in_another() {
        let mut memory = Memory::new(256, 3);
        assert!(memory.at(1).is_none() && memory.grow() && memory.grow() && memory.grow());
        for (from, to) in [((0, 64), (0, 8)), ((0, 64), (2, 192)), ((2, 192), (1, 0)), ((1, 0), (1, 4))] {
            let [from, to] = [from, to].map(|(segment, offset)| memory.join(segment, offset));
            let words: Vec<u8> = (0..64).map(|byte| byte ^ from as u8).collect();
            memory.at_mut(from).unwrap()[..64].copy_from_slice(&words);
            memory.copy(from, to, 64);
            assert_eq!(memory.at(to).unwrap()[..64], words);
        }
        assert!(memory.at(memory.join(3, 4)).is_none());
    }
}
