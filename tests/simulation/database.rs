//! The database behind the loaders. Each load and each set makes a new version of its key. A value encodes its version, so
//! that every value returned to a caller can be traced to the moment it was made.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::plan::Ms;

/// A value begins with key and version; the rest is derived from the version.
const MARK_BYTES: usize = 12;

/// One value.
#[derive(Clone, Debug)]
pub struct Version {
    pub key: usize,
    pub made_at: Ms,
    bytes: Rc<[u8]>,
    /// Total time in transit between peers, during which no node's freshness runs.
    pub travelled_ms: Ms,
}

/// All values, in order.
#[derive(Debug, Default)]
pub struct Database {
    pub versions: Vec<Version>,
    /// Loads started, by key, on any node.
    pub loads: BTreeMap<usize, u64>,
    /// Time of the last load that found no key, and of the last that failed.
    pub absent_at: BTreeMap<usize, Ms>,
    pub failed_at: BTreeMap<usize, Ms>,
}

impl Database {
    /// Makes the next version of a key.
    pub fn make(&mut self, key: usize, bytes: usize, now: Ms) -> (usize, Rc<[u8]>) {
        let version = self.versions.len();
        let mark = (key as u32).to_le_bytes().into_iter().chain((version as u64).to_le_bytes());
        let rest = (MARK_BYTES..bytes).map(|at| (version * 31 + at * 7) as u8);
        let bytes: Rc<[u8]> = mark.chain(rest).collect();
        self.versions.push(Version { key, made_at: now, bytes: bytes.clone(), travelled_ms: 0 });
        (version, bytes)
    }

    /// Returns the version whose value equals these bytes.
    pub fn version_of(&self, bytes: &[u8]) -> Option<usize> {
        let version = u64::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
        self.versions.get(version).is_some_and(|made| *made.bytes == *bytes).then_some(version)
    }
}
