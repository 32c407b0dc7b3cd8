//! Options on their way in: each field is read and refused by name.
//!
//! Read with `Reflect` alone. serde and serde-wasm-bindgen in its place, measured on this crate, cost 15.7 KB of
//! gzipped wasm (a float printer, a string cache, the formatting machinery) out of the 40 KB that there are.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

use super::thrown;
use crate::options::{GroupOptions, PoolOptions, quoted, refused};

/// The pool's options.
pub(super) fn pool(options: JsValue) -> Result<PoolOptions, JsValue> {
    let fields = Fields::new(options, &["self", "peers", "replicas", "basePath"])?;
    let defaults = PoolOptions::default();
    Ok(PoolOptions {
        self_name: fields.text("self")?,
        peers: fields.get("peers").map_or(Ok(Vec::new()), |names| peers(&names))?,
        replicas: fields.number("replicas")?.map_or(defaults.replicas, saturated),
        base_path: fields.text("basePath")?.unwrap_or(defaults.base_path),
    })
}

/// A group's options.
pub(super) fn group(options: JsValue) -> Result<GroupOptions, JsValue> {
    let fields = Fields::new(
        options,
        &[
            "maxBytes",
            "maxEntryBytes",
            "policy",
            "hashSeed",
            "ttlMs",
            "staleWhileRevalidateMs",
            "staleIfErrorMs",
            "hotTtlMs",
            "deadlineMs",
            "peerTimeoutMs",
            "failover",
        ],
    )?;
    let Some(max_bytes) = fields.bytes("maxBytes")? else {
        return Err(thrown(refused("maxBytes", "is missing: an unbounded cache is refused")));
    };
    let defaults = GroupOptions::new(max_bytes);
    Ok(GroupOptions {
        max_entry_bytes: fields.bytes("maxEntryBytes")?.unwrap_or(defaults.max_entry_bytes),
        policy: match fields.text("policy")?.map(|name| name.parse()) {
            None => defaults.policy,
            Some(Ok(policy)) => policy,
            Some(Err(_)) => return Err(thrown(refused("policy", "must be \"lru\" or \"default\""))),
        },
        hash_seed: fields.number("hashSeed")?.unwrap_or(0),
        ttl_ms: fields.number("ttlMs")?,
        stale_while_revalidate_ms: fields.number("staleWhileRevalidateMs")?.unwrap_or(0),
        stale_if_error_ms: fields.number("staleIfErrorMs")?.unwrap_or(0),
        hot_ttl_ms: fields.number("hotTtlMs")?,
        deadline_ms: fields.number("deadlineMs")?.unwrap_or(defaults.deadline_ms),
        peer_timeout_ms: fields.number("peerTimeoutMs")?.unwrap_or(defaults.peer_timeout_ms),
        failover: fields.number("failover")?.map_or(defaults.failover, saturated),
        max_bytes: defaults.max_bytes,
    })
}

/// A list of peers' names.
pub(super) fn peers(names: &JsValue) -> Result<Vec<String>, JsValue> {
    let wrong = || thrown(refused("peers", "must be an array of names"));
    let names = names.dyn_ref::<Array>().ok_or_else(wrong)?;
    names.iter().map(|name| name.as_string().ok_or_else(wrong)).collect()
}

/// An options object whose every key is known.
struct Fields(Object);

impl Fields {
    fn new(options: JsValue, known: &[&str]) -> Result<Fields, JsValue> {
        let Ok(options) = options.dyn_into::<Object>() else {
            return Err(thrown(refused("argument", "must be an object")));
        };
        for name in Object::keys(&options).iter().filter_map(|name| name.as_string()) {
            if !known.contains(&&*name) {
                let why = ["is unknown: the options here are ", &known.join(", ")].concat();
                return Err(thrown(refused(&quoted(&name), &why)));
            }
        }
        Ok(Fields(options))
    }

    /// A field that is there and neither undefined nor null.
    fn get(&self, name: &str) -> Option<JsValue> {
        Reflect::get(&self.0, &name.into()).ok().filter(|field| !field.is_undefined() && !field.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, JsValue> {
        let Some(field) = self.get(name) else { return Ok(None) };
        field.as_string().map(Some).ok_or_else(|| thrown(refused(name, "must be a string")))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, JsValue> {
        const MOST: f64 = 9_007_199_254_740_991.0;
        let Some(field) = self.get(name) else { return Ok(None) };
        match field.as_f64() {
            Some(number) if (0.0..=MOST).contains(&number) && number.trunc() == number => {
                Ok(Some(number as u64))
            }
            _ => Err(thrown(refused(name, "must be a whole number, 0 or more"))),
        }
    }

    /// A number of bytes. What wasm cannot address must not wrap around to a small one.
    fn bytes(&self, name: &str) -> Result<Option<usize>, JsValue> {
        let fits = |bytes| usize::try_from(bytes).map_err(|_| thrown(refused(name, "is 4 GiB or more")));
        self.number(name)?.map(fits).transpose()
    }
}

fn saturated(number: u64) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}
