//! golang/groupcache's wire: the value in protobuf, with its own path and content type.

use crate::wire::{BodyEncoding, Wire};

/// `"groupcache"`: the protocol of a golang/groupcache node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groupcache;

impl Wire for Groupcache {
    fn base_path(&self) -> &'static str {
        "/_groupcache/"
    }

    fn body_encoding(&self) -> BodyEncoding {
        BodyEncoding::Protobuf
    }

    fn content_type(&self) -> &'static str {
        "application/x-protobuf"
    }
}
