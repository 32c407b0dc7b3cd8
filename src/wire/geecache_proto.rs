//! GeeCache's wire of day 7: the value in protobuf, under day 5's content type, so that nobody can tell the two by
//! looking at an answer.

use super::http::Form;
use super::protobuf::FRAMING_BYTES;
use super::{Answer, Headers, Reply, Wire, http};
use crate::error::Error;
use crate::peer::PeerAnswer;
use crate::time::Millis;

/// `"geecache-proto"`: what a Go GeeCache node asks and answers from day 7 on.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeecacheProto;

impl Wire for GeecacheProto {
    fn answer(&self, reply: Reply, now: Millis) -> Answer {
        http::answer(reply, "application/octet-stream", Form::Message, now)
    }

    fn outcome(
        &self,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        now: Millis,
    ) -> Result<PeerAnswer, Error> {
        http::outcome(status, header, body, Form::Message, now)
    }

    fn framing_bytes(&self) -> usize {
        FRAMING_BYTES
    }
}
