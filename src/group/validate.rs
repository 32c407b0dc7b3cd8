//! Walks a group for tests and fuzzing.

use super::Group;

impl Group {
    /// Walks the store and panics at the first thing that is not as it should be. Slow.
    pub fn validate(&self) {
        self.store.validate();
    }
}
