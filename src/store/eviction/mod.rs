//! Eviction policies: which entry makes room for another.

pub(in crate::store) mod ablation;
pub(in crate::store) mod frequency_tuning;
pub(in crate::store) mod ghosts;
pub(in crate::store) mod lru;
pub(in crate::store) mod priority;
pub(in crate::store) mod timing_wheel;
