//! The async driver for Rust: carries out a group's steps on any single-threaded executor.
//!
//! A [`GroupDriver`] waits, the [`Group`] inside decides. It needs a [`Loader`], a [`PeerGetter`]
//! to ask peers with, and a [`Runtime`].
//!
//! ```
//! # use geecache_edge::{*, driver::{GroupDriver, Runtime}, peer::PeerRequest};
//! # use std::{future::Future, pin::Pin};
//! # struct Test;
//! # impl Runtime for Test {
//! #     fn now_ms(&self) -> u64 { 0 }
//! #     fn sleep_ms(&self, _: u64) -> impl Future<Output = ()> { std::future::pending() }
//! #     fn spawn(&self, _: Pin<Box<dyn Future<Output = ()>>>) {}
//! # }
//! struct Scores;
//! impl Loader for Scores {
//!     async fn load(&self, key: &[u8]) -> Result<Option<ByteView>, Box<dyn std::error::Error + Send + Sync>> {
//!         Ok((key == b"Tom").then(|| ByteView::from(&b"630"[..])))
//!     }
//! }
//! # struct Nobody;
//! # impl PeerGetter for Nobody {
//! #     async fn get(&self, _: PeerRequest<'_>) -> Result<PeerAnswer, Error> { Ok(PeerAnswer::NotFound) }
//! # }
//! # futures_executor::block_on(async {
//! let scores = GroupDriver::new("scores", GroupOptions::new(1 << 20), Scores, Nobody, Test)?;
//! assert_eq!(scores.get(b"Tom").await?.as_deref(), Some(&b"630"[..]));
//! assert_eq!(scores.get(b"kkk").await?, None);
//! # Ok::<(), Error>(()) }).unwrap();
//! ```

mod leader;
mod runtime;
mod state;

use std::cell::RefCell;
use std::rc::Rc;

use crate::base::error::{Code, Error};
use crate::group::options::GroupOptions;
use crate::group::stats::Stats;
use crate::group::{Group, Origin, Step};
use crate::peer::{Loader, NoPeers, PeerGetter, PeerPicker};

use leader::Leader;
pub use runtime::Runtime;
pub use state::Outcome;
use state::State;

/// A group whose lookups can be awaited. Clones share the group. Not `Send`: create one per thread, or per isolate.
pub struct GroupDriver<L, G, R>(Rc<State<L, G, R>>);

impl<L, G, R> Clone for GroupDriver<L, G, R> {
    fn clone(&self) -> Self {
        GroupDriver(self.0.clone())
    }
}

impl<L, G, R> GroupDriver<L, G, R>
where
    L: Loader + 'static,
    G: PeerGetter + 'static,
    R: Runtime + 'static,
{
    /// Creates an empty group without peers. Errors as [`Group::new`].
    pub fn new(name: &str, options: GroupOptions, loader: L, getter: G, runtime: R) -> Result<Self, Error> {
        let group = RefCell::new(Group::new(name, options)?);
        let (followers, has_peers) = Default::default();
        let peers = RefCell::new(Box::new(NoPeers) as Box<dyn PeerPicker>);
        Ok(GroupDriver(Rc::new(State { group, followers, peers, has_peers, loader, getter, runtime })))
    }

    /// Sets the group's peers: the seed's `RegisterPeers`. To change the list later, register an
    /// `Rc<RefCell<Peers>>` and keep a clone. Error: `ERR_PEERS_REGISTERED` at the second call.
    pub fn register_peers(&self, peers: impl PeerPicker + 'static) -> Result<(), Error> {
        if self.0.has_peers.replace(true) {
            let message =
                "registering peers: the group has peers already; change their list with set_peers instead";
            return Err(Error::new(Code::PeersRegistered, message));
        }
        *self.0.peers.borrow_mut() = Box::new(peers);
        Ok(())
    }

    /// Returns the value of `key` from memory, its owner or the loader; `None` if there is no such key. Ends within
    /// `deadline_ms`. Dropping the future abandons the load; the next caller of the key takes over.
    pub async fn get(&self, key: &[u8]) -> Outcome {
        self.lookup(key, Origin::Local).await
    }

    /// Like [`get`](Self::get), for a request from a peer: answered here and never forwarded.
    pub async fn get_for_peer(&self, key: &[u8]) -> Outcome {
        self.lookup(key, Origin::Peer).await
    }

    /// Calls `change` with the group itself, to `peek`, `set`, `remove` or `clear`.
    pub fn with_group<T>(&self, change: impl FnOnce(&mut Group) -> T) -> T {
        change(&mut self.0.group.borrow_mut())
    }

    /// The group's counters.
    pub fn stats(&self) -> Stats {
        self.0.group.borrow().stats()
    }

    async fn lookup(&self, key: &[u8], origin: Origin) -> Outcome {
        let (state, began_at_ms) = (&*self.0, self.0.runtime.now_ms());
        let mut step =
            state.group.borrow_mut().begin(key, began_at_ms, origin, &mut **state.peers.borrow_mut())?;
        let mut is_retry = false;
        loop {
            match step {
                Step::Hit(entry) => return Ok(Some(state.group.borrow().at(entry).value.into())),
                Step::Stale(entry, refresh) => {
                    let value = state.group.borrow().at(entry).value.into();
                    if let Some((flight, task)) = refresh {
                        let (leader, key) = (Leader::new(self.0.clone(), flight), key.to_vec());
                        state.runtime.spawn(Box::pin(async move {
                            leader.run(&key, task).await;
                        }));
                    }
                    return Ok(Some(value));
                }
                Step::Join(flight) => {
                    let follow = state.follow(flight);
                    if let Some(outcome) = state.within_deadline(key, began_at_ms, follow).await {
                        return outcome;
                    }
                }
                Step::Lead(flight, task) => {
                    let lead = Leader::new(self.0.clone(), flight).run(key, task);
                    // A flight ends by its own deadline. One led after a retry started later than its lookup.
                    let outcome = match is_retry {
                        true => state.within_deadline(key, began_at_ms, lead).await,
                        false => lead.await,
                    };
                    if let Some(outcome) = outcome {
                        return outcome;
                    }
                }
            }
            is_retry = true;
            let now = state.runtime.now_ms();
            step = state.group.borrow_mut().begin_again(key, now, origin, &mut **state.peers.borrow_mut());
        }
    }
}
