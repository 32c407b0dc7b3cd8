//! The foundation: errors, time, bytes, text, checksums and checks. Imports nothing of the crate.

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
