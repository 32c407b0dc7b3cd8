//! A bucket of the index, one line of the processor's cache: a byte of the hash for each of its cells, a count, and their addresses.
//!
//! A bucket has as many cells as fit: 15 where 25 bits address all (budgets below 32 MiB), 14 with 28 (below 256), 12
//! with 32. First come the cells' tags, then the count: how many entries would have liked to be here but are in a later
//! bucket. The addresses end the line, without a gap between them.
//!
//! All tags are compared at once, as in SwissTable (Abseil, 2018), and most of what a search is not after is never looked at.

use crate::store::arena::Addr;

pub(in crate::store) const BUCKET: usize = 64;

pub(in crate::store) type Line = [u8; BUCKET];

/// The tag of a cell without an entry.
const EMPTY: u8 = 0;

/// Its address, which is no record's.
pub(in crate::store) const NOWHERE: Addr = 0;

/// How buckets are laid out where addresses take so many bits.
#[derive(Clone, Copy)]
pub(in crate::store) struct Layout {
    cells: usize,
    addr_bits: usize,
    addrs_at: usize,
    addr_mask: u32,
    /// The bit of each cell in [`Cells`].
    all: u32,
}

/// Cells of one bucket, a bit for each.
#[derive(Clone, Copy)]
pub(in crate::store) struct Cells(u32);

impl Iterator for Cells {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let cell = (self.0 != 0).then_some(self.0.trailing_zeros() as usize);
        self.0 &= self.0.wrapping_sub(1);
        cell
    }
}

/// A tag is never [`EMPTY`].
#[inline(always)]
pub(in crate::store) fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// A bit for each byte that is `tag`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn same(tags: &[u8; 16], tag: u8) -> u32 {
    use safe_arch::{cmp_eq_mask_i8_m128i, load_unaligned_m128i, move_mask_i8_m128i, set_splat_i8_m128i};
    let tag = set_splat_i8_m128i(tag as i8);
    move_mask_i8_m128i(cmp_eq_mask_i8_m128i(load_unaligned_m128i(tags), tag)) as u32
}

/// A bit for each byte that is `tag`: eight at a time within a word.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn same(tags: &[u8; 16], tag: u8) -> u32 {
    const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
    const LOW_BITS: u64 = EACH_BYTE * 0x7f;
    let tag = EACH_BYTE * u64::from(tag);
    let half = |word: &[u8; 8]| {
        let others = u64::from_le_bytes(*word) ^ tag;
        // Carries never leave a byte, so unlike the shorter trick of subtracting ones this is exact for every byte.
        let others = ((others & LOW_BITS).wrapping_add(LOW_BITS) | others) >> 7;
        // The product gathers the lowest bits of all bytes in the highest byte.
        ((!others & EACH_BYTE).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    };
    let (halves, _) = tags.as_chunks();
    halves.iter().rev().fold(0, |bits, word| bits << 8 | half(word))
}

impl Layout {
    pub(in crate::store) fn new(addr_bits: u32) -> Layout {
        let (cells, addr_bits, addrs_at) = match addr_bits {
            ..=25 => (15, 25, 16),
            26..=28 => (14, 28, 15),
            _ => (12, 32, 16),
        };
        Layout { cells, addr_bits, addrs_at, addr_mask: u32::MAX >> (32 - addr_bits), all: (1 << cells) - 1 }
    }

    /// Of each bucket.
    pub(in crate::store) fn cells(&self) -> usize {
        self.cells
    }

    /// The cells with this tag.
    #[inline(always)]
    pub(in crate::store) fn tagged(&self, line: &Line, tag: u8) -> Cells {
        Cells(line.first_chunk().map_or(0, |tags| same(tags, tag)) & self.all)
    }

    /// The same, a call in wasm: for whatever is not a hit.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(in crate::store) fn with_tag(&self, line: &Line, tag: u8) -> Cells {
        self.tagged(line, tag)
    }

    /// In which byte a cell's address begins, and with which bit of it.
    #[inline(always)]
    fn addr_at(&self, cell: usize) -> (usize, usize) {
        let bit = cell * self.addr_bits;
        (self.addrs_at + bit / 8, bit % 8)
    }

    #[inline(always)]
    pub(in crate::store) fn addr(&self, line: &Line, cell: usize) -> Option<Addr> {
        let (at, shift) = self.addr_at(cell);
        let bytes = line.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes) >> shift & self.addr_mask)
    }

    /// Writes `to` into the first cell of this tag with `from`, either of which may be [`NOWHERE`]. Answers whether there was one.
    pub(in crate::store) fn change(&self, line: &mut Line, tag: u8, from: Addr, to: Addr) -> bool {
        let tag_of = |addr| if addr == NOWHERE { EMPTY } else { tag };
        let found = self.with_tag(line, tag_of(from)).find(|&cell| self.addr(line, cell) == Some(from));
        let Some(cell) = found else { return false };
        if let Some(place) = line.get_mut(cell) {
            *place = tag_of(to);
        }
        let (at, shift) = self.addr_at(cell);
        if let Some(bytes) = line.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut()) {
            let others = u32::from_le_bytes(*bytes) & !(self.addr_mask << shift);
            *bytes = (others | to << shift).to_le_bytes();
        }
        true
    }

    /// All entries.
    pub(in crate::store) fn addrs(self, line: &Line) -> impl Iterator<Item = Addr> + '_ {
        let Cells(free) = self.with_tag(line, EMPTY);
        Cells(self.all & !free).filter_map(move |cell| self.addr(line, cell))
    }

    /// Whether entries that would have liked to be here are in a later bucket.
    #[inline(always)]
    pub(in crate::store) fn overflows(&self, line: &Line) -> bool {
        line.get(self.cells).is_some_and(|&count| count != 0)
    }

    /// One entry more, or less, went on to a later bucket. A count that once was 255 stays there, until its page is written anew.
    pub(in crate::store) fn passed(&self, line: &mut Line, delta: i8) {
        if let Some(count) = line.get_mut(self.cells).filter(|count| **count < u8::MAX) {
            *count = count.saturating_add_signed(delta);
        }
    }
}
