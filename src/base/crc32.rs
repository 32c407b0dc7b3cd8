//! crc32 as Go's `crc32.ChecksumIEEE` has it: where keys lie on the ring, and whether bytes came whole.
//!
//! What is long is crc32fast's natively. What is short, as most keys are, is summed here by eight tables (slicing-by-8, Kounavis and
//! Berry 2005): crc32fast asks at each call what the processor can do, which makes a look-up on the ring a tenth slower. In wasm
//! crc32fast has no faster instruction to use, and its sixteen tables would be 15 KB of the 40 KB that the gzipped file may have; so
//! everything is summed by one table there, byte after byte.

/// Bytes beyond which crc32fast is the quicker one.
#[cfg(not(target_arch = "wasm32"))]
const SHORT: usize = 16;

const TABLES: usize = if cfg!(target_arch = "wasm32") { 1 } else { 8 };

/// `SUMS[n][byte]` is the sum of a byte and `n` zeros behind it; made by the compiler.
#[expect(clippy::indexing_slicing, reason = "the compiler runs this, and would refuse it")]
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

/// The sum of `bytes`.
#[inline]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32_on(0, bytes)
}

/// The sum of what `before` is the sum of, with `bytes` behind it.
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

/// The same by one table.
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
    fn every_length_and_every_beginning_is_crc32fast_s() {
        let bytes: Vec<u8> = (0..40u8).map(|byte| byte.wrapping_mul(151) ^ 0x5a).collect();
        for len in 0..bytes.len() {
            let (head, tail) = bytes.split_at(len);
            assert_eq!(crc32(head), crc32fast::hash(head), "{len} bytes");
            assert_eq!(crc32_on(crc32(head), tail), crc32fast::hash(&bytes), "{len} bytes, then the rest");
        }
    }
}
