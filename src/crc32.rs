//! crc32 as Go's `crc32.ChecksumIEEE` has it: where keys lie on the ring, and whether bytes came whole.

/// The sum of `bytes`.
#[inline]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32_on(0, bytes)
}

/// The sum of what `before` is the sum of, with `bytes` behind it.
#[cfg(not(target_arch = "wasm32"))]
#[inline]
pub(crate) fn crc32_on(before: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(bytes);
    hasher.finalize()
}

/// The same in wasm, where crc32fast has no faster instruction to use, and where its sixteen tables would be 15 KB
/// of the 40 KB that the gzipped file may have. One table of 1 KB, made by the compiler.
#[cfg(target_arch = "wasm32")]
pub(crate) fn crc32_on(before: u32, bytes: &[u8]) -> u32 {
    #[expect(clippy::indexing_slicing, reason = "the compiler runs this, and would refuse it")]
    const TABLE: [u32; 256] = {
        let (mut table, mut byte) = ([0u32; 256], 0);
        while byte < 256 {
            let (mut crc, mut bit) = (byte as u32, 0);
            while bit < 8 {
                crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!before, |crc, byte| {
        let low = crc as u8 ^ byte;
        crc >> 8 ^ TABLE.get(usize::from(low)).copied().unwrap_or_default()
    })
}
