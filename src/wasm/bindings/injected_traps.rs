//! Ways to break on purpose, for the tests that show what that costs: in builds with the feature `faults` alone.

#[cfg(feature = "injected-traps")]
use wasm_bindgen::prelude::*;

use super::Core;

#[cfg(feature = "injected-traps")]
#[wasm_bindgen]
impl Core {
    /// The next call of the kind traps midway, with the core borrowed: 1 `begin`, 2 `told`, 3 `ask`, 4 `note`, 5 `late`, 6 `watch`,
    /// 7 `stats`, 0 this one.
    pub fn fault(&mut self, kind: u32) {
        self.fault = kind;
        self.trip(0);
    }
}

impl Core {
    #[cfg(feature = "injected-traps")]
    pub(super) fn trip(&mut self, kind: u32) {
        if self.fault == kind {
            std::process::abort();
        }
    }

    #[cfg(not(feature = "injected-traps"))]
    pub(super) fn trip(&self, _kind: u32) {}
}
