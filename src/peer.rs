//! The traits to the outside: who owns a key, how to ask a peer, how to load a key. The names are the seed's.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::bytes::ByteView;
use crate::base::error::{Code, Error};
use crate::base::time::Millis;

/// Picks the peer that owns a key.
pub trait PeerPicker {
    /// Returns the peer to ask for `key`: its owner at `rank` 0, the ring's next peer at rank 1, and so on. `None` if
    /// that position is this node's own, or if there is none: the key is then loaded here.
    fn pick_peer(&self, key: &[u8], rank: u32) -> Option<Arc<str>>;

    /// Asks the peer's circuit breaker whether a request may be sent now. Called once before each request, since an
    /// open breaker admits one probe. Default: always true.
    fn allows(&mut self, _peer: &Arc<str>, _now: Millis) -> bool {
        true
    }

    /// Records the result of a peer request: any response counts as answered, a failed peer does not. Default: ignored.
    fn record_result(&mut self, _peer: &Arc<str>, _now: Millis, _answered: bool) {}

    /// Returns true while the peer is in the list. Default: always true.
    fn contains(&self, _peer: &Arc<str>) -> bool {
        true
    }
}

/// No peers: this node owns every key.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

impl PeerPicker for NoPeers {
    fn pick_peer(&self, _key: &[u8], _rank: u32) -> Option<Arc<str>> {
        None
    }
}

/// A shared picker, whose list another owner changes.
impl<P: PeerPicker> PeerPicker for Rc<RefCell<P>> {
    fn pick_peer(&self, key: &[u8], rank: u32) -> Option<Arc<str>> {
        self.borrow().pick_peer(key, rank)
    }

    fn allows(&mut self, peer: &Arc<str>, now: Millis) -> bool {
        self.borrow_mut().allows(peer, now)
    }

    fn record_result(&mut self, peer: &Arc<str>, now: Millis, answered: bool) {
        self.borrow_mut().record_result(peer, now, answered);
    }

    fn contains(&self, peer: &Arc<str>) -> bool {
        self.borrow().contains(peer)
    }
}

/// A request to a peer.
#[derive(Clone, Debug)]
pub struct PeerRequest<'a> {
    /// The peer's name on the ring.
    pub peer: &'a str,
    /// The group's name.
    pub group: &'a str,
    /// The key.
    pub key: &'a [u8],
    /// The time for the whole response, in ms.
    pub timeout_ms: u64,
    /// The largest value to read, in bytes. A larger response is cut off there.
    pub max_value_bytes: usize,
}

/// A peer's response. Anything else counts as a failed peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAnswer {
    /// A value.
    Value {
        /// The bytes.
        value: Vec<u8>,
        /// How long the owner's copy is still fresh, in ms. `None` if unlimited or not reported.
        fresh_ms: Option<u64>,
    },
    /// There is no such key. Final: the loader here does not run.
    NotFound,
    /// The key or its value cannot travel between peers: no URL can carry the key, or the peer says the value is too
    /// large. The peer is not at fault, and the loader here runs.
    NotTransferable {
        /// The reason.
        why: &'static str,
    },
    /// The peer's loader failed. Final: the loader here would fail too, so it does not run.
    LoadFailed {
        /// The peer's error code: `ERR_LOAD`, `ERR_LOAD_TYPE` or `ERR_TIMEOUT`.
        code: Code,
        /// The peer's error message.
        message: String,
    },
}

/// Asks a peer over some transport: the seed's `Get(group, key)`.
pub trait PeerGetter {
    /// Sends the request and reads the response. An error (`ERR_PEER`) is a failed peer, and failover continues. The
    /// future is dropped after [`PeerRequest::timeout_ms`].
    fn get(&self, request: PeerRequest<'_>) -> impl Future<Output = Result<PeerAnswer, Error>>;
}

/// Loads values that no peer has: GeeCache's `Getter`.
pub trait Loader {
    /// Loads `key`; `None` if there is no such key. The caller gets an error as the cause of `ERR_LOAD`.
    fn load(
        &self,
        key: &[u8],
    ) -> impl Future<Output = Result<Option<ByteView>, Box<dyn std::error::Error + Send + Sync>>>;
}
