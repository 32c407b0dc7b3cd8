//! Finding the record of a key: at once in the home bucket, else through all buckets that its entry may have overflowed to.

use super::bucket::tag;
use super::{Index, home};
use crate::store::arena::record::Shape;
use crate::store::arena::{Addr, Arena};

/// Result of [`Index::find_at_home`].
pub(in crate::store) enum AtHome {
    Found(Addr, Shape),
    /// The key has no record.
    Absent,
    /// Another record has the tag, or the home bucket overflowed: [`Index::search`] decides.
    Unknown,
}

impl Index {
    /// Fast path without a loop: the first record in the home bucket whose tag matches. Serves most hits.
    #[inline(always)]
    pub(in crate::store) fn find_at_home(&self, arena: &Arena, hash: u64, key: &[u8]) -> AtHome {
        let Some(page) = self.page_ref(hash) else { return AtHome::Absent };
        let Some(line) = page.line(arena, home(hash, page.buckets())) else { return AtHome::Absent };
        let cell = self.layout.tagged(line, tag(hash)).next();
        let Some(addr) = cell.and_then(|cell| self.layout.addr(line, cell)) else {
            return if self.layout.overflows(line) { AtHome::Unknown } else { AtHome::Absent };
        };
        let Some(bytes) = arena.at(addr) else { return AtHome::Unknown };
        match Shape::read_short(bytes) {
            Some(shape) if shape.has_key(bytes, key) => AtHome::Found(addr, shape),
            _ => AtHome::Unknown,
        }
    }

    /// Compares the key with each record whose tag matches, in the home bucket and all it overflowed to.
    #[cold]
    #[inline(never)]
    pub(in crate::store) fn search(&self, arena: &Arena, hash: u64, key: &[u8]) -> Option<(Addr, Shape)> {
        let page = self.page_ref(hash)?;
        let mut bucket = home(hash, page.buckets());
        for _ in 0..page.buckets() {
            let line = page.line(arena, bucket)?;
            for cell in self.layout.with_tag(line, tag(hash)) {
                let Some(addr) = self.layout.addr(line, cell) else { continue };
                let bytes = arena.bytes(addr);
                let shape = Shape::read(bytes);
                if shape.has_key(bytes, key) {
                    return Some((addr, shape));
                }
            }
            if !self.layout.overflows(line) {
                break;
            }
            bucket = if bucket + 1 < page.buckets() { bucket + 1 } else { 0 };
        }
        None
    }

    /// The record of a key: one copy of the code for all paths but a hit.
    #[inline(never)]
    pub(in crate::store) fn find(&self, arena: &Arena, hash: u64, key: &[u8]) -> Option<(Addr, Shape)> {
        match self.find_at_home(arena, hash, key) {
            AtHome::Found(addr, shape) => Some((addr, shape)),
            AtHome::Unknown => self.search(arena, hash, key),
            AtHome::Absent => None,
        }
    }
}
