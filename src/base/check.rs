//! Checks of keys, names and options. Each error names the argument and the valid range.

use super::error::{Code, Error};
use super::text::{decimal, quoted};

/// The longest key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = u16::MAX as usize;

/// Returns `ERR_KEY` for a key that is empty or too long.
pub(crate) fn check_key(key: &[u8]) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::new(Code::Key, "the key is empty: give it at least one character")),
        1..=MAX_KEY_BYTES => Ok(()),
        _ => Err(Error::new(Code::Key, "the key is longer than 65535 bytes: use a digest of it instead")),
    }
}

/// Returns `ERR_GROUP` for a name that no URL path can carry unchanged.
pub(crate) fn check_group(name: &str) -> Result<(), Error> {
    let why = if name.is_empty() {
        "is empty"
    } else if name.contains('/') {
        "contains \"/\""
    } else if name.bytes().all(|byte| byte == b'.') {
        "consists of dots, which URLs resolve as a parent folder"
    } else if name.len() > 255 {
        "is longer than 255 bytes"
    } else {
        return Ok(());
    };
    Err(Error::new(Code::Group, ["the group name ", &quoted(name), " ", why, ": choose another"].concat()))
}

/// The longest lifetime that an option takes, in ms.
pub(crate) const MAX_MS: u64 = 1 << 42;
/// The longest delay of a JavaScript timer, in ms: a longer one fires at once.
pub(crate) const MAX_TIMER_MS: u64 = i32::MAX as u64;

/// Returns `ERR_OPTION` for a number outside of `least..=most`.
pub(crate) fn check_range(name: &str, value: u64, least: u64, most: u64) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let [value, least, most] = [value, least, most].map(decimal);
    Err(invalid_option(name, &["is ", &value, ": give a whole number from ", &least, " to ", &most].concat()))
}

/// `ERR_OPTION` for the option, with the reason.
pub(crate) fn invalid_option(option: &str, why: &str) -> Error {
    Error::new(Code::Option, ["the option ", option, " ", why].concat())
}
