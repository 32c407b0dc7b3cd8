//! From the hash of a key to its record: extendible hashing (Fagin and others 1979), a directory of pages of buckets.
//!
//! The top bits of the hash select a page in the directory, the middle bits its home [bucket], and the low bits are the tag in
//! the bucket. An entry whose home bucket is full overflows to a later one, and each bucket it passes counts it. The count ends a
//! search, and a removal needs neither tombstones nor the hashes of neighbours.
//!
//! A [page] is a record of the arena like any other: compaction moves it, and the budget counts it. It grows in steps to twice its
//! base before it splits, which keeps most cells in use. The index grows by one page at a time, never as a whole.
//!
//! The index knows the arena and no eviction policy. [Ghost sets](ghost_sets) lie in its pages; their content is the policy's.

mod bucket;
mod find;
mod ghost_sets;
mod hash;
mod page;
mod resize;

#[cfg(any(test, fuzzing, feature = "validate"))]
use std::collections::HashSet;

use crate::store::arena::record::{Kind, Shape};
use crate::store::arena::{Addr, Arena, Moved, write_word};
use bucket::{BUCKET, Layout, NOWHERE, tag};
pub(in crate::store) use find::AtHome;
use hash::Hasher;
use page::{PADDING_AT, Page, PageRef, USED_AT, padding, page_len, read_page, write_page};

/// Ghost sets of a page for each bucket of its base.
const SETS: usize = 4;

pub(in crate::store) struct Index {
    /// A page for each value of the top `depth` bits of the hash. A page of less depth appears several times.
    directory: Vec<PageRef>,
    depth: u32,
    layout: Layout,
    max_directory: usize,
    hasher: Hasher,
    /// Buckets of the smallest page.
    page_base: usize,
}

/// Buckets of the smallest page in a store of `max_bytes`.
fn page_base(max_bytes: usize) -> usize {
    (max_bytes / 2048).next_power_of_two().clamp(4, 128)
}

/// Most entries of the directory in a store of `max_bytes`.
pub(in crate::store) fn max_directory(max_bytes: usize) -> usize {
    (max_bytes / (64 * page_base(max_bytes))).next_power_of_two()
}

/// Bytes of a directory of so many entries.
pub(in crate::store) fn directory_bytes(entries: usize) -> usize {
    entries * size_of::<PageRef>()
}

/// Bytes of the longest page in a store of `max_bytes`.
pub(in crate::store) fn longest_page(max_bytes: usize) -> usize {
    let base = page_base(max_bytes);
    page_len(base * 2, base * SETS)
}

/// The home bucket of a hash: a multiply by the middle bits, where a modulo would divide.
#[inline(always)]
fn home(hash: u64, buckets: usize) -> usize {
    ((u64::from((hash >> 12) as u32) * buckets as u64) >> 32) as usize
}

impl Index {
    /// An index without pages, for addresses of `addr_bits` in a store of `max_bytes`.
    pub(in crate::store) fn new(addr_bits: u32, max_bytes: usize, hash_seed: u64) -> Index {
        Index {
            directory: Vec::new(),
            depth: 0,
            max_directory: max_directory(max_bytes),
            layout: Layout::new(addr_bits),
            hasher: Hasher::new(hash_seed),
            page_base: page_base(max_bytes),
        }
    }

    /// Sizes pages, and with them the number of ghosts, as in a store of `max_bytes` if that is smaller.
    pub(in crate::store) fn limit_pages(&mut self, max_bytes: usize) {
        self.page_base = self.page_base.min(page_base(max_bytes));
    }

    /// Forgets all pages, whose records the caller has dropped.
    pub(in crate::store) fn clear(&mut self) {
        self.directory = Vec::new();
        self.depth = 0;
    }

    /// Bytes outside the arena.
    pub(in crate::store) fn directory_bytes(&self) -> usize {
        directory_bytes(self.directory.capacity())
    }

    /// Bytes of the longest page.
    pub(in crate::store) fn longest_page(&self) -> usize {
        page_len(self.page_base * 2, self.page_base * SETS)
    }

    #[inline(always)]
    pub(in crate::store) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// Like `hash`, but a call: for all paths but a hit.
    #[inline(never)]
    pub(in crate::store) fn hash_of_key(&self, key: &[u8]) -> u64 {
        self.hash(key)
    }

    /// The hash of an entry's key.
    pub(in crate::store) fn hash_of(&self, arena: &Arena, addr: Addr) -> u64 {
        let bytes = arena.bytes(addr);
        self.hash_of_key(Shape::read(bytes).key(bytes))
    }

    #[inline(always)]
    fn page_ref(&self, hash: u64) -> Option<PageRef> {
        // Two shifts, because a shift by 64 is undefined.
        self.directory.get(((hash >> 1) >> (63 - self.depth)) as usize).copied()
    }

    fn page(&self, arena: &Arena, hash: u64) -> Option<Page> {
        self.page_ref(hash).map(|page| read_page(arena, page.page()))
    }

    /// Entries at which a page of so many buckets counts as full: two cells of a bucket stay free on average, so that few buckets
    /// overflow.
    fn max_entries(&self, buckets: usize) -> usize {
        buckets * (self.layout.cells() - 2)
    }

    /// Adds an entry. The caller has made room in its page.
    pub(in crate::store) fn insert(&self, arena: &mut Arena, hash: u64, addr: Addr) {
        self.change(arena, hash, NOWHERE, addr);
    }

    /// Removes an entry and leaves its page as it is; [`trim`](Self::trim) may shrink it.
    pub(in crate::store) fn remove(&self, arena: &mut Arena, hash: u64, addr: Addr) {
        self.change(arena, hash, addr, NOWHERE);
    }

    /// Updates the reference to a record that compaction moved: an entry or a page.
    pub(in crate::store) fn on_move(&mut self, arena: &mut Arena, moved: &Moved) {
        if moved.kind == Kind::Page {
            let page = self.realign(arena, moved.to);
            self.point(&page);
        } else {
            let hash = self.hash_of(arena, moved.to);
            self.change(arena, hash, moved.from, moved.to);
        }
    }

    /// Replaces the address `from` by `to` in the first cell that has it, starting at the home bucket. Counts an entry that is added
    /// or removed in its page and in the buckets it passed.
    fn change(&self, arena: &mut Arena, hash: u64, from: Addr, to: Addr) {
        let Some(page) = self.page_ref(hash) else {
            debug_assert!(false, "an entry without a page");
            return;
        };
        let added = i8::from(from == NOWHERE) - i8::from(to == NOWHERE);
        if added != 0 {
            let used = arena.read_word(page.page(), USED_AT).saturating_add_signed(added.into());
            arena.write_word(page.page(), USED_AT, used);
        }
        let lines = arena.bytes_mut(page.first_bucket).get_mut(..page.buckets() * BUCKET);
        debug_assert!(lines.is_some(), "a page ends outside the arena");
        let (lines, _) = lines.unwrap_or_default().as_chunks_mut();
        let home = home(hash, page.buckets());
        let (before, from_home) = lines.split_at_mut_checked(home).unwrap_or_default();
        let mut in_turn = from_home.iter_mut().chain(before.iter_mut());
        let passed = in_turn.position(|line| self.layout.change(line, tag(hash), from, to));
        debug_assert!(passed.is_some(), "no cell of the page has the address");
        if let Some(passed) = passed.filter(|_| added != 0) {
            let in_turn = from_home.iter_mut().chain(before);
            in_turn.take(passed).for_each(|line| self.layout.count_overflow(line, added));
        }
    }

    /// Points the directory to a page: it is new, or moved, or covers another part of the hashes.
    fn point(&mut self, page: &Page) {
        debug_assert!(page.depth <= self.depth, "a page deeper than the directory");
        let wider = self.depth - page.depth.min(self.depth);
        let first = (page.prefix as usize) << wider;
        for entry in self.directory.iter_mut().skip(first).take(1 << wider) {
            *entry = page.page_ref();
        }
    }

    /// Doubles the directory. Returns false if it is at its limit or the allocator refuses.
    fn deepen(&mut self) -> bool {
        let mut wider = Vec::new();
        // At most the sixteen top bits of the hash: the bits below select the bucket.
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

    /// The other half of the page that this one was split from. `None` if that half was split again.
    fn buddy(&self, arena: &Arena, page: &Page) -> Option<Page> {
        let prefix = page.prefix ^ 1;
        let first = (prefix as usize) << (self.depth - page.depth.min(self.depth));
        let buddy = read_page(arena, self.directory.get(first)?.page());
        (page.depth > 0 && buddy.depth == page.depth).then_some(buddy)
    }

    /// Writes the header of a page and empties its buckets. Its ghosts stay.
    fn write_empty(&self, arena: &mut Arena, page: Page) {
        write_page(arena, Page { used: 0, ..page });
        let buckets = arena.bytes_mut(page.addr).get_mut(page.buckets_at()..page.set_at(0));
        debug_assert!(buckets.is_some(), "a page ends outside the arena");
        if let Some(buckets) = buckets {
            buckets.fill(0);
        }
    }

    /// Aligns the buckets of a page that moved, and returns its new header.
    fn realign(&self, arena: &mut Arena, addr: Addr) -> Page {
        let page = read_page(arena, addr);
        let aligned = Page { padding: padding(arena, addr), ..page };
        if aligned.padding != page.padding {
            let bytes = arena.bytes_mut(addr);
            let (from, to) = (page.buckets_at(), page.set_at(page.sets));
            let is_inside = to <= bytes.len() && aligned.set_at(page.sets) <= bytes.len();
            debug_assert!(is_inside, "a page ends outside the arena");
            if is_inside {
                bytes.copy_within(from..to, aligned.buckets_at());
            }
            write_word(bytes, PADDING_AT, aligned.padding as u32);
        }
        aligned
    }

    /// The addresses of all entries of a page.
    fn entries<'a>(&'a self, arena: &'a Arena, page: &Page) -> impl Iterator<Item = Addr> + 'a {
        let buckets = arena.bytes(page.addr).get(page.buckets_at()..page.set_at(0));
        debug_assert!(buckets.is_some(), "a page ends outside the arena");
        let (lines, _) = buckets.unwrap_or_default().as_chunks::<BUCKET>();
        lines.iter().flat_map(|line| self.layout.addrs(line))
    }

    /// Compares directory and pages with all pages (address and length) and entries of the arena. Panics on a difference.
    #[cfg(any(test, fuzzing, feature = "validate"))]
    #[allow(clippy::panic)]
    pub(in crate::store) fn validate(
        &self,
        arena: &Arena,
        pages: &HashSet<(Addr, usize)>,
        entries: &HashSet<Addr>,
    ) {
        let (mut indexed, mut visited) = (HashSet::new(), HashSet::new());
        for (at, page_ref) in self.directory.iter().enumerate() {
            let page = read_page(arena, page_ref.page());
            let record = (page.addr, page.len());
            assert!(pages.contains(&record), "the directory points to pages");
            assert_eq!(at >> (self.depth - page.depth), page.prefix as usize);
            if visited.insert(record) {
                let before = indexed.len();
                indexed.extend(self.entries(arena, &page));
                assert_eq!(indexed.len() - before, page.used);
            }
        }
        assert_eq!(&visited, pages, "the directory points to every page");
        assert_eq!(&indexed, entries, "the index has every entry, and no other");
    }
}
