//! Errors: each has a stable code to decide by, a message to read, and its cause.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong, to decide by. The names are stable; in JavaScript they are `error.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// `ERR_OPTION`: an option is missing, unknown or out of its range. Mend the call.
    Option,
    /// `ERR_KEY`: the key is empty, too long or not a well-formed string. No loader ran.
    Key,
    /// `ERR_GROUP`: the group's name is empty, dotted or holds "/". Choose another.
    Group,
    /// `ERR_GROUP_EXISTS`: the pool has a group of that name. Keep the first one and use it.
    GroupExists,
    /// `ERR_PEERS_REGISTERED`: the group has its peers. Change the list with `set_peers` instead.
    PeersRegistered,
    /// `ERR_LOAD`: the loader failed; the cause is what it threw.
    Load,
    /// `ERR_LOAD_TYPE`: the loader or the codec gave something other than what the group keeps.
    LoadType,
    /// `ERR_TIMEOUT`: the deadline passed first. The load may have gone on behind.
    Timeout,
    /// `ERR_PEER`: a peer could not be asked or its answer not be used. Callers of `get` never meet it: their
    /// own loader runs instead.
    Peer,
    /// `ERR_TRAP`: the wasm instance failed and was replaced; what it held is gone.
    Trap,
}

impl Code {
    /// The code as JavaScript and the wire spell it.
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

    /// The code of a failed load, as a peer spells it.
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

/// A failure, cheap to clone, since all who wait for one load share it.
#[derive(Clone, Debug)]
pub struct Error {
    code: Code,
    message: Arc<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error whose `message` says what was attempted, with what, and what to do.
    pub fn new(code: Code, message: impl Into<Arc<str>>) -> Error {
        Error { code, message: message.into(), source: None }
    }

    /// The same error with what caused it.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What to decide by.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The message alone, without the code.
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
