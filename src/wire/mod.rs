//! Wires: how a question to a peer and its answer look in HTTP, written once for asking and for answering.
//!
//! A wire knows paths, statuses and headers and nothing of sockets, so the same code runs behind `fetch`, in a
//! Worker's handler and in a simulator. What Go's peers do not know travels in headers that they ignore.

mod escape;
mod geecache;

pub use escape::{escape, unescape};
pub use geecache::Geecache;

use crate::error::Error;
use crate::peer::PeerAnswer;

/// On our answers that are not a value: `absent` or `load-failed`, which Go's statuses cannot tell apart from an
/// unknown group and a broken peer.
pub const OUTCOME_HEADER: &str = "geecache-outcome";
/// On our values that do not stay fresh for ever: for how many ms the owner's copy still is.
pub const FRESH_HEADER: &str = "geecache-fresh-ms";

/// A question that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The group's name.
    pub group: String,
    /// The key.
    pub key: Vec<u8>,
    /// `HEAD`: answer without the body.
    pub head: bool,
}

/// What this node has to say to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The value goes in the body; its copy here is fresh for so many ms more (`None`: for ever).
    Value {
        /// Freshness that is left, in ms.
        fresh_ms: Option<u64>,
    },
    /// There is no such key.
    NoSuchKey,
    /// The loader failed, with this message.
    LoadFailed(String),
    /// There is no such group here.
    NoSuchGroup(String),
    /// The question makes no sense, and why.
    BadRequest(&'static str),
    /// The method is neither GET nor HEAD.
    MethodNotAllowed,
}

/// The head of an HTTP answer, and its body where that is not the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Header names, in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The text to send; `None` where the value is the body.
    pub text: Option<String>,
}

/// One protocol between peers.
pub trait Wire {
    /// The path that asks for `key`, or `None` where no URL can carry it: such a key is loaded where it is asked.
    fn path(&self, base_path: &str, group: &str, key: &[u8]) -> Option<String>;

    /// Reads a question. `None`: the path is not a peer's. An error is the reply to send.
    fn question(&self, base_path: &str, method: &str, path: &str) -> Option<Result<Question, Reply>>;

    /// The head of the answer.
    fn head(&self, reply: Reply) -> Head;

    /// Reads an answer. An error (`ERR_PEER`) says that the peer failed.
    fn outcome(
        &self,
        status: u16,
        header: &dyn Fn(&str) -> Option<String>,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, Error>;
}
