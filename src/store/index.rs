//! From a key's hash to its record: pages of buckets, found through a directory of the hash's top bits (extendible hashing).
//!
//! A page is a record of the arena like any other, so the index takes part in compaction and its memory is the budget's. It holds 28
//! bytes of header, then buckets of 64 bytes: 15 cells and a count of the entries that would have liked to be in this bucket but went
//! on to a later one. The count ends a search, and removing needs no tombstones and no neighbour's hash. A cell is an address below,
//! and in the bits that the address does not need, a piece of the hash. Pages grow by halves (1, 1.5 and 2 times the base) before they
//! split, which keeps cells 54–81 % full while growing: 4.9–7.4 bytes an entry.

use super::arena::{Addr, Arena};

/// First word of a page's record; the next is its length in units.
pub(super) const PAGE: u32 = u32::MAX - 1;

const HEADER: usize = 28;
const BUCKETS_AT: usize = 8;
const USED_AT: usize = 12;
const PREFIX_AT: usize = 16;
const DEPTH_AT: usize = 20;
const SETS_AT: usize = 24;

const BUCKET: usize = 64;
const CELLS: usize = 15;
const SET: usize = 8;
/// A page is full at this many entries a bucket: at 13 of 15 about a quarter of the buckets pass some on.
pub(super) const FULL: usize = 13;

pub(super) struct Index {
    /// Pages by the top `depth` bits of the hash; a page of less depth stands here several times.
    pub(super) directory: Vec<Addr>,
    pub(super) depth: u32,
    addr_mask: u32,
    max_directory: usize,
}

/// What a page's header says.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) addr: Addr,
    pub(super) buckets: usize,
    pub(super) used: usize,
    pub(super) prefix: u32,
    pub(super) depth: u32,
    /// Sets of ghosts behind the buckets.
    pub(super) sets: usize,
}

impl Page {
    pub(super) fn len(&self) -> usize {
        page_len(self.buckets, self.sets)
    }
}

pub(super) fn page_len(buckets: usize, sets: usize) -> usize {
    HEADER + buckets * BUCKET + sets * SET
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
    fn page_addr(&self, hash: u64) -> Option<Addr> {
        // Two shifts, since one by 64 is not defined.
        self.directory.get(((hash >> 1) >> (63 - self.depth)) as usize).copied()
    }

    pub(super) fn page(&self, arena: &Arena, hash: u64) -> Option<Page> {
        self.page_addr(hash).map(|addr| read_page(arena, addr))
    }

    /// What `look` answers to the first record with this hash's tag to which it answers anything.
    #[inline(always)]
    pub(super) fn find<T>(
        &self,
        arena: &Arena,
        hash: u64,
        mut look: impl FnMut(Addr) -> Option<T>,
    ) -> Option<T> {
        let bytes = arena.bytes(self.page_addr(hash)?);
        let buckets = word(bytes, BUCKETS_AT) as usize;
        let tag = hash as u32 & !self.addr_mask;
        let mut bucket = home(hash, buckets);
        for _ in 0..buckets {
            let cells = bytes.get(HEADER + bucket * BUCKET..)?.first_chunk::<BUCKET>()?;
            let (words, _) = cells.as_chunks::<4>();
            let mut candidates = 0u32;
            for (at, cell) in words.iter().enumerate() {
                let cell = u32::from_le_bytes(*cell);
                candidates |= u32::from((cell ^ tag) & !self.addr_mask == 0) << at;
            }
            candidates &= (1 << CELLS) - 1;
            while candidates != 0 {
                let cell = words
                    .get(candidates.trailing_zeros() as usize)
                    .map_or(0, |cell| u32::from_le_bytes(*cell));
                let addr = cell & self.addr_mask;
                if addr != 0
                    && let Some(found) = look(addr)
                {
                    return Some(found);
                }
                candidates &= candidates - 1;
            }
            if words.last().is_none_or(|overflow| *overflow == [0; 4]) {
                return None;
            }
            bucket = if bucket + 1 == buckets { 0 } else { bucket + 1 };
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
        let mask = self.addr_mask;
        self.walk(page, hash, |cells| {
            let free = cells.iter_mut().find(|cell| u32::from_le_bytes(**cell) & mask == 0)?;
            *free = ((hash as u32 & !mask) | addr).to_le_bytes();
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
        let cell = (hash as u32 & !self.addr_mask) | moved_to;
        self.set(arena.bytes_mut(page), hash, addr, cell, 0);
    }

    fn set(&self, page: &mut [u8], hash: u64, addr: Addr, to: u32, passed: i32) {
        let from = (hash as u32 & !self.addr_mask) | addr;
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
        let home = home(hash, buckets);
        let mut passed = 0;
        let mut delta = 0;
        while passed < buckets {
            let bucket = (home + passed) % buckets;
            let cells = page.get_mut(HEADER + bucket * BUCKET..HEADER + bucket * BUCKET + CELLS * 4);
            let (cells, _) = cells.unwrap_or_default().as_chunks_mut::<4>();
            if let Some(answer) = act(cells) {
                delta = answer;
                break;
            }
            passed += 1;
        }
        debug_assert!(passed < buckets);
        for step in 0..passed.min(buckets) {
            let at = HEADER + (home + step) % buckets * BUCKET + CELLS * 4;
            let count = word(page, at).wrapping_add_signed(delta);
            put_word(page, at, count);
        }
    }

    /// A page was moved, or stands for a new part of the directory.
    pub(super) fn point(&mut self, page: &Page) {
        let wider = self.depth - page.depth.min(self.depth);
        let first = (page.prefix as usize) << wider;
        for place in self.directory.iter_mut().skip(first).take(1 << wider) {
            *place = page.addr;
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
        wider.extend(self.directory.iter().flat_map(|&page| [page, page]));
        self.directory = wider;
        self.depth += 1;
        true
    }

    /// The other half of what this page was split from, if it is one page as well.
    pub(super) fn buddy(&self, arena: &Arena, page: &Page) -> Option<Page> {
        let prefix = page.prefix ^ 1;
        let first = (prefix as usize) << (self.depth - page.depth.min(self.depth));
        let buddy = read_page(arena, *self.directory.get(first)?);
        (page.depth > 0 && buddy.depth == page.depth).then_some(buddy)
    }

    /// Writes a page without entries; its ghosts stay.
    pub(super) fn blank(&self, arena: &mut Arena, page: Page) {
        write_page(arena, Page { used: 0, ..page });
        if let Some(cells) = arena.bytes_mut(page.addr).get_mut(HEADER..page_len(page.buckets, 0)) {
            cells.fill(0);
        }
    }

    /// Where in its page's record the set of ghosts for this hash is, if the page has any.
    fn set_at(&self, arena: &Arena, hash: u64) -> Option<(Addr, usize)> {
        let page = self.page(arena, hash)?;
        (page.sets > 0).then(|| (page.addr, page_len(page.buckets, home(hash, page.sets))))
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
                let word = arena.u32_at(from.addr, page_len(from.buckets, set) + half);
                arena.put_u32(to.addr, page_len(to.buckets, set) + half, word);
            }
        }
    }

    /// All records of a page.
    pub(super) fn entries<'a>(&'a self, arena: &'a Arena, page: &Page) -> impl Iterator<Item = Addr> + 'a {
        let bytes = arena.bytes(page.addr).get(HEADER..page_len(page.buckets, 0)).unwrap_or_default();
        let (buckets, _) = bytes.as_chunks::<BUCKET>();
        let cells = buckets.iter().flat_map(|bucket| bucket.as_chunks::<4>().0.iter().take(CELLS));
        cells.map(|cell| u32::from_le_bytes(*cell) & self.addr_mask).filter(|&addr| addr != 0)
    }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

fn put_word(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

pub(super) fn read_page(arena: &Arena, addr: Addr) -> Page {
    let bytes = arena.bytes(addr);
    Page {
        addr,
        buckets: word(bytes, BUCKETS_AT) as usize,
        used: word(bytes, USED_AT) as usize,
        prefix: word(bytes, PREFIX_AT),
        depth: word(bytes, DEPTH_AT),
        sets: word(bytes, SETS_AT) as usize,
    }
}

pub(super) fn write_page(arena: &mut Arena, page: Page) {
    let bytes = arena.bytes_mut(page.addr);
    put_word(bytes, 0, PAGE);
    put_word(bytes, 4, (page.len() / super::arena::UNIT) as u32);
    put_word(bytes, BUCKETS_AT, page.buckets as u32);
    put_word(bytes, USED_AT, page.used as u32);
    put_word(bytes, PREFIX_AT, page.prefix);
    put_word(bytes, DEPTH_AT, page.depth);
    put_word(bytes, SETS_AT, page.sets as u32);
}
