//! What keys, names and options may be, and the errors that refuse the rest by name.

use super::error::{Code, Error};
use super::text::{decimal, quoted};

/// The longest key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = u16::MAX as usize;

/// `ERR_KEY` for a key that no group can hold.
pub(crate) fn check_key(key: &[u8]) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::new(Code::Key, "the key is empty: give it at least one character")),
        1..=MAX_KEY_BYTES => Ok(()),
        _ => Err(Error::new(Code::Key, "the key is longer than 65535 bytes: use a digest of it instead")),
    }
}

/// `ERR_GROUP` for a name that no path can carry unchanged.
pub(crate) fn check_group(name: &str) -> Result<(), Error> {
    let why = if name.is_empty() {
        "is empty"
    } else if name.contains('/') {
        "holds \"/\""
    } else if name.bytes().all(|byte| byte == b'.') {
        "is made of dots, which URLs take for a step up"
    } else if name.len() > 255 {
        "is longer than 255 bytes"
    } else {
        return Ok(());
    };
    Err(Error::new(Code::Group, ["the group name ", &quoted(name), " ", why, ": choose another"].concat()))
}

/// The longest lifetime that an option takes, in ms.
pub(crate) const MAX_MS: u64 = 1 << 42;
/// What a JavaScript timer can wait, about 24 days; one told more fires at once.
pub(crate) const MAX_TIMER_MS: u64 = i32::MAX as u64;

/// `ERR_OPTION` for a number outside of `least` to `most`.
pub(crate) fn check_range(name: &str, value: u64, least: u64, most: u64) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let [value, least, most] = [value, least, most].map(decimal);
    Err(invalid_option(name, &["is ", &value, ": give a whole number from ", &least, " to ", &most].concat()))
}

/// `ERR_OPTION`: the option, and why it is refused.
pub(crate) fn invalid_option(option: &str, why: &str) -> Error {
    Error::new(Code::Option, ["the option ", option, " ", why].concat())
}
