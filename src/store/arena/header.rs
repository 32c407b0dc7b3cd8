//! Writing an entry: the header before key and value, and a new value in place. The format is in [`record`](super::record).

use super::record::{EXPIRES, FIXED, MIN_LEN, MORE, Shape, TIME};
use super::usage::{FLAGS_SHIFT, MAX_USES, SLOT, USES, set_flags};
use crate::store::options::Meta;

/// Most bytes of an entry beyond its key and value.
pub(in crate::store) const MAX_OVERHEAD: usize = FIXED + 3 + 5 + TIME;

/// 48 bits of milliseconds reach the year 10889. All bits set would mean "never".
const NEVER: u64 = (1 << 48) - 1;

/// The bytes of an entry before its key.
pub(in crate::store) struct Header {
    bytes: [u8; MAX_OVERHEAD],
    len: usize,
}

impl Header {
    pub(in crate::store) fn new(key_len: usize, value_len: usize, slot: u8, uses: u8, meta: Meta) -> Header {
        let mut header = Header { bytes: [0; MAX_OVERHEAD], len: FIXED };
        header.write(SLOT, slot);
        header.write(USES, uses.clamp(1, MAX_USES) | meta.flags << FLAGS_SHIFT);
        let expires = if meta.expires_at_ms == u64::MAX { 0 } else { EXPIRES };
        let more = if key_len < EXPIRES.into() { 0 } else { MORE };
        header.push((key_len as u8 & (EXPIRES - 1)) | expires | more);
        if more != 0 {
            header.push_len(key_len >> 6);
        }
        header.push_len(value_len);
        if expires != 0 {
            encode_time(meta).into_iter().for_each(|byte| header.push(byte));
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

    fn write(&mut self, at: usize, byte: u8) {
        let target = self.bytes.get_mut(at);
        debug_assert!(target.is_some(), "a header of more than {MAX_OVERHEAD} bytes");
        if let Some(target) = target {
            *target = byte;
        }
    }

    fn push(&mut self, byte: u8) {
        self.write(self.len, byte);
        self.len += 1;
    }

    pub(in crate::store) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Bytes that an entry takes in the arena, without a prefix.
pub(in crate::store) fn record_len(key_len: usize, value_len: usize, expires_at_ms: u64) -> usize {
    let len_len = |len: usize| (usize::BITS - (len | 1).leading_zeros()).div_ceil(7) as usize;
    // The first byte of the key length holds six bits.
    let lens = len_len(key_len << 1) + len_len(value_len);
    let time = if expires_at_ms == u64::MAX { 0 } else { TIME };
    (FIXED + lens + time + key_len + value_len).max(MIN_LEN)
}

/// Clamps a time beyond 48 bits to the largest that is not "never", so that no entry expires later than asked.
fn encode_time(meta: Meta) -> [u8; TIME] {
    let [a, b, c, d, e, f, _, _] = meta.expires_at_ms.min(NEVER - 1).to_le_bytes();
    [a, b, c, d, e, f]
}

/// Overwrites value and meta in place. Returns false, and writes nothing, if the record would have another length: the value's length
/// differs, or only one of the two has an expiry time.
pub(in crate::store) fn rewrite(bytes: &mut [u8], value: &[u8], meta: Meta) -> bool {
    let shape = Shape::read(bytes);
    let expires = meta.expires_at_ms != u64::MAX;
    let Some(target) = bytes.get_mut(shape.value_at()..shape.end()) else {
        debug_assert!(false, "the value ends outside the arena");
        return false;
    };
    if target.len() != value.len() || shape.expires != expires {
        return false;
    }
    target.copy_from_slice(value);
    set_flags(bytes, meta.flags);
    if expires && let Some(time) = bytes.get_mut(..shape.key_at).and_then(|before| before.last_chunk_mut()) {
        *time = encode_time(meta);
    }
    true
}
