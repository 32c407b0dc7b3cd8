//! GeeCache's wire from day 7 on: the value in protobuf under day 5's content type, so that a response does not show which
//! of the two it is.

use crate::wire::{BodyEncoding, Wire};

/// `"geecache-proto"`: the protocol of a Go GeeCache node from day 7 on.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeecacheProto;

impl Wire for GeecacheProto {
    fn body_encoding(&self) -> BodyEncoding {
        BodyEncoding::Protobuf
    }
}
