//! Where values come from. Every load and every set makes a new version of its key, and a value tells which it is, so
//! that whatever reaches a caller can be traced back to the moment it was made.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::plan::Ms;

/// Key and version come first in a value; what follows is of the version's own making.
const MARK_BYTES: usize = 12;

/// One value that was made.
#[derive(Clone, Debug)]
pub struct Version {
    pub key: usize,
    pub made_at: Ms,
    bytes: Rc<[u8]>,
    /// How long it has been on its way between peers, in all: nobody's freshness runs while it travels.
    pub travelled_ms: Ms,
}

/// Every value there ever was.
#[derive(Debug, Default)]
pub struct Database {
    pub versions: Vec<Version>,
    /// Loads that began, by key, on whatever node.
    pub loads: BTreeMap<usize, u64>,
    /// When a load last said that there is no such key, and when one last failed.
    pub absent_at: BTreeMap<usize, Ms>,
    pub failed_at: BTreeMap<usize, Ms>,
}

impl Database {
    /// The next version of a key.
    pub fn make(&mut self, key: usize, bytes: usize, now: Ms) -> (usize, Rc<[u8]>) {
        let version = self.versions.len();
        let mark = (key as u32).to_le_bytes().into_iter().chain((version as u64).to_le_bytes());
        let rest = (MARK_BYTES..bytes).map(|at| (version * 31 + at * 7) as u8);
        let bytes: Rc<[u8]> = mark.chain(rest).collect();
        self.versions.push(Version { key, made_at: now, bytes: bytes.clone(), travelled_ms: 0 });
        (version, bytes)
    }

    /// The version that these bytes are, whole and unaltered.
    pub fn version_of(&self, bytes: &[u8]) -> Option<usize> {
        let version = u64::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
        self.versions.get(version).is_some_and(|made| *made.bytes == *bytes).then_some(version)
    }
}
