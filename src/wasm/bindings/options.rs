//! Options on their way in: lists of values, in the order of `options.ts`, which has checked their names and kinds.
//!
//! serde and serde-wasm-bindgen in its place, measured on this crate, cost 15.7 KB of gzipped wasm (a float printer, a
//! string cache, the formatting machinery) out of the 40 KB that there are; objects read field by field 1.3 KB.

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::thrown;
use crate::base::check::invalid_option;
use crate::group::options::GroupOptions;
use crate::pool::options::PoolOptions;
use crate::ring::Placement;
use crate::wire::{self, Secret};

/// The pool's options.
pub(super) fn pool(listed: &Array, names: &JsValue) -> Result<PoolOptions, JsValue> {
    let (text, number) = (|at| text(listed, at), |at| number(listed, at));
    let defaults = PoolOptions::default();
    Ok(PoolOptions {
        self_name: text(0),
        base_path: text(1),
        replicas: number(2).map_or(defaults.replicas, saturated),
        seed: number(3).unwrap_or(0),
        peers: if names.is_undefined() { Vec::new() } else { peers(names)? },
        wire: number(4).and_then(|at| wire::NAMED.get(at as usize)).map_or(defaults.wire, |wire| wire.1),
        placement: number(5).map(|_| Placement::Balanced),
    })
}

/// A group's options.
pub(super) fn group(listed: &Array) -> Result<GroupOptions, JsValue> {
    let (text, number) = (|at| text(listed, at), |at| number(listed, at));
    // What wasm cannot address saturates, and is refused.
    let bytes = |at| number(at).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let Some(max_bytes) = bytes(1) else {
        return Err(thrown(invalid_option("maxBytes", "is missing: an unbounded cache is refused")));
    };
    let defaults = GroupOptions::new(max_bytes);
    Ok(GroupOptions {
        policy: match text(0).map(|name| name.parse()) {
            None => defaults.policy,
            Some(Ok(policy)) => policy,
            Some(Err(_)) => return Err(thrown(invalid_option("policy", "must be \"gdsf\" or \"lru\""))),
        },
        max_bytes,
        max_entry_bytes: bytes(2).unwrap_or(defaults.max_entry_bytes),
        hash_seed: number(3).unwrap_or(0),
        ttl_ms: number(4),
        stale_while_revalidate_ms: number(5).unwrap_or(0),
        stale_if_error_ms: number(6).unwrap_or(0),
        hot_ttl_ms: number(7),
        deadline_ms: number(8).unwrap_or(defaults.deadline_ms),
        peer_timeout_ms: number(9).unwrap_or(defaults.peer_timeout_ms),
        failover: number(10).map_or(defaults.failover, saturated),
    })
}

/// A list of peers' names.
pub(super) fn peers(names: &JsValue) -> Result<Vec<String>, JsValue> {
    texts(names).ok_or_else(|| thrown(invalid_option("peers", "must be an array of names")))
}

/// One secret, a list of them, or none at all where the option is not there.
pub(super) fn secrets(given: &JsValue) -> Result<Vec<Secret>, JsValue> {
    if given.is_undefined() {
        return Ok(Vec::new());
    }
    // An empty secret, or an empty list, would let everybody in.
    let secrets = given.as_string().map_or_else(|| texts(given), |secret| Some(vec![secret]));
    let secrets = secrets.filter(|secrets| !secrets.is_empty() && !secrets.iter().any(String::is_empty));
    secrets.ok_or_else(|| {
        thrown(invalid_option("secret", "must be a text that is not empty, or an array of such"))
    })
}

fn texts(array: &JsValue) -> Option<Vec<String>> {
    array.dyn_ref::<Array>()?.iter().map(|text| text.as_string()).collect()
}

/// Never inlined, and so 200 bytes less.
#[inline(never)]
fn text(listed: &Array, at: u32) -> Option<String> {
    listed.get(at).as_string()
}

#[inline(never)]
fn number(listed: &Array, at: u32) -> Option<u64> {
    listed.get(at).as_f64().map(|number| number as u64)
}

fn saturated(number: u64) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}
