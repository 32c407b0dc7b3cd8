//! Consistency check of a whole store, for tests and fuzzing.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::Store;
use crate::store::arena::record::{Kind, Shape};
use std::collections::HashSet;

impl Store {
    /// Compares segments, index, eviction policy and counters with each other.
    ///
    /// Cost: a pass over all records, with a lookup of each.
    ///
    /// # Panics
    ///
    /// At the first inconsistency.
    pub fn validate(&self) {
        let (mut entries, mut pages, mut payload) = (HashSet::new(), HashSet::new(), 0);
        let mut live_total = 0;
        let mut weight = 0;
        for segment in 0..self.arena.segments() {
            let (mut at, end) = self.arena.span(segment);
            let (mut live, mut starts) = (0, HashSet::new());
            while at < end {
                let (kind, len) = self.arena.extent(at);
                starts.insert(at);
                if kind != Kind::Free {
                    live += len + self.arena.prefix();
                    if kind == Kind::Page {
                        pages.insert((at, len));
                    } else {
                        let bytes = self.arena.bytes(at);
                        let shape = Shape::read(bytes);
                        payload += shape.payload();
                        weight += u64::from(self.weight_of(bytes));
                        entries.insert(at);
                        let key = shape.key(bytes);
                        assert_eq!(
                            self.index.find(&self.arena, self.index.hash(key), key).map(|(addr, _)| addr),
                            Some(at),
                            "the index finds every entry"
                        );
                    }
                }
                at = self.arena.after(at, len);
            }
            assert_eq!(at, end, "the last record ends where its segment does");
            starts.insert(end);
            let (from, to) = self.arena.unwalked_in(segment);
            assert!(
                to == 0 || starts.contains(&from) && starts.contains(&to),
                "a walk starts and ends at records"
            );
            live_total += live;
        }
        assert_eq!(live_total, self.arena.live_bytes());
        assert_eq!(entries.len(), self.len);
        assert_eq!(payload, self.payload);
        assert_eq!(weight, self.weight);
        assert!(
            self.reserved_bytes() <= self.max_bytes,
            "{} of {} bytes",
            self.reserved_bytes(),
            self.max_bytes
        );
        assert!(self.used_bytes() <= self.reserved_bytes());
        self.index.validate(&self.arena, &pages, &entries);
        self.eviction.validate(&self.arena, &entries);
    }
}
