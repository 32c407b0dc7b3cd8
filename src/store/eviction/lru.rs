//! The policy `lru`: a list of all records in the order of their last use.
//!
//! Two links of four bytes begin seven bytes before a record. The last byte of the second one is the record's slot, which this policy
//! does not need otherwise.

use crate::store::arena::{Addr, Arena, MAX_PREFIX};
use Side::{Newer, Older};

/// Bytes of the links before a record.
pub(super) const PREFIX: usize = 7;
const _: () = assert!(PREFIX <= MAX_PREFIX);

/// The end of the list.
const END: Addr = Addr::MAX;

/// A direction, as the distance of its link from the record.
#[derive(Clone, Copy)]
enum Side {
    Newer = 7,
    Older = 3,
}

pub(in crate::store) struct LruList {
    newest: Addr,
    oldest: Addr,
}

fn link(arena: &Arena, addr: Addr, side: Side) -> Addr {
    arena.read_word(addr - side as Addr, 0)
}

impl LruList {
    pub(super) fn new() -> LruList {
        LruList { newest: END, oldest: END }
    }

    /// Writes the link of a record on one side, or the head of the list at [`END`].
    fn write_link(&mut self, arena: &mut Arena, addr: Addr, side: Side, to: Addr) {
        match (addr, side) {
            (END, Newer) => self.oldest = to,
            (END, Older) => self.newest = to,
            _ => arena.write_word(addr - side as Addr, 0, to),
        }
    }

    /// Moves a record to the front.
    pub(super) fn on_hit(&mut self, arena: &mut Arena, addr: Addr) {
        if self.newest != addr {
            self.unlink(arena, addr);
            self.push(arena, addr);
        }
    }

    /// Adds a record at the front.
    pub(super) fn push(&mut self, arena: &mut Arena, addr: Addr) {
        let second = self.newest;
        self.write_link(arena, addr, Newer, END);
        self.write_link(arena, addr, Older, second);
        self.write_link(arena, second, Newer, addr);
        self.newest = addr;
    }

    pub(super) fn unlink(&mut self, arena: &mut Arena, addr: Addr) {
        let (newer, older) = (link(arena, addr, Newer), link(arena, addr, Older));
        self.write_link(arena, older, Newer, newer);
        self.write_link(arena, newer, Older, older);
    }

    /// Points the neighbours of a record to it, after it moved with its own links.
    pub(super) fn relink(&mut self, arena: &mut Arena, addr: Addr) {
        let (newer, older) = (link(arena, addr, Newer), link(arena, addr, Older));
        self.write_link(arena, older, Newer, addr);
        self.write_link(arena, newer, Older, addr);
    }

    pub(super) fn oldest(&self) -> Option<Addr> {
        (self.oldest != END).then_some(self.oldest)
    }

    #[cfg(any(test, fuzzing, feature = "validate"))]
    #[allow(clippy::panic, clippy::indexing_slicing)]
    pub(super) fn validate(&self, arena: &Arena, entries: &std::collections::HashSet<Addr>) {
        let next = |&addr: &Addr| Some(link(arena, addr, Older)).filter(|&older| older != END);
        let newest = Some(self.newest).filter(|&newest| newest != END);
        let listed: Vec<_> = std::iter::successors(newest, next).collect();
        assert_eq!(listed.last().copied(), self.oldest());
        assert!(
            listed.windows(2).all(|pair| link(arena, pair[1], Newer) == pair[0]),
            "each record links back to the one before"
        );
        assert_eq!(listed.len(), entries.len(), "each entry is listed once");
        assert!(listed.iter().all(|addr| entries.contains(addr)), "only entries are listed");
    }
}
