//! How the index grows and shrinks with the entries it holds.

use super::arena::{Addr, UNIT};
use super::index::{FULL, Page};
use super::{Refused, Store};

/// Sets of ghosts a page has for each bucket of the smallest page: a ghost for each entry or two.
pub(super) const SETS: usize = 4;

impl Store {
    /// Sees to it that the page of this hash takes one entry more.
    pub(super) fn make_index_room(&mut self, hash: u64, evicted: &mut usize) -> Result<(), Refused> {
        loop {
            let base = self.page_base;
            let sets = if self.remembers { base * SETS } else { 0 };
            let Some(page) = self.index.page(&self.arena, hash) else {
                let page = self
                    .add_page(Page { addr: 0, buckets: base, used: 0, prefix: 0, depth: 0, sets }, evicted)?;
                self.index.directory.push(page.addr);
                continue;
            };
            let full = page.used >= page.buckets * FULL;
            if !full && page.sets == sets {
                return Ok(());
            }
            let split = full && page.buckets >= base * 2;
            if split && page.depth == self.index.depth && !self.index.deepen() {
                return Err(Refused::NoMemory);
            }
            let buckets = match (full, split) {
                (false, _) => page.buckets,
                (true, false) if page.buckets >= base * 3 / 2 => base * 2,
                _ => base * 3 / 2,
            };
            let blank =
                Page { addr: 0, buckets, used: 0, prefix: page.prefix << 1 | 1, depth: page.depth + 1, sets };
            let new = self.add_page(blank, evicted)?;
            // Making room may have moved the old page, or evicted so much that it is another by now.
            let Some(page) = self.index.page(&self.arena, hash) else { return Err(Refused::NoMemory) };
            let as_planned = if full { page.used >= page.buckets * FULL } else { page.buckets == buckets };
            let mut entries = Vec::new();
            let listed = self.list(&page, &mut entries);
            if !as_planned || !listed {
                self.arena.free(new.addr, new.len());
                if !listed {
                    return Err(Refused::NoMemory);
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

    /// After a removal: two half-empty pages become one, and that one perhaps one with another, and a page that is far too long gives
    /// up its end. So an empty store has one page, and the greatest entry finds room beside it.
    pub(super) fn trim_index(&mut self, hash: u64) {
        let base = self.page_base;
        let few = base * FULL * 3 / 4;
        while let Some(page) = self.index.page(&self.arena, hash) {
            if page.used > few || page.buckets < base * 3 / 2 {
                return;
            }
            let mut entries = Vec::new();
            if let Some(buddy) =
                self.index.buddy(&self.arena, &page).filter(|buddy| buddy.used + page.used <= few)
            {
                if !self.list(&page, &mut entries) || !self.list(&buddy, &mut entries) {
                    return;
                }
                self.rewrite(
                    page,
                    Page { prefix: page.prefix >> 1, depth: page.depth - 1, buckets: base * 3 / 2, ..page },
                );
                self.arena.free(buddy.addr, buddy.len());
            } else if page.buckets > base * 3 / 2 {
                if !self.list(&page, &mut entries) {
                    return;
                }
                self.rewrite(page, Page { buckets: base * 3 / 2, ..page });
            } else {
                return;
            }
            self.place(&entries);
        }
    }

    /// A blank page in the arena, pointed to by nothing yet.
    fn add_page(&mut self, page: Page, evicted: &mut usize) -> Result<Page, Refused> {
        let len = page.len();
        self.make_room(len, 0, None, evicted)?;
        let page = Page { addr: self.arena.append([&[], &[], &[]], len), ..page };
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
            self.arena.free(new.addr + (new.len() / UNIT) as Addr, old.len() - new.len());
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
