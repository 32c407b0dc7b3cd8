//! Options from JavaScript: lists of values in the order of [`crate::protocol`]. TypeScript has checked their
//! names and kinds.
//!
//! A list, because serde and objects read field by field both cost more wasm.

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::thrown;
use crate::base::check::invalid_option;
use crate::base::error::Error;
use crate::group::options::GroupOptions;
use crate::pool::options::PoolOptions;
use crate::protocol::{GroupOption, POLICIES, PoolOption, RINGS, WIRES};
use crate::wire::Secret;

/// Reads the pool's options.
pub(super) fn pool(list: &Array, names: &JsValue) -> Result<PoolOptions, JsValue> {
    use PoolOption::{BasePath, Replicas, Ring, Seed, SelfName, Wire};
    let (text, number) =
        (|option: PoolOption| text(list, option as u32), |option: PoolOption| number(list, option as u32));
    let defaults = PoolOptions::default();
    Ok(PoolOptions {
        self_name: text(SelfName),
        base_path: text(BasePath),
        replicas: number(Replicas).map_or(defaults.replicas, saturated),
        seed: number(Seed).unwrap_or(0),
        peers: if names.is_undefined() { Vec::new() } else { peers(names)? },
        wire: choice(list, Wire as u32, "wire", WIRES)?.unwrap_or(defaults.wire),
        placement: choice(list, Ring as u32, "ring", &RINGS)?,
    })
}

/// Reads a group's options.
pub(super) fn group(list: &Array) -> Result<GroupOptions, JsValue> {
    use GroupOption::*;
    let number = |option: GroupOption| number(list, option as u32);
    // A size that wasm cannot address saturates, and is refused.
    let bytes = |option| number(option).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let Some(max_bytes) = bytes(MaxBytes) else {
        return Err(thrown(invalid_option("maxBytes", "is missing: an unbounded cache is refused")));
    };
    let defaults = GroupOptions::new(max_bytes);
    Ok(GroupOptions {
        policy: choice(list, Policy as u32, "policy", &POLICIES)?.unwrap_or(defaults.policy),
        max_bytes,
        max_entry_bytes: bytes(MaxEntryBytes).unwrap_or(defaults.max_entry_bytes),
        hash_seed: number(HashSeed).unwrap_or(0),
        ttl_ms: number(TtlMs),
        stale_while_revalidate_ms: number(StaleWhileRevalidateMs).unwrap_or(0),
        stale_if_error_ms: number(StaleIfErrorMs).unwrap_or(0),
        hot_ttl_ms: number(HotTtlMs),
        deadline_ms: number(DeadlineMs).unwrap_or(defaults.deadline_ms),
        peer_timeout_ms: number(PeerTimeoutMs).unwrap_or(defaults.peer_timeout_ms),
        failover: number(Failover).map_or(defaults.failover, saturated),
    })
}

/// Reads a list of peers' names.
pub(super) fn peers(names: &JsValue) -> Result<Vec<String>, JsValue> {
    texts(names).ok_or_else(|| thrown(invalid_option("peers", "must be an array of names")))
}

/// Reads one secret or a list of them; `undefined` is none.
pub(super) fn secrets(given: &JsValue) -> Result<Vec<Secret>, Error> {
    if given.is_undefined() {
        return Ok(Vec::new());
    }
    // With an empty secret or an empty list, anybody could sign.
    let secrets = given.as_string().map_or_else(|| texts(given), |secret| Some(vec![secret]));
    let secrets = secrets.filter(|secrets| !secrets.is_empty() && !secrets.iter().any(String::is_empty));
    secrets.ok_or_else(|| invalid_option("secret", "must be a text that is not empty, or an array of such"))
}

fn texts(array: &JsValue) -> Option<Vec<String>> {
    array.dyn_ref::<Array>()?.iter().map(|text| text.as_string()).collect()
}

/// Reads an option that names one of `named` by its index; everything else is refused.
fn choice<T: Copy>(list: &Array, at: u32, name: &str, named: &[(&str, T)]) -> Result<Option<T>, JsValue> {
    let given = list.get(at);
    if given.is_undefined() || given.is_null() {
        return Ok(None);
    }
    let index = given.as_f64().filter(|index| f64::from(*index as u32) == *index);
    let chosen = index.and_then(|index| named.get(index as usize));
    match chosen {
        Some(chosen) => Ok(Some(chosen.1)),
        None => Err(thrown(invalid_option(name, "must be one of the names that this version knows"))),
    }
}

/// Never inlined, for size.
#[inline(never)]
fn text(list: &Array, at: u32) -> Option<String> {
    list.get(at).as_string()
}

#[inline(never)]
fn number(list: &Array, at: u32) -> Option<u64> {
    list.get(at).as_f64().map(|number| number as u64)
}

fn saturated(number: u64) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}
