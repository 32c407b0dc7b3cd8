//! A bucket of the index: one cache line with a tag per cell, an overflow count, and an address per cell.
//!
//! | address bits | cells |
//! |--:|--:|
//! | up to 25 | 15 |
//! | up to 28 | 14 |
//! | up to 32 | 12 |
//!
//! The tags come first, one byte of the hash each. The next byte counts the entries that hash to this bucket but overflowed to a later
//! one. The addresses fill the end of the line, without gaps between them.
//!
//! All tags are compared at once, as in SwissTable (Abseil, 2018), so that a search reads few records with other keys.

use crate::store::arena::Addr;

/// Bytes of a bucket.
pub(super) const BUCKET: usize = 64;

pub(super) type Line = [u8; BUCKET];

/// The tag of a cell without an entry.
const EMPTY: u8 = 0;

/// The address of a cell without an entry.
pub(super) const NOWHERE: Addr = 0;

/// Layout of all buckets of an index.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    cells: usize,
    addr_bits: usize,
    /// Offset of the first address.
    addrs_at: usize,
    addr_mask: u32,
    /// A bit for each cell, as in [`Cells`].
    all: u32,
}

/// A set of cells of one bucket: a bit for each.
#[derive(Clone, Copy)]
pub(super) struct Cells(u32);

impl Iterator for Cells {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let cell = (self.0 != 0).then_some(self.0.trailing_zeros() as usize);
        self.0 &= self.0.wrapping_sub(1);
        cell
    }
}

/// The tag of a hash. Never [`EMPTY`].
#[inline(always)]
pub(super) fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// A bit for each byte that equals `tag`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn same(tags: &[u8; 16], tag: u8) -> u32 {
    use safe_arch::{cmp_eq_mask_i8_m128i, load_unaligned_m128i, move_mask_i8_m128i, set_splat_i8_m128i};
    let tag = set_splat_i8_m128i(tag as i8);
    move_mask_i8_m128i(cmp_eq_mask_i8_m128i(load_unaligned_m128i(tags), tag)) as u32
}

/// A bit for each byte that equals `tag`, eight bytes at a time in a word.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn same(tags: &[u8; 16], tag: u8) -> u32 {
    const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
    const LOW_BITS: u64 = EACH_BYTE * 0x7f;
    let tag = EACH_BYTE * u64::from(tag);
    let half = |word: &[u8; 8]| {
        let others = u64::from_le_bytes(*word) ^ tag;
        // No carry leaves its byte, so the result is exact. The shorter trick, which subtracts ones, is not.
        let others = ((others & LOW_BITS).wrapping_add(LOW_BITS) | others) >> 7;
        // The product gathers the low bit of every byte in the highest byte.
        ((!others & EACH_BYTE).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    };
    let (halves, _) = tags.as_chunks();
    halves.iter().rev().fold(0, |bits, word| bits << 8 | half(word))
}

impl Layout {
    pub(super) fn new(addr_bits: u32) -> Layout {
        let (cells, addr_bits, addrs_at) = match addr_bits {
            ..=25 => (15, 25, 16),
            26..=28 => (14, 28, 15),
            _ => (12, 32, 16),
        };
        Layout { cells, addr_bits, addrs_at, addr_mask: u32::MAX >> (32 - addr_bits), all: (1 << cells) - 1 }
    }

    /// Cells of a bucket.
    pub(super) fn cells(&self) -> usize {
        self.cells
    }

    /// The cells with a tag.
    #[inline(always)]
    pub(super) fn tagged(&self, line: &Line, tag: u8) -> Cells {
        Cells(line.first_chunk().map_or(0, |tags| same(tags, tag)) & self.all)
    }

    /// Like `tagged`, but a call in wasm: for all paths but a hit.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(super) fn with_tag(&self, line: &Line, tag: u8) -> Cells {
        self.tagged(line, tag)
    }

    /// Byte offset of a cell's address, and its first bit in that byte.
    #[inline(always)]
    fn addr_at(&self, cell: usize) -> (usize, usize) {
        let bit = cell * self.addr_bits;
        (self.addrs_at + bit / 8, bit % 8)
    }

    #[inline(always)]
    pub(super) fn addr(&self, line: &Line, cell: usize) -> Option<Addr> {
        let (at, shift) = self.addr_at(cell);
        let bytes = line.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes) >> shift & self.addr_mask)
    }

    /// Replaces the address `from` by `to` in the first cell with both tag and address. Either may be [`NOWHERE`], which stands for an
    /// empty cell. Returns false if no cell matches.
    pub(super) fn change(&self, line: &mut Line, tag: u8, from: Addr, to: Addr) -> bool {
        let tag_of = |addr| if addr == NOWHERE { EMPTY } else { tag };
        let found = self.with_tag(line, tag_of(from)).find(|&cell| self.addr(line, cell) == Some(from));
        let Some(cell) = found else { return false };
        if let Some(tag) = line.get_mut(cell) {
            *tag = tag_of(to);
        }
        let (at, shift) = self.addr_at(cell);
        let bytes = line.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut());
        debug_assert!(bytes.is_some(), "cell {cell} lies outside its bucket");
        if let Some(bytes) = bytes {
            let others = u32::from_le_bytes(*bytes) & !(self.addr_mask << shift);
            *bytes = (others | to << shift).to_le_bytes();
        }
        true
    }

    /// The addresses of all entries.
    pub(super) fn addrs(self, line: &Line) -> impl Iterator<Item = Addr> + '_ {
        let Cells(free) = self.with_tag(line, EMPTY);
        Cells(self.all & !free).filter_map(move |cell| self.addr(line, cell))
    }

    /// Returns whether entries of this bucket overflowed to a later one.
    #[inline(always)]
    pub(super) fn overflows(&self, line: &Line) -> bool {
        line.get(self.cells).is_some_and(|&count| count != 0)
    }

    /// Adds to the overflow count. A count that reaches 255 stays there until its page is rebuilt.
    pub(super) fn count_overflow(&self, line: &mut Line, delta: i8) {
        if let Some(count) = line.get_mut(self.cells).filter(|count| **count < u8::MAX) {
            *count = count.saturating_add_signed(delta);
        }
    }
}
