//! Protobuf, as much of it as the wires need: fields that are numbers or bytes, all others skipped.
//!
//! A value's message is `{ bytes value = 1; double minute_qps = 2; int64 expire = 3 }`, of which each wire sends what its
//! Go peers know. A field that comes twice counts as it comes last; a message without a value has an empty one.

use crate::base::time::Millis;

/// What may stand around a value: its tag and length, a double, a number.
pub(in crate::wire) const FRAMING_BYTES: usize = 32;

const NANOS_IN_MS: u64 = 1_000_000;

const VALUE: u64 = bytes(1);
const EXPIRY: u64 = number(3);

/// The tag of a field that holds a number.
pub(in crate::wire) const fn number(field: u8) -> u64 {
    (field as u64) << 3
}

/// The tag of a field that holds bytes.
pub(in crate::wire) const fn bytes(field: u8) -> u64 {
    (field as u64) << 3 | 2
}

/// Calls `each` with the tag of every field, its number, and its bytes. `None` for what is no message.
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
        let held = rest.split_off(..usize::try_from(len).ok()?)?;
        if tag < 8 {
            return None;
        }
        if open_groups == 0 {
            each(tag, number, held);
        }
    }
    (open_groups == 0).then_some(())
}

/// Seven bits a byte, ten bytes at most.
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

/// Adds a field that holds bytes.
pub(in crate::wire) fn push_bytes(message: &mut Vec<u8>, field: u8, held: &[u8]) {
    push_number(message, bytes(field), held.len() as u64);
    message.extend_from_slice(held);
}

/// Adds a tag and a number.
pub(in crate::wire) fn push_number(message: &mut Vec<u8>, tag: u64, number: u64) {
    for mut rest in [tag, number] {
        while rest >= 0x80 {
            message.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        message.push(rest as u8);
    }
}

/// The message of a value, with its expiry where one is told.
pub(in crate::wire) fn message(value: &[u8], expiry: Option<u64>) -> Vec<u8> {
    let mut message = Vec::with_capacity(value.len() + FRAMING_BYTES);
    push_bytes(&mut message, 1, value);
    if let Some(expiry) = expiry {
        push_number(&mut message, EXPIRY, expiry);
    }
    message
}

/// The value in a message and its expiry, 0 without one. `None` for what is no message.
pub(in crate::wire) fn value_and_expiry(message: &[u8]) -> Option<(&[u8], u64)> {
    let (mut value, mut expiry): (&[u8], u64) = (&[], 0);
    read(message, &mut |tag, number, held| match tag {
        VALUE => value = held,
        EXPIRY => expiry = number,
        _ => (),
    })?;
    Some((value, expiry))
}

/// When what is fresh for so many ms expires, in ns since the Unix epoch; 0 for never.
pub(in crate::wire) fn expiry(fresh_ms: Option<u64>, now: Millis) -> u64 {
    const LATEST_MS: u64 = i64::MAX as u64 / NANOS_IN_MS;
    fresh_ms.map_or(0, |ms| now.saturating_add(ms).clamp(1, LATEST_MS) * NANOS_IN_MS)
}

/// How many ms are left until then; `None` for ever.
pub(in crate::wire) fn left_ms(expiry: u64, now: Millis) -> Option<u64> {
    // Before 1970 is past as well.
    (expiry != 0).then(|| (i64::max(expiry as i64, 0) as u64 / NANOS_IN_MS).saturating_sub(now))
}
