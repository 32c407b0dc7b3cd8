//! GeeCache's wire of day 5 and 6: the raw bytes in a 200.

use crate::wire::Wire;

/// `"geecache"`, the default: what a Go GeeCache node asks and answers, up to day 6.
#[derive(Clone, Copy, Debug, Default)]
pub struct Geecache;

impl Wire for Geecache {}
