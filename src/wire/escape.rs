//! Percent-encoding of path segments that every Go peer decodes the same way.

use crate::base::text::hex_digit;

/// Percent-encodes every byte outside of `A-Za-z0-9-_.~`, so that Go's `QueryUnescape` and `PathUnescape` give the same
/// result. `None` for "." and "..", which URL parsers resolve even when escaped.
pub fn escape(segment: &[u8]) -> Option<String> {
    if segment == b"." || segment == b".." {
        return None;
    }
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().map_or('0', char::from);
    let mut out = String::with_capacity(segment.len());
    for &byte in segment {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    Some(out)
}

/// Decodes [`escape`] and Go's `QueryEscape`, which writes a space as "+". `None` for a "%" without two hexadecimal
/// digits.
pub fn unescape(segment: &str) -> Option<Vec<u8>> {
    unescape_plus(segment, b' ')
}

/// Like [`unescape`], with the byte that "+" stands for: to Go's `PathEscape` it stands for itself.
pub(super) fn unescape_plus(segment: &str, plus: u8) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => plus,
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    Some(out)
}
