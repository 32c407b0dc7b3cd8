//! The ground floor: errors, time, bytes and text. Imports nothing of the crate.

pub mod bytes;
pub mod check;
pub(crate) mod crc32;
pub mod error;
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub mod mutants;
#[cfg(not(feature = "mutants"))]
pub(crate) mod mutants;
pub(crate) mod text;
pub mod time;
