//! One entry in the arena, byte by byte, and how to read it.
//!
//! | offset | bytes | what |
//! |--:|--:|---|
//! | 0 | 4 | the newer neighbour in its queue, or the queue's end |
//! | 4 | 4 | the older neighbour, or the queue's end |
//! | 8 | 4 | rank: what the clock must reach before this entry goes |
//! | 12 | 1 | uses, seven bits, and whether it was used since it was queued |
//! | 13 | 1 | the caller's flags |
//! | 14 | 6 | when it expires, in milliseconds |
//! | 20 | 1–3 | length of the key, seven bits a byte |
//! | | 1–5 | length of the value, the same way |
//! | | | key, value, and 0–3 bytes to the next unit |

use super::Meta;
use super::arena::{Addr, Arena, UNIT};

/// Bytes before the two lengths.
const FIXED: usize = 20;

/// The most that an entry takes beyond its key and its value, padding included.
pub(super) const MAX_OVERHEAD: usize = FIXED + 3 + 5 + UNIT - 1;

/// Greatest count that the seven bits hold.
pub(super) const MAX_USES: u8 = 0x7f;
const TOUCHED: u8 = 0x80;

/// Forty-eight bits of milliseconds reach the year 10889; all of them set is "never".
const NEVER: u64 = (1 << 48) - 1;

/// Where the parts of an entry lie.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    key_at: usize,
    value_at: usize,
    end: usize,
}

impl Shape {
    #[inline(always)]
    pub(super) fn read(bytes: &[u8]) -> Shape {
        let (key_len, at) = read_len(bytes, FIXED);
        let (value_len, key_at) = read_len(bytes, at);
        let value_at = key_at + key_len;
        Shape { key_at, value_at, end: value_at + value_len }
    }

    #[inline(always)]
    pub(super) fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.key_at..self.value_at).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.value_at..self.end).unwrap_or_default()
    }

    pub(super) fn value_mut<'a>(&self, bytes: &'a mut [u8]) -> &'a mut [u8] {
        bytes.get_mut(self.value_at..self.end).unwrap_or_default()
    }

    /// Bytes of key and value.
    pub(super) fn payload(&self) -> usize {
        self.end - self.key_at
    }

    /// Bytes in the arena.
    pub(super) fn len(&self) -> usize {
        self.end.next_multiple_of(UNIT)
    }
}

#[inline(always)]
fn read_len(bytes: &[u8], at: usize) -> (usize, usize) {
    match bytes.get(at) {
        Some(&byte) if byte < 0x80 => (byte as usize, at + 1),
        _ => read_long_len(bytes, at),
    }
}

fn read_long_len(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut len, mut shift) = (0usize, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        len |= ((byte & 0x7f) as usize) << shift;
        shift += 7;
        if byte < 0x80 || shift > 28 {
            break;
        }
    }
    (len, at)
}

/// What stands before key and value.
pub(super) struct Header {
    bytes: [u8; FIXED + 8],
    len: usize,
}

impl Header {
    pub(super) fn new(key_len: usize, value_len: usize, uses: u8, meta: Meta) -> Header {
        let mut header = Header { bytes: [0; FIXED + 8], len: FIXED };
        put_meta(&mut header.bytes, meta);
        header.put(12, uses.min(MAX_USES));
        for mut len in [key_len, value_len] {
            while len >= 0x80 {
                header.push((len & 0x7f) as u8 | 0x80);
                len >>= 7;
            }
            header.push(len as u8);
        }
        header
    }

    fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.bytes.get_mut(at) {
            *place = byte;
        }
    }

    fn push(&mut self, byte: u8) {
        self.put(self.len, byte);
        self.len += 1;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Bytes that an entry takes in the arena.
pub(super) fn record_len(key_len: usize, value_len: usize) -> usize {
    let len_len = |len: usize| (usize::BITS - (len | 1).leading_zeros()).div_ceil(7) as usize;
    (FIXED + len_len(key_len) + len_len(value_len) + key_len + value_len).next_multiple_of(UNIT)
}

#[inline(always)]
pub(super) fn read_meta(bytes: &[u8]) -> Meta {
    match bytes.get(13..20) {
        Some(&[flags, a, b, c, d, e, f]) => {
            let at = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
            Meta { flags, expires_at_ms: if at == NEVER { u64::MAX } else { at } }
        }
        _ => Meta { flags: 0, expires_at_ms: 0 },
    }
}

pub(super) fn put_meta(bytes: &mut [u8], meta: Meta) {
    // A time beyond the year 10889 that is not "never" becomes the last one before it: never later than told.
    let at = if meta.expires_at_ms == u64::MAX { NEVER } else { meta.expires_at_ms.min(NEVER - 1) };
    let [a, b, c, d, e, f, _, _] = at.to_le_bytes();
    if let Some(place) = bytes.get_mut(13..20) {
        place.copy_from_slice(&[meta.flags, a, b, c, d, e, f]);
    }
}

/// Notes a use. Uses count once between two looks at the entry: a burst is one use.
#[inline(always)]
pub(super) fn touch(bytes: &mut [u8]) {
    if let Some(use_byte) = bytes.get_mut(12) {
        // Not written when there is nothing new: a line that stays clean is not written back.
        if *use_byte & TOUCHED == 0 {
            *use_byte |= TOUCHED;
        }
    }
}

/// Counts a use at once; noting it will count another, so this is for measuring only.
pub(super) fn count(bytes: &mut [u8]) {
    if let Some(use_byte) = bytes.get_mut(12)
        && *use_byte & MAX_USES < MAX_USES
    {
        *use_byte += 1;
    }
}

/// Whether two keys are the same, without a call for the short ones that keys mostly are.
#[inline(always)]
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let (Some(left_end), Some(right_end)) = (left.last_chunk::<8>(), right.last_chunk::<8>()) else {
        return left == right;
    };
    let mut differ = u64::from_le_bytes(*left_end) ^ u64::from_le_bytes(*right_end);
    for (left, right) in left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0) {
        differ |= u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
    }
    differ == 0
}

/// How often it was used, a use that is only noted included.
pub(super) fn uses(bytes: &[u8]) -> u8 {
    bytes.get(12).map_or(0, |use_byte| (use_byte & MAX_USES).saturating_add(use_byte >> 7).min(MAX_USES))
}

/// Whether it was used since it was queued; if so that is counted, and the note cleared.
pub(super) fn take_touched(arena: &mut Arena, addr: Addr) -> bool {
    match arena.bytes_mut(addr).get_mut(12) {
        Some(use_byte) if *use_byte & TOUCHED != 0 => {
            *use_byte = (*use_byte & MAX_USES).saturating_add(1).min(MAX_USES);
            true
        }
        _ => false,
    }
}
