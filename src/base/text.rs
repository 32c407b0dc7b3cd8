//! Numbers, bytes and untrusted names as text, without `core::fmt`, whose machinery would weigh in the WebAssembly file.

/// Formats a number in decimal.
pub(crate) fn decimal(number: u64) -> String {
    let mut text = String::new();
    push_decimal(&mut text, number);
    text
}

/// Appends a number in decimal.
pub(crate) fn push_decimal(text: &mut String, number: u64) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// Parses the output of [`decimal`]; `None` for anything else, overflow included.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().map(|byte| char::from(byte).to_digit(10));
    let number = |sum: u64, digit: Option<u32>| sum.checked_mul(10)?.checked_add(digit?.into());
    if text.is_empty() { None } else { digits.into_iter().try_fold(0, number) }
}

/// Formats bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(nibble + if nibble < 10 { b'0' } else { b'a' - 10 }));
        }
    }
    text
}

/// Parses hexadecimal of either case; `None` for anything else.
pub(crate) fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = Vec::with_capacity(pairs.len());
    for &[high, low] in pairs {
        bytes.push(hex_digit(high)? << 4 | hex_digit(low)?);
    }
    rest.is_empty().then_some(bytes)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Quotes an untrusted name for a message: truncated, and without control characters.
pub(crate) fn quoted(name: &str) -> String {
    let mut shown = "\"".to_owned();
    for (at, c) in name.chars().enumerate() {
        if at == 64 {
            shown.push('…');
            break;
        }
        shown.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use crate::base::text::{decimal, hex, parse_decimal, parse_hex};

    #[test]
    fn numbers_and_bytes_formatted_and_parsed_are_equal() {
        for number in [0, 9, 10, 1_234, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
            assert_eq!(parse_decimal(&decimal(number)), Some(number));
        }
        for text in ["", "-1", "1 ", "+1", "1.0", "18446744073709551616", "٣", "0x1"] {
            assert_eq!(parse_decimal(text), None, "{text:?}");
        }
        let bytes = [0x00, 0x7f, 0x80, 0xff];
        assert_eq!(hex(&bytes), "007f80ff");
        assert_eq!(parse_hex("007F80fF"), Some(bytes.to_vec()));
        for text in ["007f80f", "007f80ff0", "007f80fg", "+07f80ff"] {
            assert_eq!(parse_hex(text), None, "{text:?}");
        }
    }
}
