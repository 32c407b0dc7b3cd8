//! Who was used how recently: a list of all records of an `lru` store, linked through eight bytes, the last of which is the byte that
//! elsewhere is the rank.

use crate::store::arena::{Addr, Arena};

/// Bytes of the two links before a record.
pub(in crate::store) const LINKS: usize = 7;

/// No record: the end of the list.
pub(in crate::store) const END: Addr = Addr::MAX;

/// How far before a record its links begin.
#[derive(Clone, Copy)]
pub(in crate::store) enum Side {
    Newer = 7,
    Older = 3,
}
use Side::{Newer, Older};

pub(in crate::store) struct LruList {
    newest: Addr,
    oldest: Addr,
}

pub(in crate::store) fn link(arena: &Arena, addr: Addr, side: Side) -> Addr {
    arena.u32_at(addr - side as Addr, 0)
}

impl LruList {
    pub(in crate::store) fn new() -> LruList {
        LruList { newest: END, oldest: END }
    }

    /// What leads from `addr` to this side, or from the end there, leads to `to` now.
    fn put(&mut self, arena: &mut Arena, addr: Addr, side: Side, to: Addr) {
        match (addr, side) {
            (END, Newer) => self.oldest = to,
            (END, Older) => self.newest = to,
            _ => arena.put_u32(addr - side as Addr, 0, to),
        }
    }

    /// Makes a record the newest.
    pub(in crate::store) fn push(&mut self, arena: &mut Arena, addr: Addr) {
        let second = self.newest;
        self.put(arena, addr, Newer, END);
        self.put(arena, addr, Older, second);
        self.moved(arena, addr);
    }

    /// Takes a record out.
    pub(in crate::store) fn unlink(&mut self, arena: &mut Arena, addr: Addr) {
        let (newer, older) = (link(arena, addr, Newer), link(arena, addr, Older));
        self.put(arena, older, Newer, newer);
        self.put(arena, newer, Older, older);
    }

    /// A record was moved; its links are at the new place already.
    pub(in crate::store) fn moved(&mut self, arena: &mut Arena, to: Addr) {
        let (newer, older) = (link(arena, to, Newer), link(arena, to, Older));
        self.put(arena, older, Newer, to);
        self.put(arena, newer, Older, to);
    }

    #[inline(always)]
    pub(in crate::store) fn is_newest(&self, addr: Addr) -> bool {
        self.newest == addr
    }

    pub(in crate::store) fn oldest(&self) -> Option<Addr> {
        (self.oldest != END).then_some(self.oldest)
    }

    /// Records from newest to oldest.
    #[cfg(any(test, fuzzing, feature = "validate"))]
    pub(in crate::store) fn walk<'a>(&self, arena: &'a Arena) -> impl Iterator<Item = Addr> + 'a {
        let and_older = |&addr: &Addr| Some(link(arena, addr, Older)).filter(|&older| older != END);
        std::iter::successors(Some(self.newest).filter(|&newest| newest != END), and_older)
    }
}
