//! golang/groupcache's wire: the value in protobuf, under its own path and content type.

use super::http::Form;
use super::protobuf::FRAMING_BYTES;
use super::{Answer, Headers, Reply, Wire, http};
use crate::error::Error;
use crate::peer::PeerAnswer;
use crate::time::Millis;

/// `"groupcache"`: what a golang/groupcache node asks and answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groupcache;

impl Wire for Groupcache {
    fn base_path(&self) -> &'static str {
        "/_groupcache/"
    }

    fn answer(&self, reply: Reply, now: Millis) -> Answer {
        http::answer(reply, "application/x-protobuf", Form::Message, now)
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
