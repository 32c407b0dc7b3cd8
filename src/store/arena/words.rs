//! Little-endian words at byte offsets of a record.

#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(in crate::store) fn read_word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => {
            debug_assert!(false, "no word at byte {at} of {}", bytes.len());
            0
        }
    }
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(in crate::store) fn write_word(bytes: &mut [u8], at: usize, value: u32) {
    let word = bytes.get_mut(at..at + 4);
    debug_assert!(word.is_some(), "no word at byte {at}");
    if let Some(word) = word {
        word.copy_from_slice(&value.to_le_bytes());
    }
}
