//! GeeCache's wire of day 7: the value in protobuf, under day 5's content type, so that nobody can tell the two by
//! looking at an answer.

use crate::wire::{BodyEncoding, Wire};

/// `"geecache-proto"`: what a Go GeeCache node asks and answers from day 7 on.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeecacheProto;

impl Wire for GeecacheProto {
    fn body_encoding(&self) -> BodyEncoding {
        BodyEncoding::Protobuf
    }
}
