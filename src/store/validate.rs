//! Walks everything and panics at the first thing that is not as it should be: for tests and fuzzing.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{Policy, Store};
use crate::store::arena::record::{self, Kind, Shape};
use crate::store::eviction::lru::{Side::Newer, link};
use crate::store::index::page::read_page;
use std::collections::HashSet;

impl Store {
    /// Walks segments, index, ranks and recency and compares them with each other and with the counters. Slow; panics on a fault.
    pub fn validate(&self) {
        let (mut entries, mut pages, mut payload) = (HashSet::new(), HashSet::new(), 0);
        let mut live_total = 0;
        let mut weight = 0;
        let mut ranks: Vec<_> = (0..=u8::MAX).map(|rank| (rank, 0)).collect();
        for segment in 0..self.arena.segments() {
            let (mut at, end) = self.arena.span(segment);
            let (mut live, mut begin) = (0, HashSet::new());
            while at < end {
                let (kind, len) = self.extent(at);
                begin.insert(at);
                if kind != Kind::Free {
                    live += len + self.arena.prefix();
                    if kind == Kind::Page {
                        assert_eq!(len, read_page(&self.arena, at).len());
                        pages.insert(at);
                    } else {
                        let bytes = self.arena.bytes(at);
                        let shape = Shape::read(bytes);
                        payload += shape.payload();
                        ranks[usize::from(record::rank(bytes))].1 += 1;
                        weight += u64::from(self.weight_of(at));
                        entries.insert(at);
                        let key = shape.key(bytes);
                        assert_eq!(
                            self.locate(self.hash(key), key).map(|(addr, _)| addr),
                            Some(at),
                            "the index finds what is there"
                        );
                    }
                }
                at = self.arena.after(at, len);
            }
            assert_eq!(at, end, "records end where the segment does");
            begin.insert(end);
            let (from, to) = self.arena.swept_of(segment);
            assert!(to == 0 || begin.contains(&from) && begin.contains(&to), "a sweep is of whole records");
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

        let mut indexed = HashSet::new();
        let mut met = HashSet::new();
        for (place, buckets) in self.index.directory.iter().enumerate() {
            let addr = buckets.page();
            let page = read_page(&self.arena, addr);
            assert!(pages.contains(&addr), "the directory points to pages");
            assert_eq!(place >> (self.index.depth - page.depth), page.prefix as usize);
            if met.insert(addr) {
                let before = indexed.len();
                indexed.extend(self.index.entries(&self.arena, &page));
                assert_eq!(indexed.len() - before, page.used);
            }
        }
        assert_eq!(met, pages, "no page is lost");
        assert_eq!(indexed, entries);

        if self.policy == Policy::Gdsf {
            assert_eq!(ranks, self.ranks.entries().collect::<Vec<_>>().as_slice());
            return;
        }
        let listed: Vec<_> = self.recency.walk(&self.arena).collect();
        assert_eq!(listed.last().copied(), self.recency.oldest());
        assert!(
            listed.windows(2).all(|pair| link(&self.arena, pair[1], Newer) == pair[0]),
            "links lead back"
        );
        assert_eq!((listed.len(), listed.into_iter().collect::<HashSet<_>>()), (self.len, entries));
    }
}
