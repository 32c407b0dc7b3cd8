//! MD5 (RFC 1321), which groupcache-go uses to spread its points. It protects nothing here. Written compactly, because an
//! unrolled implementation is several times larger in the gzipped wasm.

/// Returns the digest of `message`.
pub(super) fn md5(message: &[u8]) -> [u8; 16] {
    // Padding: one bit, zeros up to 8 bytes before a block's end, then the length in bits.
    let zeros = [0; 64];
    let zeros = zeros.get(..(119 - message.len() % 64) % 64).unwrap_or_default();
    let padded = [message, &[0x80], zeros, &(message.len() as u64 * 8).to_le_bytes()].concat();
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.as_chunks::<64>().0 {
        let added = rounds(state, block.as_chunks().0);
        for (sum, word) in state.iter_mut().zip(added) {
            *sum = u32::wrapping_add(*sum, word);
        }
    }
    let mut digest = [0; 16];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    digest
}

fn rounds([mut a, mut b, mut c, mut d]: [u32; 4], block: &[[u8; 4]]) -> [u32; 4] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    // The constants are 2^32 |sin i|, i from 1 to 64. Each sine follows from the two before it: sin (i + 1) =
    // 2 cos 1 sin i - sin (i - 1). f64 is exact enough for all 64, as the test checks. A table would not compress.
    const TWO_COS_1: f64 = 1.080_604_611_736_279_5;
    const SIN_1: f64 = 0.841_470_984_807_896_5;
    let (mut before, mut sine) = (0.0, SIN_1);
    for (shifts, round) in SHIFTS.into_iter().zip(0..) {
        for step in 0..16 {
            let (mixed, word) = match round {
                0 => (b & c | !b & d, step),
                1 => (d & b | !d & c, 5 * step + 1),
                2 => (b ^ c ^ d, 3 * step + 5),
                _ => (c ^ (b | !d), 7 * step),
            };
            let word = block.get(word % 16).copied().map_or(0, u32::from_le_bytes);
            let constant = (f64::abs(sine) * 4_294_967_296.0) as u32;
            (before, sine) = (sine, TWO_COS_1 * sine - before);
            let sum = a.wrapping_add(mixed).wrapping_add(word).wrapping_add(constant);
            let shift = shifts.get(step % 4).copied().unwrap_or_default();
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(shift)));
        }
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::md5;
    use crate::base::text::hex;

    #[test]
    fn md5_test_suite_gives_digests_of_rfc_1321() {
        for (message, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "d174ab98d277d9f5a5611c2c9f419d9f",
            ),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(hex(&md5(message.as_bytes())), digest, "{message}");
        }
    }

    #[test]
    fn md5_lengths_around_block_end_are_padded() {
        // The digest of all digests, computed by another implementation: `for n in range(200): all += md5(b"x" * n).digest()`.
        let all: Vec<u8> = (0..200).flat_map(|len| md5(&vec![b'x'; len])).collect();
        assert_eq!(hex(&md5(&all)), "236291006a2f1dc7b00bd978802ff8c6");
    }
}
