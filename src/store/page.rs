//! A page of the index as it lies in the arena: a header of 32 bytes, slack, buckets, sets of ghosts.
//!
//! Its buckets begin where a line of the processor's cache does, wherever the page is: the slack before them makes up for it.

use super::arena::{Addr, Arena};
use super::bucket::{BUCKET, Line};
use super::record::{LEN_AT, PAGE};

pub(super) const HEADER: usize = 32;
pub(super) const BUCKETS_AT: usize = 8;
pub(super) const USED_AT: usize = 12;
const PREFIX_AT: usize = 16;
const DEPTH_AT: usize = 20;
const SETS_AT: usize = 24;
pub(super) const SKEW_AT: usize = 28;

const SET: usize = 8;
/// Bytes of a page that let its buckets begin where a line does, wherever the page is.
const SLACK: usize = 64;

/// Where a page's buckets are.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) cells: Addr,
    buckets: u16,
    /// Bytes between header and buckets.
    skew: u16,
}

impl Place {
    #[inline(always)]
    pub(super) fn buckets(self) -> usize {
        self.buckets.into()
    }

    /// One of them.
    #[inline(always)]
    pub(super) fn line(self, arena: &Arena, bucket: usize) -> Option<&Line> {
        arena.at(self.cells + (bucket * BUCKET) as Addr)?.first_chunk()
    }

    pub(super) fn page(self) -> Addr {
        self.cells - HEADER as Addr - Addr::from(self.skew)
    }
}

/// What a page's header says.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) addr: Addr,
    pub(super) buckets: usize,
    pub(super) used: usize,
    pub(super) prefix: u32,
    pub(super) depth: u32,
    /// Sets of ghosts behind the buckets.
    pub(super) sets: usize,
    /// Bytes before the first bucket.
    pub(super) skew: usize,
}

impl Page {
    pub(super) fn len(&self) -> usize {
        page_len(self.buckets, self.sets)
    }

    pub(super) fn place(&self) -> Place {
        Place {
            cells: self.addr + (HEADER + self.skew) as Addr,
            buckets: self.buckets as u16,
            skew: self.skew as u16,
        }
    }

    /// Where in its record a set of ghosts begins.
    pub(super) fn set_at(&self, set: usize) -> usize {
        HEADER + self.skew + self.buckets * BUCKET + set * SET
    }
}

pub(super) fn page_len(buckets: usize, sets: usize) -> usize {
    HEADER + SLACK + buckets * BUCKET + sets * SET
}

/// Bytes to leave before the buckets of a page at `addr`, for the first to begin where a line does.
pub(super) fn skew(arena: &Arena, addr: Addr) -> usize {
    let header_end = arena.bytes(addr).as_ptr().addr() + HEADER;
    header_end.wrapping_neg() % SLACK
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(super) fn put_word(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

pub(super) fn read_page(arena: &Arena, addr: Addr) -> Page {
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

pub(super) fn write_page(arena: &mut Arena, page: Page) {
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
