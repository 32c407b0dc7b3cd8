//! Walks everything and panics at the first thing that is not as it should be: for tests and fuzzing.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::arena::UNIT;
use super::page::{PAGE, read_page};
use super::queue::{QUEUES, link};
use super::record::{NEWER, Shape};
use super::{Policy, Store};
use std::collections::HashSet;

impl Store {
    /// Walks segments, index and queues and compares them with each other and with the counters. Slow; panics on a fault.
    pub fn validate(&self) {
        let (mut entries, mut pages, mut payload) = (HashSet::new(), HashSet::new(), 0);
        let mut live_total = 0;
        let mut weight = 0;
        for segment in 0..self.arena.segments() {
            let (mut at, end) = self.arena.span(segment);
            let mut live = 0;
            while at < end {
                let (len, free) = self.extent(at);
                assert!(len >= 8 && len % UNIT == 0, "a record at {at} of {len} bytes");
                if !free {
                    live += len;
                    if self.arena.u32_at(at, 0) == PAGE {
                        assert_eq!(len, read_page(&self.arena, at).len());
                        pages.insert(at);
                    } else {
                        let bytes = self.arena.bytes(at);
                        let shape = Shape::read(bytes);
                        payload += shape.payload();
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
                at += (len / UNIT) as u32;
            }
            assert_eq!(at, end, "records end where the segment does");
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

        let mut queued = HashSet::new();
        for queue in 0..QUEUES {
            let (newest, oldest, rank) = self.queues.ends(queue);
            let walked: Vec<_> = self.queues.walk(&self.arena, queue).collect();
            if let (Some(first), Some(last)) = (walked.first(), walked.last()) {
                assert_eq!((*first, *last), (newest, oldest));
                let rank_of = |at| self.queues.rank_after(&self.arena, queue as u32, at);
                assert_eq!(rank_of(*last), rank);
                for pair in walked.windows(2) {
                    assert_eq!(link(&self.arena, pair[1], NEWER), pair[0], "links lead back");
                    if self.policy == Policy::Worth {
                        let beyond = |at| rank_of(at).wrapping_sub(self.clock);
                        assert!(beyond(pair[0]) >= beyond(pair[1]), "a queue is ordered by rank");
                    }
                }
            }
            for addr in walked {
                assert!(queued.insert(addr), "in one queue only");
            }
        }
        assert_eq!(queued, entries);
    }
}
