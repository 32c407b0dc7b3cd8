//! A page of the index as it lies in the arena: a header of 32 bytes, slack, buckets, sets of ghosts.
//!
//! Its buckets begin where a line of the processor's cache does, wherever the page is: the slack before them makes up for it.

use crate::store::arena::record::{LEN_AT, PAGE};
use crate::store::arena::{Addr, Arena};
use crate::store::index::bucket::{BUCKET, Line};

pub(in crate::store) const HEADER: usize = 32;
pub(in crate::store) const BUCKETS_AT: usize = 8;
pub(in crate::store) const USED_AT: usize = 12;
const PREFIX_AT: usize = 16;
const DEPTH_AT: usize = 20;
const SETS_AT: usize = 24;
pub(in crate::store) const SKEW_AT: usize = 28;

const SET: usize = 8;
/// Bytes of a page that let its buckets begin where a line does, wherever the page is.
const SLACK: usize = 64;

/// Where a page's buckets are.
#[derive(Clone, Copy)]
pub(in crate::store) struct Place {
    pub(in crate::store) cells: Addr,
    buckets: u16,
    /// Bytes between header and buckets.
    skew: u16,
}

impl Place {
    #[inline(always)]
    pub(in crate::store) fn buckets(self) -> usize {
        self.buckets.into()
    }

    /// One of them.
    #[inline(always)]
    pub(in crate::store) fn line(self, arena: &Arena, bucket: usize) -> Option<&Line> {
        arena.at(self.cells + (bucket * BUCKET) as Addr)?.first_chunk()
    }

    pub(in crate::store) fn page(self) -> Addr {
        self.cells - HEADER as Addr - Addr::from(self.skew)
    }
}

/// What a page's header says.
#[derive(Clone, Copy)]
pub(in crate::store) struct Page {
    pub(in crate::store) addr: Addr,
    pub(in crate::store) buckets: usize,
    pub(in crate::store) used: usize,
    pub(in crate::store) prefix: u32,
    pub(in crate::store) depth: u32,
    /// Sets of ghosts behind the buckets.
    pub(in crate::store) sets: usize,
    /// Bytes before the first bucket.
    pub(in crate::store) skew: usize,
}

impl Page {
    pub(in crate::store) fn len(&self) -> usize {
        page_len(self.buckets, self.sets)
    }

    pub(in crate::store) fn place(&self) -> Place {
        Place {
            cells: self.addr + (HEADER + self.skew) as Addr,
            buckets: self.buckets as u16,
            skew: self.skew as u16,
        }
    }

    /// Where in its record a set of ghosts begins.
    pub(in crate::store) fn set_at(&self, set: usize) -> usize {
        HEADER + self.skew + self.buckets * BUCKET + set * SET
    }
}

pub(in crate::store) fn page_len(buckets: usize, sets: usize) -> usize {
    HEADER + SLACK + buckets * BUCKET + sets * SET
}

/// Bytes to leave before the buckets of a page at `addr`, for the first to begin where a line does.
pub(in crate::store) fn skew(arena: &Arena, addr: Addr) -> usize {
    let header_end = arena.bytes(addr).as_ptr().addr() + HEADER;
    header_end.wrapping_neg() % SLACK
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(in crate::store) fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(in crate::store) fn put_word(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

pub(in crate::store) fn read_page(arena: &Arena, addr: Addr) -> Page {
    let bytes = arena.bytes(addr);
    Page {
        addr,
        buckets: word(bytes, BUCKETS_AT) as usize,
        used: word(bytes, USED_AT) as usize,
        prefix: word(bytes, PREFIX_AT),
        depth: word(bytes, DEPTH_AT),
        sets: word(bytes, SETS_AT) as usize,
        skew: word(bytes, SKEW_AT) as usize,
    }
}

pub(in crate::store) fn write_page(arena: &mut Arena, page: Page) {
    let bytes = arena.bytes_mut(page.addr);
    put_word(bytes, 0, PAGE);
    put_word(bytes, LEN_AT, page.len() as u32);
    put_word(bytes, BUCKETS_AT, page.buckets as u32);
    put_word(bytes, USED_AT, page.used as u32);
    put_word(bytes, PREFIX_AT, page.prefix);
    put_word(bytes, DEPTH_AT, page.depth);
    put_word(bytes, SETS_AT, page.sets as u32);
    put_word(bytes, SKEW_AT, page.skew as u32);
}
