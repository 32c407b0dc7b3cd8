//! The part of protobuf that the wires need: numbers and bytes. Other fields are skipped.
//!
//! A value's message is `{ bytes value = 1; double minute_qps = 2; int64 expire = 3 }`; each wire sends the fields that its
//! Go peers know. Of a repeated field the last one counts. A message without a value has an empty one.

use crate::base::time::Millis;

/// The most bytes around a value: its tag and length, a double, a number.
pub(in crate::wire) const FRAMING_BYTES: usize = 32;

const NANOS_IN_MS: u64 = 1_000_000;

const VALUE: u64 = bytes(1);
const EXPIRY: u64 = number(3);

/// Tag of a number field.
pub(in crate::wire) const fn number(field: u8) -> u64 {
    (field as u64) << 3
}

/// Tag of a bytes field.
pub(in crate::wire) const fn bytes(field: u8) -> u64 {
    (field as u64) << 3 | 2
}

/// Calls `each` with the tag, number and bytes of every field. `None` if the message is malformed.
pub(in crate::wire) fn read<'a>(message: &'a [u8], each: &mut dyn FnMut(u64, u64, &'a [u8])) -> Option<()> {
    let (mut rest, mut open_groups) = (message, 0usize);
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let kind = tag & 7;
        let number = if kind == 0 || kind == 2 { varint(&mut rest)? } else { 0 };
        let len = match kind {
            0 => 0,
            1 => 8,
            2 => number,
            3 => {
                open_groups += 1;
                0
            }
            4 => {
                open_groups = open_groups.checked_sub(1)?;
                0
            }
            5 => 4,
            _ => return None,
        };
        let content = rest.split_off(..usize::try_from(len).ok()?)?;
        if tag < 8 {
            return None;
        }
        if open_groups == 0 {
            each(tag, number, content);
        }
    }
    (open_groups == 0).then_some(())
}

/// Reads a varint: seven bits per byte, at most ten bytes.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let byte = *rest.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Appends a bytes field.
pub(in crate::wire) fn push_bytes(message: &mut Vec<u8>, field: u8, content: &[u8]) {
    push_number(message, bytes(field), content.len() as u64);
    message.extend_from_slice(content);
}

/// Appends a number field.
pub(in crate::wire) fn push_number(message: &mut Vec<u8>, tag: u64, number: u64) {
    for mut rest in [tag, number] {
        while rest >= 0x80 {
            message.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        message.push(rest as u8);
    }
}

/// Encodes a value, with an expiry if there is one.
pub(in crate::wire) fn message(value: &[u8], expiry: Option<u64>) -> Vec<u8> {
    let mut message = Vec::with_capacity(value.len() + FRAMING_BYTES);
    push_bytes(&mut message, 1, value);
    if let Some(expiry) = expiry {
        push_number(&mut message, EXPIRY, expiry);
    }
    message
}

/// Decodes a value and its expiry, 0 for none. `None` if the message is malformed.
pub(in crate::wire) fn value_and_expiry(message: &[u8]) -> Option<(&[u8], u64)> {
    let (mut value, mut expiry): (&[u8], u64) = (&[], 0);
    read(message, &mut |tag, number, content| match tag {
        VALUE => value = content,
        EXPIRY => expiry = number,
        _ => (),
    })?;
    Some((value, expiry))
}

/// The expiry of a value with `fresh_ms` left, in ns since the Unix epoch; 0: it does not expire.
pub(in crate::wire) fn expiry(fresh_ms: Option<u64>, now: Millis) -> u64 {
    const LATEST_MS: u64 = i64::MAX as u64 / NANOS_IN_MS;
    fresh_ms.map_or(0, |ms| now.saturating_add(ms).clamp(1, LATEST_MS) * NANOS_IN_MS)
}

/// The ms left until an expiry; `None`: it does not expire.
pub(in crate::wire) fn left_ms(expiry: u64, now: Millis) -> Option<u64> {
    // A time before 1970 is in the past, too.
    (expiry != 0).then(|| (i64::max(expiry as i64, 0) as u64 / NANOS_IN_MS).saturating_sub(now))
}
