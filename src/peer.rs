//! The seams to the world: who owns a key, how a peer is asked, how a key is loaded. The names are the seed's.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::bytes::ByteView;
use crate::base::error::{Code, Error};
use crate::base::time::Millis;

/// Says whose a key is.
pub trait PeerPicker {
    /// The other peer to ask for `key`: at `rank` 0 its owner, at rank 1 the ring's next peer after that, and so
    /// on. `None` where that is this node itself, or where there is nobody: the key is loaded here.
    fn pick_peer(&self, key: &[u8], rank: u32) -> Option<Arc<str>>;

    /// Whether that peer may be asked now, or is known to be down. Default: always.
    fn allows(&mut self, _peer: &Arc<str>, _now: Millis) -> bool {
        true
    }

    /// How an ask ended: with an answer of whatever kind, or a failed peer. Default: nobody notes it.
    fn record_result(&mut self, _peer: &Arc<str>, _now: Millis, _answered: bool) {}

    /// Whether that peer is one still. Default: peers do not leave.
    fn contains(&self, _peer: &Arc<str>) -> bool {
        true
    }
}

/// No peers: every key is this node's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

impl PeerPicker for NoPeers {
    fn pick_peer(&self, _key: &[u8], _rank: u32) -> Option<Arc<str>> {
        None
    }
}

/// A list that is changed from elsewhere.
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

/// A question to a peer.
#[derive(Clone, Debug)]
pub struct PeerRequest<'a> {
    /// The peer's name on the ring.
    pub peer: &'a str,
    /// The group's name.
    pub group: &'a str,
    /// The key.
    pub key: &'a [u8],
    /// How long the whole answer may take, in ms.
    pub timeout_ms: u64,
    /// The largest value that is read, in bytes; a peer that sends more is cut off there.
    pub max_value_bytes: usize,
}

/// What a peer said. Whatever is not one of these is a failed peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAnswer {
    /// The value, and for how many ms the owner's copy is still fresh (`None`: for ever, or the peer does not say).
    Value {
        /// The bytes.
        value: Vec<u8>,
        /// Freshness that is left at the owner, in ms.
        fresh_ms: Option<u64>,
    },
    /// There is no such key. Final: the loader here is not run.
    NotFound,
    /// Neither the key nor its value can travel this way, and why: a path that no URL can carry, or a value that the
    /// peer says is too large. The peer is not at fault; the loader here runs.
    NotTransferable {
        /// What is in the way.
        why: &'static str,
    },
    /// The peer's own loader failed, and so would the one here: passed on, not run a second time.
    LoadFailed {
        /// The peer's code for it: `ERR_LOAD`, `ERR_LOAD_TYPE` or `ERR_TIMEOUT`.
        code: Code,
        /// What the peer said of it.
        message: String,
    },
}

/// Asks a peer over some transport: the seed's `Get(group, key)`.
pub trait PeerGetter {
    /// Asks; an error (`ERR_PEER`) is a failed peer, and the ladder goes on. Returns within `ask.timeout_ms`, or is
    /// dropped then.
    fn get(&self, ask: PeerRequest<'_>) -> impl Future<Output = Result<PeerAnswer, Error>>;
}

/// Where values come from when no peer has them: GeeCache's `Getter`.
pub trait Loader {
    /// Loads `key`; `None` says that there is no such key. Any error is passed to the caller as `ERR_LOAD`.
    fn load(
        &self,
        key: &[u8],
    ) -> impl Future<Output = Result<Option<ByteView>, Box<dyn std::error::Error + Send + Sync>>>;
}
