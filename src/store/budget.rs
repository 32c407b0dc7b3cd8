//! Dividing the budget: segments of the arena, and what lies outside of them.

use super::index::{directory_bytes, longest_page, max_directory};
use super::{MAX_KEY_BYTES, MAX_MAX_BYTES, MIN_MAX_BYTES, Store, StoreError, StoreOptions};
use crate::store::arena::{MAX_PREFIX, header};

/// How a store divides `max_bytes`.
pub(super) struct Budget {
    pub(super) max_entry_bytes: usize,
    pub(super) segments: usize,
    /// Bytes of a segment, its bookkeeping included.
    pub(super) segment_len: usize,
}

impl Budget {
    pub(super) fn new(options: &StoreOptions) -> Result<Budget, StoreError> {
        let StoreOptions { max_bytes, max_entry_bytes, .. } = *options;
        if !(MIN_MAX_BYTES..=MAX_MAX_BYTES).contains(&max_bytes) {
            return Err(StoreError::MaxBytes);
        }
        if max_entry_bytes > max_bytes {
            return Err(StoreError::MaxEntryBytes);
        }
        let max_entry_bytes =
            if max_entry_bytes == 0 { (max_bytes / 8).min(512 << 10) } else { max_entry_bytes };
        // Outside the segments lie the struct itself and the directory of the index. The list of segments is part of theirs.
        let outside = size_of::<Store>() + directory_bytes(max_directory(max_bytes));
        let inside = max_bytes - outside;
        // A segment must hold the largest entry beside the one page that an index always has.
        let beside = longest_page(max_bytes)
            + header::MAX_OVERHEAD
            + 3 * MAX_PREFIX
            + MAX_KEY_BYTES.min(max_bytes / 64);
        let segment_len = (max_bytes / 8).min(512 << 10).max(max_entry_bytes + beside).min(inside);
        // A large budget has segments just below a power of two: where each is an allocation, no address is wasted.
        let segments = match segment_len.checked_next_power_of_two() {
            Some(rounded) if rounded <= max_bytes / 128 => inside.div_ceil(rounded),
            _ => inside / segment_len,
        };
        // The remainder of the division goes to the segments.
        Ok(Budget { max_entry_bytes, segments, segment_len: inside / segments })
    }
}
