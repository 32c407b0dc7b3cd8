//! Errors: a stable code to match on, a message to read, and the cause.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The kind of an error. The names are stable; in JavaScript they are `error.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// `ERR_OPTION`: an option is missing, unknown or out of its range. Correct the call.
    Option,
    /// `ERR_KEY`: the key is empty, too long or not a well-formed string. No loader ran.
    Key,
    /// `ERR_GROUP`: the group's name is empty, too long, made of dots or contains "/". Choose another.
    Group,
    /// `ERR_GROUP_EXISTS`: the pool has a group of that name. Reuse it.
    GroupExists,
    /// `ERR_PEERS_REGISTERED`: the group has peers already. Change their list with `set_peers` instead.
    PeersRegistered,
    /// `ERR_LOAD`: the loader failed. The cause is the loader's error.
    Load,
    /// `ERR_LOAD_TYPE`: the loader or the codec returned a value of the wrong type.
    LoadType,
    /// `ERR_TIMEOUT`: the deadline passed first. The load may continue in the background.
    Timeout,
    /// `ERR_PEER`: a peer request failed or its response was unusable. `get` never returns it: the loader runs
    /// instead.
    Peer,
    /// `ERR_TRAP`: the WebAssembly instance trapped and was replaced; its cached entries were lost.
    Trap,
}

impl Code {
    /// The code's name, in JavaScript and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Option => "ERR_OPTION",
            Code::Key => "ERR_KEY",
            Code::Group => "ERR_GROUP",
            Code::GroupExists => "ERR_GROUP_EXISTS",
            Code::PeersRegistered => "ERR_PEERS_REGISTERED",
            Code::Load => "ERR_LOAD",
            Code::LoadType => "ERR_LOAD_TYPE",
            Code::Timeout => "ERR_TIMEOUT",
            Code::Peer => "ERR_PEER",
            Code::Trap => "ERR_TRAP",
        }
    }

    /// Parses the code of a failed load from a peer's response; `None` for any other text.
    pub(crate) fn of_load(text: &str) -> Option<Code> {
        Some(match text {
            "ERR_LOAD" => Code::Load,
            "ERR_LOAD_TYPE" => Code::LoadType,
            "ERR_TIMEOUT" => Code::Timeout,
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error. Cheap to clone, since all callers of one load share it.
#[derive(Clone, Debug)]
pub struct Error {
    code: Code,
    message: Arc<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error. The `message` names the attempt, its arguments and the remedy.
    pub fn new(code: Code, message: impl Into<Arc<str>>) -> Error {
        Error { code, message: message.into(), source: None }
    }

    /// Attaches the cause.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The kind of the error.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The message without the code.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
