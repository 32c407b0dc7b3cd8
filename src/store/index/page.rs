//! A page of the index, a record of the arena: header, padding, buckets, ghost sets.
//!
//! | offset | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | kind: page |
//! | 4 | 4 | length of the record |
//! | 8 | 4 | buckets |
//! | 12 | 4 | entries |
//! | 16 | 4 | prefix: the top bits of the hash that all entries share |
//! | 20 | 4 | depth: how many bits |
//! | 24 | 4 | ghost sets |
//! | 28 | 4 | padding |
//! | 32 | 0–63 | padding, which aligns the first bucket with a cache line |
//! | | 64 each | [buckets](super::bucket) |
//! | | 8 each | [ghost sets](super::ghost_sets) |
//!
//! The length of a page reserves the whole of the padding, so that a page keeps its length when it moves.

use super::bucket::{BUCKET, Line};
use crate::store::arena::record::{LEN_AT, PAGE};
use crate::store::arena::{Addr, Arena, read_word, write_word};

pub(super) const HEADER: usize = 32;
const BUCKETS_AT: usize = 8;
pub(super) const USED_AT: usize = 12;
const PREFIX_AT: usize = 16;
const DEPTH_AT: usize = 20;
const SETS_AT: usize = 24;
pub(super) const PADDING_AT: usize = 28;

/// Bytes of a ghost set.
const SET: usize = 8;
/// Bytes of a cache line, to which buckets are aligned.
const CACHE_LINE: usize = 64;

/// An entry of the directory: all that a lookup needs to know about a page, so that it reads no header.
#[derive(Clone, Copy)]
pub(super) struct PageRef {
    /// Address of the first bucket.
    pub(super) first_bucket: Addr,
    buckets: u16,
    /// Bytes between header and buckets.
    padding: u16,
}

impl PageRef {
    #[inline(always)]
    pub(super) fn buckets(self) -> usize {
        self.buckets.into()
    }

    /// The bytes of a bucket.
    #[inline(always)]
    pub(super) fn line(self, arena: &Arena, bucket: usize) -> Option<&Line> {
        arena.at(self.first_bucket + (bucket * BUCKET) as Addr)?.first_chunk()
    }

    /// Address of the page.
    pub(super) fn page(self) -> Addr {
        self.first_bucket - HEADER as Addr - Addr::from(self.padding)
    }
}

/// The header of a page.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) addr: Addr,
    pub(super) buckets: usize,
    pub(super) used: usize,
    pub(super) prefix: u32,
    pub(super) depth: u32,
    /// Ghost sets after the buckets.
    pub(super) sets: usize,
    /// Bytes between header and buckets.
    pub(super) padding: usize,
}

impl Page {
    pub(super) fn len(&self) -> usize {
        page_len(self.buckets, self.sets)
    }

    pub(super) fn page_ref(&self) -> PageRef {
        PageRef {
            first_bucket: self.addr + self.buckets_at() as Addr,
            buckets: self.buckets as u16,
            padding: self.padding as u16,
        }
    }

    /// Offset of the first bucket.
    pub(super) fn buckets_at(&self) -> usize {
        HEADER + self.padding
    }

    /// Offset of a ghost set.
    pub(super) fn set_at(&self, set: usize) -> usize {
        self.buckets_at() + self.buckets * BUCKET + set * SET
    }
}

/// Bytes of a page.
pub(super) fn page_len(buckets: usize, sets: usize) -> usize {
    HEADER + CACHE_LINE + buckets * BUCKET + sets * SET
}

/// The padding that aligns the first bucket of a page at `addr`.
pub(super) fn padding(arena: &Arena, addr: Addr) -> usize {
    let header_end = arena.bytes(addr).as_ptr().addr() + HEADER;
    header_end.wrapping_neg() % CACHE_LINE
}

pub(super) fn read_page(arena: &Arena, addr: Addr) -> Page {
    let bytes = arena.bytes(addr);
    Page {
        addr,
        buckets: read_word(bytes, BUCKETS_AT) as usize,
        used: read_word(bytes, USED_AT) as usize,
        prefix: read_word(bytes, PREFIX_AT),
        depth: read_word(bytes, DEPTH_AT),
        sets: read_word(bytes, SETS_AT) as usize,
        padding: read_word(bytes, PADDING_AT) as usize,
    }
}

pub(super) fn write_page(arena: &mut Arena, page: Page) {
    let bytes = arena.bytes_mut(page.addr);
    write_word(bytes, 0, PAGE);
    write_word(bytes, LEN_AT, page.len() as u32);
    write_word(bytes, BUCKETS_AT, page.buckets as u32);
    write_word(bytes, USED_AT, page.used as u32);
    write_word(bytes, PREFIX_AT, page.prefix);
    write_word(bytes, DEPTH_AT, page.depth);
    write_word(bytes, SETS_AT, page.sets as u32);
    write_word(bytes, PADDING_AT, page.padding as u32);
}
