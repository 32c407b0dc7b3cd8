//! From a key's hash to its record: pages of buckets, found through a directory of the hash's top bits (extendible hashing).
//!
//! A page is a record of the arena like any other, so the index takes part in compaction and its memory is the budget's. It holds 32
//! bytes of header, then buckets of 64 bytes, each one line of the processor's cache: 15 cells and a count of the entries that would
//! have liked to be in this bucket but went on to a later one. The count ends a search, and removing needs no tombstones and no
//! neighbour's hash. A cell is an address below, and in the bits that the address does not need, a piece of the hash. Pages grow by
//! quarters of the base to twice it before they split, which keeps cells 65–87 % full: 4.9–6.6 bytes an entry.
//!
//! The directory holds where a page's buckets begin and how many they are, so that a hit reads no header.

use super::arena::{Addr, Arena, UNIT};
use super::page::{
    BUCKET, BUCKETS_AT, CELLS, HEADER, Page, Place, SKEW_AT, USED_AT, put_word, read_page, skew, word,
    write_page,
};

/// A page is full at this many entries a bucket: at 13 of 15 about a quarter of the buckets pass some on.
pub(super) const FULL: usize = 13;

pub(super) struct Index {
    /// Pages by the top `depth` bits of the hash; a page of less depth stands here several times.
    pub(super) directory: Vec<Place>,
    pub(super) depth: u32,
    addr_mask: u32,
    max_directory: usize,
}

/// What the bucket where a key would like to be tells of it.
pub(super) struct Home {
    /// The first record with the key's tag.
    pub(super) candidate: Option<Addr>,
    /// Some that would like to be here are in a later bucket.
    pub(super) overflows: bool,
}

/// A multiply instead of a modulo: the middle bits of the hash choose the bucket.
#[inline(always)]
fn home(hash: u64, buckets: usize) -> usize {
    ((u64::from((hash >> 12) as u32) * buckets as u64) >> 32) as usize
}

impl Index {
    pub(super) fn new(addr_bits: u32, max_directory: usize) -> Index {
        Index {
            directory: Vec::new(),
            depth: 0,
            max_directory,
            addr_mask: 1u32.checked_shl(addr_bits).unwrap_or(0).wrapping_sub(1),
        }
    }

    #[inline(always)]
    fn place_of(&self, hash: u64) -> Option<Place> {
        // Two shifts, since one by 64 is not defined.
        self.directory.get(((hash >> 1) >> (63 - self.depth)) as usize).copied()
    }

    fn page_addr(&self, hash: u64) -> Option<Addr> {
        self.place_of(hash).map(Place::page)
    }

    pub(super) fn page(&self, arena: &Arena, hash: u64) -> Option<Page> {
        self.page_addr(hash).map(|addr| read_page(arena, addr))
    }

    /// The bucket where an entry of this hash would like to be.
    #[inline(always)]
    pub(super) fn home(&self, arena: &Arena, hash: u64) -> Option<Home> {
        let place = self.place_of(hash)?;
        let at = home(hash, place.buckets()) * BUCKET;
        let cells: &[u8; BUCKET] = arena.at(place.cells + (at / UNIT) as Addr)?.first_chunk()?;
        let (cells, _) = cells.as_chunks::<4>();
        let first = cells.get(first_with(cells, self.tag(hash), !self.addr_mask));
        Some(Home {
            candidate: first.map(|cell| u32::from_le_bytes(*cell) & self.addr_mask),
            overflows: cells.last().is_some_and(|count| *count != [0; 4]),
        })
    }

    /// What a cell holds of a hash, never 0: so an empty cell has no key's tag, nor has a bucket's count.
    #[inline(always)]
    fn tag(&self, hash: u64) -> u32 {
        match hash as u32 & !self.addr_mask {
            0 => self.addr_mask + 1,
            tag => tag,
        }
    }

    /// The first record with this hash's tag to which `is_it` says so, in any bucket.
    pub(super) fn find(&self, arena: &Arena, hash: u64, is_it: impl Fn(Addr) -> bool) -> Option<Addr> {
        let place = self.place_of(hash)?;
        let bytes = arena.bytes(place.cells);
        let tag = self.tag(hash);
        let (home, buckets) = (home(hash, place.buckets()), place.buckets());
        for bucket in (home..buckets).chain(0..home) {
            let cells: &[u8; BUCKET] = bytes.get(bucket * BUCKET..)?.first_chunk()?;
            let [cells @ .., count] = cells.as_chunks::<4>().0 else { return None };
            for cell in cells {
                let cell = u32::from_le_bytes(*cell);
                if cell & !self.addr_mask == tag && is_it(cell & self.addr_mask) {
                    return Some(cell & self.addr_mask);
                }
            }
            if *count == [0; 4] {
                return None;
            }
        }
        None
    }

    /// Adds a record. Its page has room.
    pub(super) fn insert(&self, arena: &mut Arena, hash: u64, addr: Addr) {
        let Some(page) = self.page_addr(hash) else { return };
        let used = arena.u32_at(page, USED_AT) + 1;
        arena.put_u32(page, USED_AT, used);
        self.place(arena.bytes_mut(page), hash, addr);
    }

    /// Puts a record into the first bucket with a free cell, and notes it in those it passes.
    fn place(&self, page: &mut [u8], hash: u64, addr: Addr) {
        let cell = self.tag(hash) | addr;
        self.walk(page, hash, |cells| {
            let free = cells.iter_mut().find(|cell| **cell == [0; 4])?;
            *free = cell.to_le_bytes();
            Some(1)
        });
    }

    pub(super) fn remove(&self, arena: &mut Arena, hash: u64, addr: Addr) {
        let Some(page) = self.page_addr(hash) else { return };
        let used = arena.u32_at(page, USED_AT).saturating_sub(1);
        arena.put_u32(page, USED_AT, used);
        self.set(arena.bytes_mut(page), hash, addr, 0, -1);
    }

    /// A record was moved.
    pub(super) fn replace(&self, arena: &mut Arena, hash: u64, addr: Addr, moved_to: Addr) {
        let Some(page) = self.page_addr(hash) else { return };
        let cell = self.tag(hash) | moved_to;
        self.set(arena.bytes_mut(page), hash, addr, cell, 0);
    }

    fn set(&self, page: &mut [u8], hash: u64, addr: Addr, to: u32, passed: i32) {
        let from = self.tag(hash) | addr;
        self.walk(page, hash, |cells| {
            let cell = cells.iter_mut().find(|cell| u32::from_le_bytes(**cell) == from)?;
            *cell = to.to_le_bytes();
            Some(passed)
        });
    }

    /// Offers the cells of bucket after bucket until `act` answers, then adds its answer to the counts of the buckets it had passed.
    #[inline]
    fn walk(&self, page: &mut [u8], hash: u64, mut act: impl FnMut(&mut [[u8; 4]]) -> Option<i32>) {
        let buckets = (word(page, BUCKETS_AT) as usize).max(1);
        let first = HEADER + word(page, SKEW_AT) as usize;
        let home = home(hash, buckets);
        let mut passed = 0;
        let mut delta = 0;
        while passed < buckets {
            let bucket = (home + passed) % buckets;
            let at = first + bucket * BUCKET;
            let cells = page.get_mut(at..at + CELLS * 4);
            let (cells, _) = cells.unwrap_or_default().as_chunks_mut::<4>();
            if let Some(answer) = act(cells) {
                delta = answer;
                break;
            }
            passed += 1;
        }
        debug_assert!(passed < buckets);
        for step in 0..passed.min(buckets) {
            let at = first + (home + step) % buckets * BUCKET + CELLS * 4;
            let count = word(page, at).wrapping_add_signed(delta);
            put_word(page, at, count);
        }
    }

    /// A page was moved, or stands for a new part of the directory.
    pub(super) fn point(&mut self, page: &Page) {
        let wider = self.depth - page.depth.min(self.depth);
        let first = (page.prefix as usize) << wider;
        for place in self.directory.iter_mut().skip(first).take(1 << wider) {
            *place = page.place();
        }
    }

    /// Doubles the directory. Answers whether there was memory for it.
    pub(super) fn deepen(&mut self) -> bool {
        let mut wider = Vec::new();
        // Sixteen top bits at most: below them lie those that choose the bucket.
        if self.depth >= 16
            || self.directory.len() * 2 > self.max_directory
            || wider.try_reserve_exact(self.directory.len() * 2).is_err()
        {
            return false;
        }
        wider.extend(self.directory.iter().flat_map(|&place| [place, place]));
        self.directory = wider;
        self.depth += 1;
        true
    }

    /// The other half of what this page was split from, if it is one page as well.
    pub(super) fn buddy(&self, arena: &Arena, page: &Page) -> Option<Page> {
        let prefix = page.prefix ^ 1;
        let first = (prefix as usize) << (self.depth - page.depth.min(self.depth));
        let buddy = read_page(arena, self.directory.get(first)?.page());
        (page.depth > 0 && buddy.depth == page.depth).then_some(buddy)
    }

    /// Writes a page without entries; its ghosts stay.
    pub(super) fn blank(&self, arena: &mut Arena, page: Page) {
        write_page(arena, Page { used: 0, ..page });
        if let Some(cells) = arena.bytes_mut(page.addr).get_mut(HEADER + page.skew..page.set_at(0)) {
            cells.fill(0);
        }
    }

    /// A page was moved with all its bytes: its buckets begin where a line does once more. Answers it as it is now.
    pub(super) fn settle(&self, arena: &mut Arena, addr: Addr) -> Page {
        let page = read_page(arena, addr);
        let settled = Page { skew: skew(arena, addr), ..page };
        if settled.skew != page.skew {
            let bytes = arena.bytes_mut(addr);
            let (from, to) = (HEADER + page.skew, page.set_at(page.sets));
            if to <= bytes.len() && settled.set_at(page.sets) <= bytes.len() {
                bytes.copy_within(from..to, HEADER + settled.skew);
            }
            put_word(bytes, SKEW_AT, settled.skew as u32);
        }
        settled
    }

    /// Where in its page's record the set of ghosts for this hash is, if the page has any.
    fn set_at(&self, arena: &Arena, hash: u64) -> Option<(Addr, usize)> {
        let page = self.page(arena, hash)?;
        (page.sets > 0).then(|| (page.addr, page.set_at(home(hash, page.sets))))
    }

    pub(super) fn ghosts(&self, arena: &Arena, hash: u64) -> Option<u64> {
        let (page, at) = self.set_at(arena, hash)?;
        arena.bytes(page).get(at..)?.first_chunk().map(|set| u64::from_le_bytes(*set))
    }

    pub(super) fn put_ghosts(&self, arena: &mut Arena, hash: u64, set: u64) {
        let Some((page, at)) = self.set_at(arena, hash) else { return };
        if let Some(place) = arena.bytes_mut(page).get_mut(at..).and_then(|bytes| bytes.first_chunk_mut()) {
            *place = set.to_le_bytes();
        }
    }

    /// Carries the ghosts of one page over to another place, or to the same page with other buckets before them.
    pub(super) fn copy_ghosts(&self, arena: &mut Arena, from: &Page, to: &Page) {
        for set in 0..from.sets.min(to.sets) {
            for half in [0, 4] {
                let word = arena.u32_at(from.addr, from.set_at(set) + half);
                arena.put_u32(to.addr, to.set_at(set) + half, word);
            }
        }
    }

    /// All records of a page.
    pub(super) fn entries<'a>(&'a self, arena: &'a Arena, page: &Page) -> impl Iterator<Item = Addr> + 'a {
        let bytes = arena.bytes(page.addr).get(HEADER + page.skew..page.set_at(0)).unwrap_or_default();
        let (buckets, _) = bytes.as_chunks::<BUCKET>();
        let cells = buckets.iter().flat_map(|bucket| bucket.as_chunks::<4>().0.iter().take(CELLS));
        cells.map(|cell| u32::from_le_bytes(*cell) & self.addr_mask).filter(|&addr| addr != 0)
    }
}

/// The place of the first cell with this tag; beyond the last if there is none.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn first_with(cells: &[[u8; 4]], tag: u32, tag_mask: u32) -> usize {
    // A bit for each cell. Written so that a compiler makes a few vector instructions of it: four cells at a time, and no constant of
    // 1, which would tempt it to set flags one by one.
    let mut found = [0u32; 4];
    for (quarter, cells) in cells.as_chunks::<4>().0.iter().enumerate() {
        for (at, (found, cell)) in found.iter_mut().zip(cells).enumerate() {
            let same = (u32::from_le_bytes(*cell) ^ tag) & tag_mask == 0;
            *found |= 0u32.wrapping_sub(u32::from(same)) & 2 << (4 * quarter + at);
        }
    }
    let [a, b, c, d] = found;
    ((a | b | c | d).trailing_zeros() as usize).wrapping_sub(1)
}

/// The same without vectors.
#[cfg(target_arch = "wasm32")]
#[inline(always)]
fn first_with(cells: &[[u8; 4]], tag: u32, tag_mask: u32) -> usize {
    let same = |cell: &[u8; 4]| (u32::from_le_bytes(*cell) ^ tag) & tag_mask == 0;
    cells.iter().position(same).unwrap_or(usize::MAX)
}
