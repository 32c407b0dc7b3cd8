//! Format of a record, and the reading of an entry.
//!
//! | offset | bytes | field |
//! |--:|--:|---|
//! | 0 | 1 | [slot](super::usage): of the eviction policy |
//! | 1 | 1 | [uses](super::usage), five bits; touched, one bit; the caller's flags, two bits |
//! | 2 | 1–3 | key length: six bits, a bit for an expiry time, a bit for more bytes; then seven bits a byte |
//! | | 1–5 | value length, seven bits a byte |
//! | | 0 or 6 | expiry time in milliseconds; absent if the entry never expires |
//! | | | key, value |
//!
//! The eviction policy may add a prefix before the record (see [`arena`](super)). In an `lru` store it holds two links, the second of
//! which extends over the slot.
//!
//! The use count of an entry is at least one. A record with a count of zero is a page of the index or a free record: its first word is
//! the kind, its second the length, so no record is shorter than two words.
//!
//! A hit reads and writes one run of bytes: from the uses to the end of the key.

use super::usage::{FLAGS_SHIFT, MAX_USES, USES};
use super::words::read_word;
use crate::store::options::Meta;

/// Bytes before the two lengths.
pub(super) const FIXED: usize = 2;
/// Bytes of an expiry time.
pub(super) const TIME: usize = 6;
/// In the first byte of the key length: the record has an expiry time.
pub(super) const EXPIRES: u8 = 0x40;
/// In any byte of a length: another byte follows.
pub(super) const MORE: u8 = 0x80;

/// First word of a free record.
pub(in crate::store) const FREE: u32 = 0;
/// First word of a page of the index.
pub(in crate::store) const PAGE: u32 = 1;
/// Offset of the length of a free record or a page.
pub(in crate::store) const LEN_AT: usize = 4;
/// Length of the shortest record.
pub(super) const MIN_LEN: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Entry,
    Page,
    Free,
}

#[inline(always)]
fn kind(bytes: &[u8]) -> Kind {
    match *bytes {
        [_, uses, ..] if uses & MAX_USES != 0 => Kind::Entry,
        [first, ..] if u32::from(first) == PAGE => Kind::Page,
        _ => Kind::Free,
    }
}

/// Kind and length of a record.
pub(super) fn extent(bytes: &[u8]) -> (Kind, usize) {
    let kind = kind(bytes);
    let len = match kind {
        Kind::Entry => Shape::read(bytes).len(),
        _ => read_word(bytes, LEN_AT) as usize,
    };
    debug_assert!(len >= MIN_LEN, "a record of {len} bytes");
    (kind, len)
}

/// Offsets and lengths of an entry's key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Shape {
    pub(super) expires: bool,
    pub(super) key_at: usize,
    key_len: usize,
    value_len: usize,
}

impl Shape {
    /// Reads one word, without a loop. `None` if a length takes more than two bytes, which means a key from 8 KiB or a value from
    /// 16 KiB.
    #[inline(always)]
    pub(in crate::store) fn read_short(bytes: &[u8]) -> Option<Shape> {
        let &[.., a, b, c, d] = bytes.first_chunk::<{ FIXED + 4 }>()?;
        let low = |byte: u8| usize::from(byte & !MORE);
        let first = usize::from(a & (EXPIRES - 1));
        let (key_len, value_len, at) = match (a < MORE, b < MORE, c < MORE) {
            (true, true, _) => (first, low(b), FIXED + 2),
            (true, false, true) => (first, low(b) | low(c) << 7, FIXED + 3),
            (false, true, true) => (first | low(b) << 6, low(c), FIXED + 3),
            (false, true, false) if d < MORE => (first | low(b) << 6, low(c) | low(d) << 7, FIXED + 4),
            _ => return None,
        };
        Some(Shape::new(a, key_len, value_len, at))
    }

    /// Reads the shape of any entry.
    #[inline(never)]
    pub(in crate::store) fn read(bytes: &[u8]) -> Shape {
        if let Some(shape) = Shape::read_short(bytes) {
            return shape;
        }
        debug_assert!(bytes.len() > FIXED, "no entry has {} bytes", bytes.len());
        let first = bytes.get(FIXED).copied().unwrap_or(0);
        let mut key_len = usize::from(first & (EXPIRES - 1));
        let mut at = FIXED + 1;
        if first & MORE != 0 {
            let rest;
            (rest, at) = read_len(bytes, at);
            key_len |= rest << 6;
        }
        let (value_len, at) = read_len(bytes, at);
        Shape::new(first, key_len, value_len, at)
    }

    #[inline(always)]
    fn new(first: u8, key_len: usize, value_len: usize, at: usize) -> Shape {
        let expires = first & EXPIRES != 0;
        Shape { expires, key_at: at + if expires { TIME } else { 0 }, key_len, value_len }
    }

    #[inline(always)]
    pub(super) fn value_at(&self) -> usize {
        self.key_at + self.key_len
    }

    #[inline(always)]
    pub(super) fn end(&self) -> usize {
        self.value_at() + self.value_len
    }

    #[inline(always)]
    pub(in crate::store) fn has_key(&self, bytes: &[u8], key: &[u8]) -> bool {
        if key.len() != self.key_len {
            return false;
        }
        let stored = bytes.get(self.key_at..).and_then(|rest| rest.get(..key.len()));
        stored.is_some_and(|stored| is_same(stored, key))
    }

    #[inline(always)]
    pub(in crate::store) fn meta(&self, bytes: &[u8]) -> Meta {
        let flags = bytes.get(USES).map_or(0, |byte| byte >> FLAGS_SHIFT);
        if self.expires
            && let Some([.., a, b, c, d, e, f]) = bytes.get(..self.key_at)
        {
            return Meta { flags, expires_at_ms: u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]) };
        }
        Meta { flags, expires_at_ms: u64::MAX }
    }

    #[inline(always)]
    pub(in crate::store) fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let key = bytes.get(self.key_at..self.value_at());
        debug_assert!(key.is_some(), "the key ends outside the arena");
        key.unwrap_or_default()
    }

    /// The value; empty if `bytes` are not those that the shape was read from.
    #[inline(always)]
    pub(in crate::store) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        // Sliced in the same steps as in `has_key`, so that the compiler drops the bounds checks.
        let rest = bytes.get(self.key_at..).and_then(|rest| rest.get(self.key_len..));
        rest.and_then(|rest| rest.get(..self.value_len)).unwrap_or_default()
    }

    /// Bytes of key and value.
    pub(in crate::store) fn payload(&self) -> usize {
        self.key_len + self.value_len
    }

    /// Bytes of the record, without a prefix.
    pub(in crate::store) fn len(&self) -> usize {
        self.end().max(MIN_LEN)
    }
}

fn read_len(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut len, mut shift) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        len |= usize::from(byte & !MORE) << shift;
        shift += 7;
        if byte < MORE || shift > 28 {
            break;
        }
    }
    (len, at)
}

/// Compares two keys of one length. Keys of 8 to 32 bytes take two loads that overlap, instead of a call.
#[inline(always)]
fn is_same(left: &[u8], right: &[u8]) -> bool {
    fn ends<const N: usize>(bytes: &[u8], word: fn([u8; N]) -> u128) -> Option<(u128, u128)> {
        Some((word(*bytes.first_chunk()?), word(*bytes.last_chunk()?)))
    }
    let long = |bytes| ends::<16>(bytes, u128::from_le_bytes);
    let short = |bytes| ends::<8>(bytes, |word| u64::from_le_bytes(word).into());
    match left.len() {
        16..=32 => long(left) == long(right),
        8..=15 => short(left) == short(right),
        _ => is_same_by_words(left, right),
    }
}

/// In wasm the comparison of slices reads single bytes.
#[inline(never)]
fn is_same_by_words(left: &[u8], right: &[u8]) -> bool {
    let ((left, left_end), (right, right_end)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
    left_end == right_end && left.iter().zip(right).all(|(left, right)| left == right)
}
