//! The hash of a key: a seeded folded multiply of 32-bit halves, as cheap in wasm (which has no 128-bit product) as on a 64-bit machine.
//!
//! The construction is foldhash's fallback for narrow machines: two state words built from the seed, sixteen bytes a round, and a
//! product with a secret operand, so that keys which collide for every seed cannot be written down. It is not a cryptographic hash:
//! who can choose keys and observe times may still learn something, so a host open to hostile keys passes a random seed.

/// Digits of pi, as good as any.
const PI: [u64; 4] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// Multiplies each half of `a` by the other half of `b` and folds both products into one word.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let low_high = (a & 0xffff_ffff).wrapping_mul(b >> 32);
    let high_low = (a >> 32).wrapping_mul(b & 0xffff_ffff);
    low_high ^ high_low.rotate_left(32)
}

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => bytes.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)),
    }
}

#[derive(Clone, Copy)]
pub(super) struct Hasher {
    state: u64,
    secret: u64,
}

impl Hasher {
    pub(super) fn new(seed: u64) -> Hasher {
        let secret = fold(seed ^ PI[0], PI[1]) ^ PI[2];
        Hasher { state: fold(secret ^ PI[3], PI[2]) ^ seed, secret }
    }

    #[inline(always)]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        let mut state = self.state ^ key.len() as u64;
        let mut rest = key;
        while let Some((block, tail)) = rest.split_first_chunk::<16>() {
            let (low, high) = block.split_at(8);
            state = fold(word(low) ^ state, word(high) ^ self.secret).wrapping_add(state.rotate_left(23));
            rest = tail;
        }
        if !rest.is_empty() {
            // The last sixteen bytes once more, overlapping what is done, rather than a loop over single bytes.
            let (low, high) = match key.last_chunk::<16>() {
                Some(last) => (word(last), word(last.get(8..).unwrap_or_default())),
                None => (word(rest), word(rest.get(8..).unwrap_or_default())),
            };
            state = fold(low ^ state, high ^ self.secret).wrapping_add(state.rotate_left(23));
        }
        // Once more, so that every bit of the key reaches every part that the index takes: directory, bucket, tag.
        state = fold(state ^ (state >> 29), PI[0] ^ self.secret);
        state ^ (state >> 32)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Spreads keys over 4,096 places by three parts of the hash and compares with chance: chi squared, five deviations off at most.
    #[test]
    fn spreads_like_chance() {
        let kinds: [fn(u32) -> Vec<u8>; 5] = [
            |n| n.to_le_bytes().to_vec(),
            |n| n.to_string().into_bytes(),
            |n| format!("https://example.net/u/{n:07}").into_bytes(),
            |n| [&(u64::from(n) << 40).to_le_bytes()[..], &[0; 25]].concat(),
            |n| vec![(n & 3) as u8; n as usize / 4 % 8192 + 1],
        ];
        for (kind, key) in kinds.iter().enumerate() {
            for seed in [0, 1, u64::MAX] {
                let hasher = Hasher::new(seed);
                let count = if cfg!(miri) { 64 } else { 32_768u32 };
                let hashes: Vec<u64> = (0..count).map(|n| hasher.hash(&key(n))).collect();
                for part in [0, 11, 32, 52] {
                    let mut places = vec![0i64; 4096];
                    for hash in &hashes {
                        places[(hash >> part) as usize & 4095] += 1;
                    }
                    let mean = f64::from(count) / 4096.0;
                    let chi: f64 = places.iter().map(|&n| (n as f64 - mean).powi(2) / mean).sum();
                    assert!(
                        (chi - 4095.0).abs() < 5.0 * (2.0 * 4095.0f64).sqrt() || cfg!(miri),
                        "kind {kind}, seed {seed}, part {part}: {chi}"
                    );
                }
            }
        }
    }
}
