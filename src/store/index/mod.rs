//! From a key's hash to its record: pages of buckets, found through a directory of the hash's top bits (extendible hashing).
//!
//! A page is a record of the arena like any other, so the index takes part in compaction and its memory is the budget's. It holds 32
//! bytes of header, then [buckets](crate::store::index::bucket). An entry whose bucket is full goes on to a later one and is counted in those it
//! passed: the count ends a search, and removing needs no tombstones and no neighbour's hash. Pages grow by eighths of the base to
//! twice it before they split, which keeps cells 70–87 % full: 4.9–6.1 bytes an entry where a bucket has 15, 6.1–7.6 where it has 12.
//!
//! The directory holds where a page's buckets begin and how many they are, so that a hit reads no header.

mod bucket;
pub(in crate::store) mod hash;
pub(in crate::store) mod page;
pub(in crate::store) mod resize;

use crate::store::arena::{Addr, Arena};
use crate::store::index::bucket::{BUCKET, Layout, NOWHERE, tag};
use crate::store::index::page::{
    HEADER, Page, Place, SKEW_AT, USED_AT, put_word, read_page, skew, write_page,
};

pub(in crate::store) struct Index {
    /// Pages by the top `depth` bits of the hash; a page of less depth stands here several times.
    pub(in crate::store) directory: Vec<Place>,
    pub(in crate::store) depth: u32,
    layout: Layout,
    max_directory: usize,
}

/// What the bucket where a key would like to be tells of it.
pub(in crate::store) struct Home {
    /// The first record with the key's tag.
    pub(in crate::store) candidate: Option<Addr>,
    /// Some that would like to be here are in a later bucket.
    pub(in crate::store) overflows: bool,
}

/// A multiply instead of a modulo: the middle bits of the hash choose the bucket.
#[inline(always)]
fn home(hash: u64, buckets: usize) -> usize {
    ((u64::from((hash >> 12) as u32) * buckets as u64) >> 32) as usize
}

impl Index {
    pub(in crate::store) fn new(addr_bits: u32, max_directory: usize) -> Index {
        Index { directory: Vec::new(), depth: 0, max_directory, layout: Layout::new(addr_bits) }
    }

    #[inline(always)]
    fn place_of(&self, hash: u64) -> Option<Place> {
        // Two shifts, since one by 64 is not defined.
        self.directory.get(((hash >> 1) >> (63 - self.depth)) as usize).copied()
    }

    fn page_addr(&self, hash: u64) -> Option<Addr> {
        self.place_of(hash).map(Place::page)
    }

    pub(in crate::store) fn page(&self, arena: &Arena, hash: u64) -> Option<Page> {
        self.page_addr(hash).map(|addr| read_page(arena, addr))
    }

    /// The bucket where an entry of this hash would like to be.
    #[inline(always)]
    pub(in crate::store) fn home(&self, arena: &Arena, hash: u64) -> Option<Home> {
        let place = self.place_of(hash)?;
        let bucket = home(hash, place.buckets());
        let line = place.line(arena, bucket)?;
        Some(Home {
            candidate: self
                .layout
                .tagged(line, tag(hash))
                .next()
                .and_then(|cell| self.layout.addr(line, cell)),
            overflows: self.layout.overflows(line),
        })
    }

    /// The first record with this hash's tag of which `read` makes something, in any bucket.
    #[inline(always)]
    pub(in crate::store) fn find<T>(
        &self,
        arena: &Arena,
        hash: u64,
        read: impl Fn(Addr) -> Option<T>,
    ) -> Option<T> {
        let place = self.place_of(hash)?;
        let mut bucket = home(hash, place.buckets());
        for _ in 0..place.buckets() {
            let line = place.line(arena, bucket)?;
            for cell in self.layout.with_tag(line, tag(hash)) {
                if let Some(found) = self.layout.addr(line, cell).and_then(&read) {
                    return Some(found);
                }
            }
            if !self.layout.overflows(line) {
                break;
            }
            bucket = if bucket + 1 < place.buckets() { bucket + 1 } else { 0 };
        }
        None
    }

    /// Entries at which so many buckets are full: at 13 of 15 about a quarter of them pass some on.
    pub(in crate::store) fn full(&self, buckets: usize) -> usize {
        buckets * (self.layout.cells() - 2)
    }

    /// Adds a record. Its page has room.
    pub(in crate::store) fn insert(&self, arena: &mut Arena, hash: u64, addr: Addr) {
        self.change(arena, hash, NOWHERE, addr);
    }

    pub(in crate::store) fn remove(&self, arena: &mut Arena, hash: u64, addr: Addr) {
        self.change(arena, hash, addr, NOWHERE);
    }

    /// A record was moved.
    pub(in crate::store) fn replace(&self, arena: &mut Arena, hash: u64, addr: Addr, moved_to: Addr) {
        self.change(arena, hash, addr, moved_to);
    }

    /// Writes `to` into the first cell with `from`, beginning where the key would like to be, and notes in the buckets that it passed
    /// that there is one more, or one less, beyond them.
    fn change(&self, arena: &mut Arena, hash: u64, from: Addr, to: Addr) {
        let Some(place) = self.place_of(hash) else { return };
        let more = i8::from(from == NOWHERE) - i8::from(to == NOWHERE);
        if more != 0 {
            let used = arena.u32_at(place.page(), USED_AT).saturating_add_signed(more.into());
            arena.put_u32(place.page(), USED_AT, used);
        }
        let lines = arena.bytes_mut(place.cells).get_mut(..place.buckets() * BUCKET);
        let (lines, _) = lines.unwrap_or_default().as_chunks_mut();
        let home = home(hash, place.buckets());
        let (before, from_home) = lines.split_at_mut_checked(home).unwrap_or_default();
        let mut in_turn = from_home.iter_mut().chain(before.iter_mut());
        let passed = in_turn.position(|line| self.layout.change(line, tag(hash), from, to));
        debug_assert!(passed.is_some());
        if let Some(passed) = passed.filter(|_| more != 0) {
            from_home.iter_mut().chain(before).take(passed).for_each(|line| self.layout.passed(line, more));
        }
    }

    /// A page was moved, or stands for a new part of the directory.
    pub(in crate::store) fn point(&mut self, page: &Page) {
        let wider = self.depth - page.depth.min(self.depth);
        let first = (page.prefix as usize) << wider;
        for place in self.directory.iter_mut().skip(first).take(1 << wider) {
            *place = page.place();
        }
    }

    /// Doubles the directory. Answers whether there was memory for it.
    pub(in crate::store) fn deepen(&mut self) -> bool {
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
    pub(in crate::store) fn buddy(&self, arena: &Arena, page: &Page) -> Option<Page> {
        let prefix = page.prefix ^ 1;
        let first = (prefix as usize) << (self.depth - page.depth.min(self.depth));
        let buddy = read_page(arena, self.directory.get(first)?.page());
        (page.depth > 0 && buddy.depth == page.depth).then_some(buddy)
    }

    /// Writes a page without entries; its ghosts stay.
    pub(in crate::store) fn blank(&self, arena: &mut Arena, page: Page) {
        write_page(arena, Page { used: 0, ..page });
        if let Some(cells) = arena.bytes_mut(page.addr).get_mut(HEADER + page.skew..page.set_at(0)) {
            cells.fill(0);
        }
    }

    /// A page was moved with all its bytes: its buckets begin where a line does once more. Answers it as it is now.
    pub(in crate::store) fn settle(&self, arena: &mut Arena, addr: Addr) -> Page {
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

    pub(in crate::store) fn ghosts(&self, arena: &Arena, hash: u64) -> Option<u64> {
        let (page, at) = self.set_at(arena, hash)?;
        arena.bytes(page).get(at..)?.first_chunk().map(|set| u64::from_le_bytes(*set))
    }

    pub(in crate::store) fn put_ghosts(&self, arena: &mut Arena, hash: u64, set: u64) {
        let Some((page, at)) = self.set_at(arena, hash) else { return };
        if let Some(place) = arena.bytes_mut(page).get_mut(at..).and_then(|bytes| bytes.first_chunk_mut()) {
            *place = set.to_le_bytes();
        }
    }

    /// Carries the ghosts of one page over to another place, or to the same page with other buckets before them.
    pub(in crate::store) fn copy_ghosts(&self, arena: &mut Arena, from: &Page, to: &Page) {
        for set in 0..from.sets.min(to.sets) {
            for half in [0, 4] {
                let word = arena.u32_at(from.addr, from.set_at(set) + half);
                arena.put_u32(to.addr, to.set_at(set) + half, word);
            }
        }
    }

    /// All records of a page.
    pub(in crate::store) fn entries<'a>(
        &'a self,
        arena: &'a Arena,
        page: &Page,
    ) -> impl Iterator<Item = Addr> + 'a {
        let bytes = arena.bytes(page.addr).get(HEADER + page.skew..page.set_at(0)).unwrap_or_default();
        bytes.as_chunks::<BUCKET>().0.iter().flat_map(|line| self.layout.addrs(line))
    }
}
