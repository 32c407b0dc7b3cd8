//! The hash of a key: a seeded folded multiply, sixteen bytes a product.
//!
//! The construction is foldhash's: state words derived from the seed, and a product with a secret operand whose halves are folded, so
//! that no set of keys collides for every seed. Targets without a 128-bit product, such as wasm, multiply 32-bit halves, as foldhash
//! does there; hashes differ between the two kinds of target. It is not a cryptographic hash: an attacker who chooses keys and measures
//! times may still learn something, so a host open to hostile keys passes a random seed.

/// Digits of pi: constants without a hidden choice.
const PI: [u64; 4] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// Multiplies and folds the product into one word.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Multiplies each half of `a` by the other half of `b` and folds both products into one word.
#[cfg(not(target_pointer_width = "64"))]
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let low_high = (a & 0xffff_ffff).wrapping_mul(b >> 32);
    let high_low = (a >> 32).wrapping_mul(b & 0xffff_ffff);
    low_high ^ high_low.rotate_left(32)
}

#[inline(always)]
fn words(block: &[u8; 16]) -> (u64, u64) {
    let block = u128::from_le_bytes(*block);
    (block as u64, (block >> 64) as u64)
}

/// All bytes of a key below 16 bytes, in two words that may overlap.
fn ends(key: &[u8]) -> (u64, u64) {
    match (key.first_chunk(), key.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (key.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    }
}

/// One more multiply, so that every bit of the key reaches every part of the hash that the index uses: directory, bucket, tag.
#[inline(always)]
fn spread(state: u64) -> u64 {
    if cfg!(target_pointer_width = "64") {
        return fold(state, PI[1] << 1 | 1);
    }
    let state = (state ^ (state >> 32)).wrapping_mul(PI[0] | 1);
    state ^ (state >> 32)
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
        // The first and the last sixteen bytes overlap, so no rest remains, and neither product waits for the other.
        let (first, last) = match (key.first_chunk(), key.last_chunk()) {
            (Some(first), Some(last)) => (words(first), words(last)),
            _ => {
                let (first, last) = ends(key);
                ((first, 0), (last, 0))
            }
        };
        let mut state = self.state ^ key.len() as u64;
        if key.len() > 32 {
            state = self.between(state, key);
        }
        state = fold(first.0 ^ state, first.1 ^ self.secret)
            .wrapping_add(fold(last.0 ^ self.secret, last.1 ^ state).rotate_left(23));
        spread(state)
    }

    /// Hashes the bytes between the first sixteen and the last sixteen.
    #[inline(never)]
    fn between(&self, mut state: u64, key: &[u8]) -> u64 {
        for block in key.as_chunks().0.iter().skip(1) {
            let (low, high) = words(block);
            state = fold(low ^ state, high ^ self.secret).wrapping_add(state.rotate_left(23));
        }
        state
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Counts keys in 4,096 cells by four parts of the hash. Chi squared is within five deviations of a uniform distribution.
    #[test]
    fn hash_kinds_of_keys_parts_are_uniform() {
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
                    let mut cells = vec![0i64; 4096];
                    for hash in &hashes {
                        cells[(hash >> part) as usize & 4095] += 1;
                    }
                    let mean = f64::from(count) / 4096.0;
                    let chi: f64 = cells.iter().map(|&n| (n as f64 - mean).powi(2) / mean).sum();
                    assert!(
                        (chi - 4095.0).abs() < 5.0 * (2.0 * 4095.0f64).sqrt() || cfg!(miri),
                        "kind {kind}, seed {seed}, part {part}: {chi}"
                    );
                }
            }
        }
    }
}
