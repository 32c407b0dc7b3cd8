//! How the index grows and shrinks with the entries it holds.

use crate::store::arena::Addr;
use crate::store::index::page::{Page, skew};
use crate::store::{Rejected, Store};

/// Sets of ghosts a page has for each bucket of the smallest page: a ghost for each entry or two.
pub(in crate::store) const SETS: usize = 4;

/// Buckets of the smallest page of a store of so many bytes.
pub(in crate::store) fn page_base(max_bytes: usize) -> usize {
    (max_bytes / 2048).next_power_of_two().clamp(4, 128)
}

impl Store {
    /// Sees to it that the page of this hash takes one entry more.
    pub(in crate::store) fn make_index_room(
        &mut self,
        hash: u64,
        evicted: &mut usize,
    ) -> Result<(), Rejected> {
        loop {
            let base = self.page_base;
            let sets = if self.remembers { base * SETS } else { 0 };
            let Some(page) = self.index.page(&self.arena, hash) else {
                let page = self.add_page(
                    Page { addr: 0, buckets: base, used: 0, prefix: 0, depth: 0, sets, skew: 0 },
                    evicted,
                )?;
                self.index.directory.push(page.place());
                continue;
            };
            let full = page.used >= self.index.full(page.buckets);
            if !full && page.sets == sets {
                return Ok(());
            }
            let split = full && page.buckets >= base * 2;
            if split && page.depth == self.index.depth && !self.index.deepen() {
                return Err(Rejected::NoMemory);
            }
            let mut entries = Vec::new();
            // Of a split: the half that goes on with a 0, and the one with a 1.
            let (buckets, high) = match (full, split) {
                (false, _) => (page.buckets, page.buckets),
                (true, false) => (page.buckets + self.step(), page.buckets + self.step()),
                _ => {
                    if !self.list(&page, &mut entries) {
                        return Err(Rejected::NoMemory);
                    }
                    let bit = 63 - page.depth;
                    let ones = entries.iter().filter(|&&addr| self.hash_of(addr) >> bit & 1 == 1).count();
                    (self.buckets_for(page.used - ones), self.buckets_for(ones))
                }
            };
            let blank = Page {
                addr: 0,
                buckets: high,
                used: 0,
                prefix: page.prefix << 1 | 1,
                depth: page.depth + 1,
                sets,
                skew: 0,
            };
            let new = self.add_page(blank, evicted)?;
            // Making room may have moved the old page, or evicted so much that it is another by now.
            let Some(page) = self.index.page(&self.arena, hash) else { return Err(Rejected::NoMemory) };
            let as_planned =
                if full { page.used >= self.index.full(page.buckets) } else { page.buckets == buckets };
            entries.clear();
            let listed = self.list(&page, &mut entries);
            if !as_planned || !listed {
                self.arena.free(new.addr, new.len());
                if !listed {
                    return Err(Rejected::NoMemory);
                }
                continue;
            }
            self.index.copy_ghosts(&mut self.arena, &page, &new);
            if split {
                self.rewrite(page, Page { prefix: page.prefix << 1, depth: page.depth + 1, buckets, ..page });
                self.rewrite(new, new);
            } else {
                self.rewrite(new, Page { prefix: page.prefix, depth: page.depth, ..new });
                self.arena.free(page.addr, page.len());
            }
            self.place(&entries);
        }
    }

    /// Buckets that a page grows by.
    fn step(&self) -> usize {
        (self.page_base / 8).max(1)
    }

    /// Buckets for that many entries and an eighth more, in steps.
    fn buckets_for(&self, entries: usize) -> usize {
        let base = self.page_base;
        (entries * 9 / 8 / self.index.full(1) + 1).next_multiple_of(self.step()).clamp(base, base * 2)
    }

    /// After a removal: two half-empty pages become one, and that one perhaps one with another, and a page that is too long gives up
    /// its end. So an empty store has one page, and the greatest entry finds room beside it.
    pub(in crate::store) fn trim_index(&mut self, hash: u64) {
        let base = self.page_base;
        while let Some(page) = self.index.page(&self.arena, hash) {
            // Half a base of slack, so that a page does not grow again at once.
            let buckets = self.buckets_for(page.used);
            if page.buckets < buckets + base / 2 && page.used > self.index.full(base) / 2 {
                return;
            }
            let mut entries = Vec::new();
            let buddy = self.index.buddy(&self.arena, &page);
            if let Some(buddy) = buddy.filter(|buddy| buddy.used + page.used <= self.index.full(base) * 3 / 4)
            {
                if !self.list(&page, &mut entries) || !self.list(&buddy, &mut entries) {
                    return;
                }
                let prefix = page.prefix >> 1;
                self.rewrite(page, Page { prefix, depth: page.depth - 1, buckets: base, ..page });
                self.arena.free(buddy.addr, buddy.len());
            } else if page.buckets >= buckets + base / 2 {
                if !self.list(&page, &mut entries) {
                    return;
                }
                self.rewrite(page, Page { buckets, ..page });
            } else {
                return;
            }
            self.place(&entries);
        }
    }

    /// A blank page in the arena, pointed to by nothing yet.
    fn add_page(&mut self, page: Page, evicted: &mut usize) -> Result<Page, Rejected> {
        let len = page.len();
        self.make_room(len, 0, None, evicted)?;
        let addr = self.arena.append(len, [&[]; 3]);
        let page = Page { addr, skew: skew(&self.arena, addr), ..page };
        self.index.blank(&mut self.arena, page);
        Ok(page)
    }

    /// Rewrites a page where it stands as `new`, empty and no longer than it was, and frees what is left over.
    fn rewrite(&mut self, old: Page, new: Page) {
        if new.buckets < old.buckets {
            self.index.copy_ghosts(&mut self.arena, &old, &new);
        }
        self.index.blank(&mut self.arena, new);
        if new.len() < old.len() {
            // What is left over begins with a prefix of its own.
            let left = old.len() - new.len() - self.arena.prefix();
            self.arena.free(self.arena.after(new.addr, new.len()), left);
        }
        self.index.point(&new);
    }

    fn place(&mut self, entries: &[Addr]) {
        for &addr in entries {
            let hash = self.hash_of(addr);
            self.index.insert(&mut self.arena, hash, addr);
        }
    }

    /// Adds the entries of a page to a list. Answers whether there was memory for it.
    fn list(&self, page: &Page, entries: &mut Vec<Addr>) -> bool {
        let room = entries.try_reserve_exact(page.used).is_ok();
        if room {
            entries.extend(self.index.entries(&self.arena, page));
        }
        room
    }
}
