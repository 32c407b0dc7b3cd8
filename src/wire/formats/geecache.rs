//! GeeCache's wire up to day 6 of the tutorial: the raw bytes in a 200.

use crate::wire::Wire;

/// `"geecache"`, the default: the protocol of a Go GeeCache node up to day 6.
#[derive(Clone, Copy, Debug, Default)]
pub struct Geecache;

impl Wire for Geecache {}
