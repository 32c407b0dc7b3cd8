//! The ground floor: errors, time, bytes and text. Imports nothing of the crate.

pub mod bytes;
pub mod check;
pub(crate) mod crc32;
pub mod error;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod mutants;
#[cfg(not(feature = "planted"))]
pub(crate) mod mutants;
pub(crate) mod text;
pub mod time;
