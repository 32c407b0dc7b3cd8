//! Immutable shared bytes: a value as callers receive it.

use std::ops::Deref;
use std::sync::Arc;

/// Immutable bytes: GeeCache's `ByteView`. Cloning is cheap, since clones share the bytes.
///
/// ```
/// use geecache_edge::ByteView;
/// let view = ByteView::from(&b"630"[..]);
/// assert_eq!(view.clone().as_ref(), b"630");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ByteView(Arc<[u8]>);

impl Deref for ByteView {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ByteView {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for ByteView {
    fn from(bytes: &[u8]) -> ByteView {
        ByteView(bytes.into())
    }
}

impl From<Vec<u8>> for ByteView {
    fn from(bytes: Vec<u8>) -> ByteView {
        ByteView(bytes.into())
    }
}
