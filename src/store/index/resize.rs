//! Growing and shrinking the index, a page at a time.
//!
//! A page grows in two phases, because room for the new page may cost evictions, which only the store can do: [`Index::plan_growth`]
//! says how long the new page is, the store makes room, and [`Index::grow`] builds it.

use super::page::{Page, padding, page_len};
use super::{Index, SETS};
use crate::store::arena::{Addr, Arena};
use crate::store::options::Rejected;

/// A page that the index must append before it can take another entry.
pub(in crate::store) struct Growth {
    change: Change,
    buckets: usize,
    sets: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The index has no page yet.
    First,
    /// The new page replaces one that has no ghost sets.
    AddGhostSets,
    /// The new page replaces a full one and has more buckets.
    Widen,
    /// The new page takes the entries whose next bit of the hash is 1; the full page keeps the others in `low_buckets`.
    Split { low_buckets: usize },
}

impl Growth {
    /// Bytes that the new page takes in the arena.
    pub(in crate::store) fn len(&self) -> usize {
        page_len(self.buckets, self.sets)
    }
}

impl Index {
    /// Plans a page for one more entry of a hash. `None` if its page has room. `with_ghosts` asks for a page with ghost sets.
    pub(in crate::store) fn plan_growth(
        &mut self,
        arena: &Arena,
        hash: u64,
        with_ghosts: bool,
    ) -> Result<Option<Growth>, Rejected> {
        let base = self.page_base;
        let sets = if with_ghosts { base * SETS } else { 0 };
        let Some(page) = self.page(arena, hash) else {
            return Ok(Some(Growth { change: Change::First, buckets: base, sets }));
        };
        if !self.is_full(&page) {
            let growth = Growth { change: Change::AddGhostSets, buckets: page.buckets, sets };
            return Ok((page.sets != sets).then_some(growth));
        }
        if page.buckets < base * 2 {
            let buckets = page.buckets + self.step();
            return Ok(Some(Growth { change: Change::Widen, buckets, sets }));
        }
        if page.depth == self.depth && !self.deepen() {
            return Err(Rejected::NoMemory);
        }
        let mut entries = Vec::new();
        if !self.list(arena, &page, &mut entries) {
            return Err(Rejected::NoMemory);
        }
        let bit = 63 - page.depth;
        let high = entries.iter().filter(|&&addr| self.hash_of(arena, addr) >> bit & 1 == 1).count();
        let low_buckets = self.buckets_for(page.used - high);
        Ok(Some(Growth { change: Change::Split { low_buckets }, buckets: self.buckets_for(high), sets }))
    }

    /// Carries out a plan. The caller has made room for [`Growth::len`] bytes; if that changed the page so that the plan no longer
    /// fits, nothing happens, and the caller plans anew.
    pub(in crate::store) fn grow(
        &mut self,
        arena: &mut Arena,
        hash: u64,
        growth: &Growth,
    ) -> Result<(), Rejected> {
        let Growth { change, buckets, sets } = *growth;
        let new = Page { addr: 0, buckets, used: 0, prefix: 0, depth: 0, sets, padding: 0 };
        if change == Change::First {
            debug_assert!(self.directory.is_empty(), "an index with pages has one for every hash");
            let page = self.append(arena, new);
            self.directory.push(page.page_ref());
            return Ok(());
        }
        let page = self.page(arena, hash).ok_or(Rejected::NoMemory)?;
        let mut entries = Vec::new();
        if !self.list(arena, &page, &mut entries) {
            return Err(Rejected::NoMemory);
        }
        let fits = match change {
            Change::AddGhostSets => page.buckets == buckets,
            _ => self.is_full(&page),
        };
        if !fits {
            return Ok(());
        }
        if let Change::Split { low_buckets } = change {
            let (prefix, depth) = (page.prefix << 1, page.depth + 1);
            let high = self.append(arena, Page { prefix: prefix | 1, depth, ..new });
            self.copy_ghost_sets(arena, &page, &high);
            self.rebuild(arena, page, Page { prefix, depth, buckets: low_buckets, ..page });
            self.point(&high);
        } else {
            let wider = self.append(arena, Page { prefix: page.prefix, depth: page.depth, ..new });
            self.copy_ghost_sets(arena, &page, &wider);
            self.point(&wider);
            arena.free(page.addr, page.len());
        }
        self.insert_all(arena, &entries);
        Ok(())
    }

    /// Shrinks the page of a hash after a removal: merges it with its buddy if both are half empty, or drops buckets at its end. So an
    /// empty store has a single page, beside which the largest entry has room.
    pub(in crate::store) fn trim(&mut self, arena: &mut Arena, hash: u64) {
        let base = self.page_base;
        while let Some(page) = self.page(arena, hash) {
            // The difference of half a base keeps a page from growing again at once.
            let buckets = self.buckets_for(page.used);
            if page.buckets < buckets + base / 2 && page.used > self.max_entries(base) / 2 {
                return;
            }
            let mut entries = Vec::new();
            let mergeable = self.max_entries(base) * 3 / 4;
            let buddy = self.buddy(arena, &page).filter(|buddy| buddy.used + page.used <= mergeable);
            if let Some(buddy) = buddy {
                if !self.list(arena, &page, &mut entries) || !self.list(arena, &buddy, &mut entries) {
                    return;
                }
                let prefix = page.prefix >> 1;
                self.rebuild(arena, page, Page { prefix, depth: page.depth - 1, buckets: base, ..page });
                arena.free(buddy.addr, buddy.len());
            } else if page.buckets >= buckets + base / 2 {
                if !self.list(arena, &page, &mut entries) {
                    return;
                }
                self.rebuild(arena, page, Page { buckets, ..page });
            } else {
                return;
            }
            self.insert_all(arena, &entries);
        }
    }

    fn is_full(&self, page: &Page) -> bool {
        page.used >= self.max_entries(page.buckets)
    }

    /// Buckets that a page grows by.
    fn step(&self) -> usize {
        (self.page_base / 8).max(1)
    }

    /// Buckets for so many entries and an eighth more, rounded up to a step.
    fn buckets_for(&self, entries: usize) -> usize {
        let base = self.page_base;
        (entries * 9 / 8 / self.max_entries(1) + 1).next_multiple_of(self.step()).clamp(base, base * 2)
    }

    /// Appends an empty page. The directory does not point to it yet.
    fn append(&self, arena: &mut Arena, page: Page) -> Page {
        let addr = arena.append(page.len(), [&[]; 3]);
        let page = Page { addr, padding: padding(arena, addr), ..page };
        self.write_empty(arena, page);
        page
    }

    /// Replaces a page in place by an empty one that is not longer, and frees the bytes left over.
    fn rebuild(&mut self, arena: &mut Arena, old: Page, new: Page) {
        debug_assert!(new.len() <= old.len(), "a page is rebuilt longer than it was");
        if new.buckets < old.buckets {
            self.copy_ghost_sets(arena, &old, &new);
        }
        self.write_empty(arena, new);
        if new.len() < old.len() {
            // The free record needs a prefix too.
            let left = old.len() - new.len() - arena.prefix();
            arena.free(arena.after(new.addr, new.len()), left);
        }
        self.point(&new);
    }

    fn insert_all(&self, arena: &mut Arena, entries: &[Addr]) {
        for &addr in entries {
            let hash = self.hash_of(arena, addr);
            self.insert(arena, hash, addr);
        }
    }

    /// Adds the entries of a page to a list. Returns false if the allocator refuses.
    fn list(&self, arena: &Arena, page: &Page, entries: &mut Vec<Addr>) -> bool {
        let has_room = entries.try_reserve_exact(page.used).is_ok();
        if has_room {
            entries.extend(self.entries(arena, page));
        }
        has_room
    }
}
