//! GeeCache's wire of day 5 and 6: the raw bytes in a 200.

use super::http::Form;
use super::{Answer, Headers, Reply, Wire, http};
use crate::error::Error;
use crate::peer::PeerAnswer;
use crate::time::Millis;

/// `"geecache"`, the default: what a Go GeeCache node asks and answers, up to day 6.
#[derive(Clone, Copy, Debug, Default)]
pub struct Geecache;

impl Wire for Geecache {
    fn answer(&self, reply: Reply, now: Millis) -> Answer {
        http::answer(reply, "application/octet-stream", Form::Raw, now)
    }

    fn outcome(
        &self,
        status: u16,
        header: Headers<'_>,
        body: Vec<u8>,
        now: Millis,
    ) -> Result<PeerAnswer, Error> {
        http::outcome(status, header, body, Form::Raw, now)
    }
}
