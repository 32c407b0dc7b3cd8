//! Validation of a group for tests and fuzzing.

use super::Group;

impl Group {
    /// Walks the store and panics at the first broken invariant. Slow: visits every byte of the arena.
    pub fn validate(&self) {
        self.store.validate();
    }
}
