//! One record in the arena, byte by byte, and how to read it.
//!
//! | offset | bytes | what |
//! |--:|--:|---|
//! | 0 | 1 | [rank](crate::store::eviction::timing_wheel): when it goes |
//! | 1 | 1 | uses, five bits; whether it was used since it was ranked; the caller's flags, two bits |
//! | 2 | 1–3 | length of the key: six bits, whether it expires, whether there is more; then seven bits a byte |
//! | | 1–5 | length of the value, seven bits a byte |
//! | | 0 or 6 | when it expires, in milliseconds; nothing if never |
//! | | | key, value |
//!
//! In an `lru` store seven bytes come before this, and with the first they are two [links](crate::store::eviction::lru).
//!
//! An entry has been used at least once. Where the second byte tells of no use lies a [page](crate::store::index::page) of the index, or something
//! free: the first word says which, the next its length, so nothing is shorter than two words.
//!
//! What a hit reads and writes lies together: from the uses to the key's end.

use crate::store::Meta;

const RANK: usize = 0;
const USES: usize = 1;
/// Bytes before the two lengths.
const FIXED: usize = 2;
/// Bytes of a time.
const TIME: usize = 6;
/// In the first byte of the key's length: there is a time.
const EXPIRES: u8 = 0x40;
/// In any byte of a length: there is another.
const MORE: u8 = 0x80;

/// The most that an entry takes beyond its key and its value.
pub(in crate::store) const MAX_OVERHEAD: usize = FIXED + 3 + 5 + TIME;

/// Greatest count that five bits hold: 51.6 % of hits in the measure of the [module](super), and 51.4 with four.
pub(in crate::store) const MAX_USES: u8 = 0x1f;
const TOUCHED: u8 = 0x20;
const FLAGS_SHIFT: u32 = 6;

/// First word of what is no entry: free, or a page of the index.
pub(in crate::store) const FREE: u32 = 0;
pub(in crate::store) const PAGE: u32 = 1;
/// Where such a record says how long it is.
pub(in crate::store) const LEN_AT: usize = 4;
/// No record is shorter.
const MIN_LEN: usize = 8;

/// Forty-eight bits of milliseconds reach the year 10889; all of them set is "never".
const NEVER: u64 = (1 << 48) - 1;

/// What begins at an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Entry,
    Page,
    Free,
}

#[inline(always)]
pub(in crate::store) fn kind(bytes: &[u8]) -> Kind {
    match *bytes {
        [_, uses, ..] if uses & MAX_USES != 0 => Kind::Entry,
        [first, ..] if u32::from(first) == PAGE => Kind::Page,
        _ => Kind::Free,
    }
}

/// Where the parts of an entry lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Shape {
    expires: bool,
    key_at: usize,
    key_len: usize,
    value_len: usize,
}

impl Shape {
    /// If neither length takes more than two bytes, as is so for keys below 8 KiB and values below 16: one word and no loop.
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

    /// Of any entry.
    #[inline(never)]
    pub(in crate::store) fn read(bytes: &[u8]) -> Shape {
        if let Some(shape) = Shape::read_short(bytes) {
            return shape;
        }
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
    fn value_at(&self) -> usize {
        self.key_at + self.key_len
    }

    #[inline(always)]
    fn end(&self) -> usize {
        self.value_at() + self.value_len
    }

    /// Whether the key is this one.
    #[inline(always)]
    pub(in crate::store) fn has_key(&self, bytes: &[u8], key: &[u8]) -> bool {
        if key.len() != self.key_len {
            return false;
        }
        let here = bytes.get(self.key_at..).and_then(|rest| rest.get(..key.len()));
        here.is_some_and(|here| same(here, key))
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
        bytes.get(self.key_at..self.value_at()).unwrap_or_default()
    }

    #[inline(always)]
    pub(in crate::store) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        // In the steps of `has_key`: what that has checked is not checked again.
        let rest = bytes.get(self.key_at..).and_then(|rest| rest.get(self.key_len..));
        rest.and_then(|rest| rest.get(..self.value_len)).unwrap_or_default()
    }

    /// Bytes of key and value.
    pub(in crate::store) fn payload(&self) -> usize {
        self.key_len + self.value_len
    }

    /// Bytes in the arena.
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

/// What stands before key and value.
pub(in crate::store) struct Header {
    bytes: [u8; FIXED + 8 + TIME],
    len: usize,
}

impl Header {
    pub(in crate::store) fn new(key_len: usize, value_len: usize, rank: u8, uses: u8, meta: Meta) -> Header {
        let mut header = Header { bytes: [0; FIXED + 8 + TIME], len: FIXED };
        header.put(RANK, rank);
        header.put(USES, uses.clamp(1, MAX_USES) | meta.flags << FLAGS_SHIFT);
        let expires = if meta.expires_at_ms == u64::MAX { 0 } else { EXPIRES };
        let more = if key_len < EXPIRES.into() { 0 } else { MORE };
        header.push((key_len as u8 & (EXPIRES - 1)) | expires | more);
        if more != 0 {
            header.push_len(key_len >> 6);
        }
        header.push_len(value_len);
        if expires != 0 {
            time(meta).into_iter().for_each(|byte| header.push(byte));
        }
        header
    }

    fn push_len(&mut self, mut len: usize) {
        while len >= MORE.into() {
            self.push(len as u8 | MORE);
            len >>= 7;
        }
        self.push(len as u8);
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

    pub(in crate::store) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Bytes that an entry takes in the arena.
pub(in crate::store) fn record_len(key_len: usize, value_len: usize, expires_at_ms: u64) -> usize {
    let len_len = |len: usize| (usize::BITS - (len | 1).leading_zeros()).div_ceil(7) as usize;
    // The first byte of the key's length holds six bits.
    let lens = len_len(key_len << 1) + len_len(value_len);
    let time = if expires_at_ms == u64::MAX { 0 } else { TIME };
    (FIXED + lens + time + key_len + value_len).max(MIN_LEN)
}

/// A time beyond the year 10889 that is not "never" becomes the last one before it: never later than told.
fn time(meta: Meta) -> [u8; TIME] {
    let [a, b, c, d, e, f, _, _] = meta.expires_at_ms.min(NEVER - 1).to_le_bytes();
    [a, b, c, d, e, f]
}

/// Writes another value of the same length, and what is kept beside it. Answers whether it did: an entry that expires has more bytes
/// than one that does not.
pub(in crate::store) fn rewrite(bytes: &mut [u8], value: &[u8], meta: Meta) -> bool {
    let shape = Shape::read(bytes);
    let expires = meta.expires_at_ms != u64::MAX;
    let Some(place) = bytes.get_mut(shape.value_at()..shape.end()) else { return false };
    if place.len() != value.len() || shape.expires != expires {
        return false;
    }
    place.copy_from_slice(value);
    if let Some(uses) = bytes.get_mut(USES) {
        *uses = *uses & (MAX_USES | TOUCHED) | meta.flags << FLAGS_SHIFT;
    }
    if expires && let Some(place) = bytes.get_mut(..shape.key_at).and_then(|before| before.last_chunk_mut()) {
        *place = time(meta);
    }
    true
}

/// Notes a use. Uses count once between two looks at the entry: a burst is one use.
#[inline(always)]
pub(in crate::store) fn touch(bytes: &mut [u8]) {
    if let Some(use_byte) = bytes.get_mut(USES) {
        // Not written when there is nothing new: a line that stays clean is not written back.
        if *use_byte & TOUCHED == 0 {
            *use_byte |= TOUCHED;
        }
    }
}

/// Counts a use at once; noting it will count another, so this is for measuring only.
pub(in crate::store) fn count(bytes: &mut [u8]) {
    if let Some(use_byte) = bytes.get_mut(USES)
        && *use_byte & MAX_USES < MAX_USES
    {
        *use_byte += 1;
    }
}

/// Whether two keys of one length are the same, without a call for those of 8 to 32 bytes: two loads that overlap cover them.
#[inline(always)]
fn same(left: &[u8], right: &[u8]) -> bool {
    fn ends<const N: usize>(bytes: &[u8], word: fn([u8; N]) -> u128) -> Option<(u128, u128)> {
        Some((word(*bytes.first_chunk()?), word(*bytes.last_chunk()?)))
    }
    let long = |bytes| ends::<16>(bytes, u128::from_le_bytes);
    let short = |bytes| ends::<8>(bytes, |word| u64::from_le_bytes(word).into());
    match left.len() {
        16..=32 => long(left) == long(right),
        8..=15 => short(left) == short(right),
        _ => same_by_words(left, right),
    }
}

/// In wasm a comparison of slices goes byte by byte.
#[inline(never)]
fn same_by_words(left: &[u8], right: &[u8]) -> bool {
    let ((left, left_end), (right, right_end)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
    left_end == right_end && left.iter().zip(right).all(|(left, right)| left == right)
}

/// How often it was used, a use that is only noted included.
pub(in crate::store) fn uses(bytes: &[u8]) -> u8 {
    bytes.get(USES).map_or(0, |uses| ((uses & MAX_USES) + u8::from(uses & TOUCHED != 0)).min(MAX_USES))
}

/// Whether it was used since it was ranked; if so that is counted, and the note cleared.
pub(in crate::store) fn take_touched(bytes: &mut [u8]) -> bool {
    match bytes.get_mut(USES) {
        Some(place) if *place & TOUCHED != 0 => {
            *place ^= TOUCHED;
            if *place & MAX_USES < MAX_USES {
                *place += 1;
            }
            true
        }
        _ => false,
    }
}

/// When it goes.
#[inline(always)]
pub(in crate::store) fn rank(bytes: &[u8]) -> u8 {
    bytes.get(RANK).copied().unwrap_or(0)
}

pub(in crate::store) fn put_rank(bytes: &mut [u8], rank: u8) {
    if let Some(place) = bytes.get_mut(RANK) {
        *place = rank;
    }
}
