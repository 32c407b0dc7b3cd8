//! Traps on demand, in builds with the feature `injected-traps` alone: for the tests that a trap costs one
//! request.

#[cfg(feature = "injected-traps")]
use wasm_bindgen::prelude::*;

use super::Core;
use crate::protocol::InjectedTrap;

#[cfg(feature = "injected-traps")]
#[wasm_bindgen]
impl Core {
    /// Makes the next call of the kind that an `InjectedTrap` names trap while the core is borrowed.
    /// `ERR_OPTION` for an unknown one.
    #[wasm_bindgen(js_name = injectTrap)]
    pub fn inject_trap(&mut self, kind: u32) -> Result<(), JsValue> {
        self.trap = Some(InjectedTrap::try_from(kind).map_err(super::thrown)?);
        self.trap_if(InjectedTrap::Now);
        Ok(())
    }
}

impl Core {
    #[cfg(feature = "injected-traps")]
    pub(super) fn trap_if(&mut self, kind: InjectedTrap) {
        if self.trap == Some(kind) {
            std::process::abort();
        }
    }

    #[cfg(not(feature = "injected-traps"))]
    pub(super) fn trap_if(&self, _kind: InjectedTrap) {}
}
