//! The bindings of the npm package.
//!
//! One `Core` is one pool with its groups. Calls are synchronous, take and return numbers, and never run
//! JavaScript of the user's while they borrow the core: TypeScript reads headers, lists and secrets into plain
//! values first. Keys and results cross through the [scratch area](scratch), larger values through
//! [`Core::stage`], which returns 0 instead of trapping when memory is full. The numbers are those of
//! [`crate::protocol`].

mod allocator;
mod copies;
mod incoming;
mod injected_traps;
mod lookup;
mod options;
mod outgoing;
mod scratch;

use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;

use crate::base::error::Error;
use crate::pool::Pool;
use scratch::Scratch;

/// One pool.
#[wasm_bindgen]
pub struct Core {
    pool: Pool,
    scratch: Box<Scratch>,
    /// Bytes on their way in, or shown until the next call.
    staged: Vec<u8>,
    #[cfg(feature = "injected-traps")]
    trap: Option<crate::protocol::InjectedTrap>,
}

#[wasm_bindgen]
impl Core {
    /// Makes a pool of its options, listed in the order of `PoolOption`, and its peers.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &Array, peers: &JsValue) -> Result<Core, JsValue> {
        let pool = Pool::new(&options::pool(options, peers)?).map_err(thrown)?;
        Ok(Core {
            pool,
            scratch: Box::new(Scratch::new()),
            staged: Vec::new(),
            #[cfg(feature = "injected-traps")]
            trap: None,
        })
    }

    /// Makes a group of its options, listed in the order of `GroupOption`. Returns its number.
    #[wasm_bindgen(js_name = addGroup)]
    pub fn add_group(&mut self, name: &str, options: &Array) -> Result<u32, JsValue> {
        let options = options::group(options)?;
        self.pool.add_group(name, options).map(|id| id.0).map_err(thrown)
    }

    /// The address of the scratch area.
    #[wasm_bindgen(js_name = scratchAt)]
    pub fn scratch_at(&self) -> *const u8 {
        (&raw const *self.scratch).cast()
    }
}

/// Freshness from JavaScript: below 0, or not a number, is forever.
fn fresh_for(fresh_ms: f64) -> Option<u64> {
    (fresh_ms >= 0.0).then_some(fresh_ms as u64)
}

/// An error for JavaScript: an `Error` whose `code` is the core's.
fn thrown(error: Error) -> JsValue {
    let thrown = js_sys::Error::new(error.message());
    let _ = Reflect::set(&thrown, &"code".into(), &error.code().as_str().into());
    thrown.into()
}
