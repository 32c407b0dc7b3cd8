//! The two bytes of an entry that the eviction policy reads and writes: its slot, and its uses.
//!
//! A hit only sets the touched bit. The policy counts the use when it next visits the entry, so a burst of hits is one use, and a hit
//! writes at most one byte.

/// Offset of the slot.
pub(super) const SLOT: usize = 0;
/// Offset of the byte with uses, touched bit and flags.
pub(super) const USES: usize = 1;
/// Largest use count: five bits.
pub(in crate::store) const MAX_USES: u8 = 0x1f;
const TOUCHED: u8 = 0x20;
pub(super) const FLAGS_SHIFT: u32 = 6;

/// Sets the touched bit.
#[inline(always)]
pub(in crate::store) fn touch(bytes: &mut [u8]) {
    if let Some(byte) = bytes.get_mut(USES) {
        // A cache line that is not written stays clean.
        if *byte & TOUCHED == 0 {
            *byte |= TOUCHED;
        }
    }
}

/// Counts a use at once, in addition to the one that the touched bit will count. For ablation only.
pub(in crate::store) fn count(bytes: &mut [u8]) {
    if let Some(byte) = bytes.get_mut(USES)
        && *byte & MAX_USES < MAX_USES
    {
        *byte += 1;
    }
}

/// The use count, with the use of the touched bit.
pub(in crate::store) fn uses(bytes: &[u8]) -> u8 {
    debug_assert!(bytes.len() > USES, "no entry has {} bytes", bytes.len());
    bytes.get(USES).map_or(0, |byte| ((byte & MAX_USES) + u8::from(byte & TOUCHED != 0)).min(MAX_USES))
}

/// Clears the touched bit and counts its use. Returns false if the bit was not set.
pub(in crate::store) fn take_touched(bytes: &mut [u8]) -> bool {
    debug_assert!(bytes.len() > USES, "no entry has {} bytes", bytes.len());
    match bytes.get_mut(USES) {
        Some(byte) if *byte & TOUCHED != 0 => {
            *byte ^= TOUCHED;
            if *byte & MAX_USES < MAX_USES {
                *byte += 1;
            }
            true
        }
        _ => false,
    }
}

pub(super) fn set_flags(bytes: &mut [u8], flags: u8) {
    debug_assert!(bytes.len() > USES, "no entry has {} bytes", bytes.len());
    if let Some(byte) = bytes.get_mut(USES) {
        *byte = *byte & (MAX_USES | TOUCHED) | flags << FLAGS_SHIFT;
    }
}

#[inline(always)]
pub(in crate::store) fn slot(bytes: &[u8]) -> u8 {
    debug_assert!(!bytes.is_empty(), "no entry has no bytes");
    bytes.get(SLOT).copied().unwrap_or(0)
}

pub(in crate::store) fn write_slot(bytes: &mut [u8], slot: u8) {
    debug_assert!(!bytes.is_empty(), "no entry has no bytes");
    if let Some(byte) = bytes.get_mut(SLOT) {
        *byte = slot;
    }
}
