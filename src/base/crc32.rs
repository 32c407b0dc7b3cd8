//! crc32, equal to Go's `crc32.ChecksumIEEE`: positions on the ring, and checks that bytes are intact.
//!
//! Natively, long input uses crc32fast. Short input, such as most keys, uses eight tables here (slicing-by-8, Kounavis and
//! Berry 2005): crc32fast detects the processor at each call, which costs more than a short sum. In WebAssembly there is no
//! faster instruction for crc32fast to use, and its tables would weigh too much in the file: one table sums byte by byte.

/// The longest input, in bytes, for which the tables are faster than crc32fast.
#[cfg(not(target_arch = "wasm32"))]
const SHORT: usize = 16;

const TABLES: usize = if cfg!(target_arch = "wasm32") { 1 } else { 8 };

/// `SUMS[n][byte]` is the sum of a byte followed by `n` zeros. Computed at compile time.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index is an error")]
const SUMS: &[[u32; 256]; TABLES] = &{
    let (mut sums, mut at) = ([[0u32; 256]; TABLES], 0);
    while at < 256 * TABLES {
        let (zeros, byte) = (at / 256, at % 256);
        let (mut sum, mut bit) = (if zeros == 0 { byte as u32 } else { sums[zeros - 1][byte] }, 0);
        while bit < 8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 * (sum & 1));
            bit += 1;
        }
        sums[zeros][byte] = sum;
        at += 1;
    }
    sums
};

#[inline(always)]
fn sum_of(byte: u8, zeros: usize) -> u32 {
    SUMS.get(zeros).and_then(|sums| sums.get(usize::from(byte))).copied().unwrap_or_default()
}

/// Returns the crc32 of `bytes`.
#[inline]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32_on(0, bytes)
}

/// Extends a sum: `before` is the crc32 of the preceding bytes.
#[cfg(not(target_arch = "wasm32"))]
#[inline]
pub(crate) fn crc32_on(before: u32, bytes: &[u8]) -> u32 {
    if bytes.len() > SHORT {
        let mut hasher = crc32fast::Hasher::new_with_initial(before);
        hasher.update(bytes);
        return hasher.finalize();
    }
    let (mut sum, mut rest) = (!before, bytes);
    while let Some((word, after)) = rest.split_first_chunk() {
        let [a, b, c, d, e, f, g, h] = (u64::from_le_bytes(*word) ^ u64::from(sum)).to_le_bytes();
        let first_four = sum_of(a, 7) ^ sum_of(b, 6) ^ sum_of(c, 5) ^ sum_of(d, 4);
        sum = first_four ^ sum_of(e, 3) ^ sum_of(f, 2) ^ sum_of(g, 1) ^ sum_of(h, 0);
        rest = after;
    }
    !one_by_one(sum, rest)
}

/// Like the native version, with one table.
#[cfg(target_arch = "wasm32")]
pub(crate) fn crc32_on(before: u32, bytes: &[u8]) -> u32 {
    !one_by_one(!before, bytes)
}

#[inline(always)]
fn one_by_one(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| sum >> 8 ^ sum_of(sum as u8 ^ byte, 0))
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use crate::base::crc32::{crc32, crc32_on};

    #[test]
    fn crc32_of_any_length_in_one_or_two_parts_equals_crc32fast() {
        let bytes: Vec<u8> = (0..40u8).map(|byte| byte.wrapping_mul(151) ^ 0x5a).collect();
        for len in 0..bytes.len() {
            let (head, tail) = bytes.split_at(len);
            assert_eq!(crc32(head), crc32fast::hash(head), "{len} bytes");
            assert_eq!(crc32_on(crc32(head), tail), crc32fast::hash(&bytes), "{len} bytes, then the rest");
        }
    }
}
