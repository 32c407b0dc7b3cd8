//! The priority of an entry, `uses^power / size^1.5`, as a class: its logarithm, in quarter octaves. Integers only.

/// The logarithm to base 2, in sixteenths, from a table of mantissas.
fn log2_x16(value: u32) -> i32 {
    const FRACTION: [i32; 16] = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15];
    let exponent = 31 - (value | 1).leading_zeros();
    let mantissa = (u64::from(value | 1) << 4 >> exponent) & 15;
    exponent as i32 * 16 + FRACTION.get(mantissa as usize).copied().unwrap_or(0)
}

/// Number of classes. Their priorities are from 1 to 2^31.75.
pub(super) const CLASSES: usize = 128;

/// The class of an entry with a use count and a size in bytes: of 2^30 x uses^(power / 4) / size^1.5. The lowest, a priority of 1, is
/// that of one use of a mebibyte, and of all that would be lower.
pub(super) fn class(uses: u8, power: u8, size: u32) -> usize {
    let octaves_x16 = log2_x16(u32::from(uses)) * i32::from(power) / 4 - log2_x16(size) * 3 / 2;
    ((30 * 16 + octaves_x16 + 2) >> 2).clamp(0, CLASSES as i32 - 1) as usize
}

/// The priority of a class, in ticks of the policy's clock.
pub(super) fn priority(class: usize) -> u32 {
    // 2^(0, 1/4, 1/2, 3/4) in units of 1/32768.
    const QUARTERS: [u64; 4] = [32768, 38968, 46341, 55109];
    let quarter = QUARTERS.get(class & 3).copied().unwrap_or(32768);
    ((quarter << (class >> 2)) >> 15) as u32
}
