//! The bytes of the arena: equal segments behind 32-bit addresses.
//!
//! In wasm a segment is an allocation of its own, because all allocations share one end of linear memory. Natively one allocation
//! reserves all segments of the budget, because address space costs nothing until it is touched. A hit then reads a record without a
//! look at its segment. If the allocator refuses the reservation, segments are added one at a time, each of which moves the earlier ones.

/// Address of a byte of the arena. 0 is never the address of a record, and [`Addr::MAX`] never one of any byte.
pub(in crate::store) type Addr = u32;

/// Most bytes that a record may have before its address. Addresses reach this far beyond the end of a full segment.
pub(in crate::store) const MAX_PREFIX: usize = 7;

/// Equal segments. All bytes of a segment exist once it is added.
pub(super) struct Memory {
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
    pub(super) fn max_segments(&self) -> usize {
        self.max_segments
    }
}

#[cfg(not(any(target_arch = "wasm32", feature = "segmented")))]
impl Memory {
    pub(super) fn new(segment_len: usize, max_segments: usize) -> Memory {
        Memory { bytes: Vec::new(), segment_len, max_segments }
    }

    /// Bits of the largest address.
    pub(super) fn addr_bits(&self) -> u32 {
        usize::BITS - (self.max_segments * self.segment_len).leading_zeros()
    }

    /// Adds a segment. Returns false if the allocator refuses.
    pub(super) fn grow(&mut self) -> bool {
        let end = self.bytes.len() + self.segment_len;
        let all = end.max(self.segment_len * self.max_segments);
        let mut reserve =
            |len: usize| self.bytes.try_reserve_exact(len.saturating_sub(self.bytes.len())).is_ok();
        let grows = reserve(all) || reserve(end);
        if grows {
            self.bytes.resize(end, 0);
        }
        grows
    }

    pub(super) fn reserved_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes from `addr` at least to the end of its segment. `None` for an address outside the segments.
    #[inline(always)]
    pub(super) fn at(&self, addr: Addr) -> Option<&[u8]> {
        self.bytes.get(addr as usize..)
    }

    #[inline(always)]
    pub(super) fn at_mut(&mut self, addr: Addr) -> Option<&mut [u8]> {
        self.bytes.get_mut(addr as usize..)
    }

    /// The segment of an address, and the offset in it.
    pub(super) fn split(&self, addr: Addr) -> (usize, usize) {
        let at = addr as usize;
        (at / self.segment_len, at % self.segment_len)
    }

    /// The address of an offset in a segment.
    pub(super) fn join(&self, segment: usize, offset: usize) -> Addr {
        (segment * self.segment_len + offset) as Addr
    }

    /// Copies `len` bytes, which may overlap with their target.
    pub(super) fn copy(&mut self, from: Addr, to: Addr, len: usize) {
        let (from, to) = (from as usize, to as usize);
        let is_inside = from.max(to) + len <= self.bytes.len();
        debug_assert!(is_inside, "{len} bytes from {from} to {to} are outside the arena");
        if is_inside {
            self.bytes.copy_within(from..from + len, to);
        }
    }
}

#[cfg(any(target_arch = "wasm32", feature = "segmented"))]
impl Memory {
    pub(super) fn new(segment_len: usize, max_segments: usize) -> Memory {
        let shift = usize::BITS - segment_len.leading_zeros();
        // A segment takes a power of two of addresses, part of them unused. Where the largest entry takes many megabytes, the unused
        // ones may keep a budget of gigabytes from being reached in full.
        let max_segments = max_segments.min(1 + ((Addr::MAX as usize - segment_len - MAX_PREFIX) >> shift));
        Memory { segments: Vec::new(), shift, segment_len, max_segments }
    }

    pub(super) fn addr_bits(&self) -> u32 {
        self.shift + (usize::BITS - (self.max_segments - 1).leading_zeros())
    }

    pub(super) fn grow(&mut self) -> bool {
        let mut bytes = Vec::new();
        let missing = self.max_segments.saturating_sub(self.segments.len());
        let grows = self.segments.try_reserve_exact(missing).is_ok()
            && bytes.try_reserve_exact(self.segment_len).is_ok();
        if grows {
            bytes.resize(self.segment_len, 0);
            self.segments.push(bytes);
        }
        grows
    }

    pub(super) fn reserved_bytes(&self) -> usize {
        self.segments.len() * self.segment_len + self.segments.capacity() * size_of::<Vec<u8>>()
    }

    #[inline(always)]
    pub(super) fn at(&self, addr: Addr) -> Option<&[u8]> {
        let (segment, offset) = self.split(addr);
        self.segments.get(segment)?.get(offset..)
    }

    #[inline(always)]
    pub(super) fn at_mut(&mut self, addr: Addr) -> Option<&mut [u8]> {
        let (segment, offset) = self.split(addr);
        self.segments.get_mut(segment)?.get_mut(offset..)
    }

    #[inline(always)]
    pub(super) fn split(&self, addr: Addr) -> (usize, usize) {
        ((addr >> self.shift) as usize, (addr & ((1 << self.shift) - 1)) as usize)
    }

    pub(super) fn join(&self, segment: usize, offset: usize) -> Addr {
        ((segment as Addr) << self.shift) + offset as Addr
    }

    pub(super) fn copy(&mut self, from: Addr, to: Addr, len: usize) {
        let ((source, at), (target, to)) = (self.split(from), self.split(to));
        // Taken out of the list, so that source and target can be borrowed side by side.
        let Some(mut taken) = self.segments.get_mut(source).map(std::mem::take) else {
            debug_assert!(false, "{from} lies in no segment");
            return;
        };
        if source == target {
            let is_inside = at.max(to) + len <= taken.len();
            debug_assert!(is_inside, "{len} bytes from {at} to {to} are outside the segment");
            if is_inside {
                taken.copy_within(at..at + len, to);
            }
        } else {
            let target = self.segments.get_mut(target).and_then(|segment| segment.get_mut(to..to + len));
            let source = taken.get(at..at + len);
            debug_assert!(source.is_some() && target.is_some(), "{len} bytes are outside their segment");
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        if let Some(segment) = self.segments.get_mut(source) {
            *segment = taken;
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn join_any_segment_length_and_count_split_returns_the_same() {
        for (segment_len, segments) in
            [(1 << 10, 8), (1023, 300), (1028, 300), ((2 << 30) - 4096, 1), (21 << 20, 97), (4100, 400_000)]
        {
            let memory = Memory::new(segment_len, segments);
            let last = memory.max_segments() - 1;
            for segment in [0, last / 2, last] {
                for offset in [0, 1, segment_len - 1] {
                    let addr = memory.join(segment, offset);
                    assert!(
                        addr < Addr::MAX && u64::from(addr) >> memory.addr_bits() == 0,
                        "{segment_len} {segments}: {addr}"
                    );
                    assert_eq!(memory.split(addr), (segment, offset));
                }
                // The address after a full segment does not wrap.
                let behind = memory.join(segment, segment_len + MAX_PREFIX);
                assert_eq!(behind - memory.join(segment, 0), (segment_len + MAX_PREFIX) as Addr);
            }
        }
    }

    #[test]
    fn copy_within_and_between_segments_bytes_arrive() {
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
