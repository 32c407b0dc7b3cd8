//! The native async shell: carries out a group's steps on any single-threaded executor.
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

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};

use crate::base::bytes::ByteView;
use crate::base::error::{Code, Error};
use crate::base::time::Millis;
use crate::group::options::GroupOptions;
use crate::group::singleflight::{FlightId, HEARTBEAT_MS};
use crate::group::stats::Stats;
use crate::group::{Group, Next, Origin, Step, Task, TaskResult};
use crate::peer::{Loader, NoPeers, PeerAnswer, PeerGetter, PeerPicker, PeerRequest};

/// What the driver needs of the executor it runs on.
pub trait Runtime {
    /// The time now, in ms since the Unix epoch.
    fn now_ms(&self) -> Millis;

    /// Resolves once `ms` milliseconds have passed. May be dropped before.
    fn sleep_ms(&self, ms: u64) -> impl Future<Output = ()>;

    /// Runs a future to its end behind the caller's back: the renewal of a stale copy. One that is dropped instead
    /// costs nothing but that renewal.
    fn spawn(&self, behind: Pin<Box<dyn Future<Output = ()>>>);
}

/// How a look-up ended: the value, or `None` where there is no such key.
pub type Outcome = Result<Option<ByteView>, Error>;

/// A group that can be awaited. A clone is the same group. Not `Send`: one for each thread, as for each isolate.
pub struct GroupDriver<L, G, R>(Rc<Inner<L, G, R>>);

impl<L, G, R> Clone for GroupDriver<L, G, R> {
    fn clone(&self) -> Self {
        GroupDriver(self.0.clone())
    }
}

struct Inner<L, G, R> {
    group: RefCell<Group>,
    /// Those who wait for each flight.
    joined: RefCell<HashMap<FlightId, Vec<oneshot::Sender<Outcome>>>>,
    peers: RefCell<Box<dyn PeerPicker>>,
    registered: Cell<bool>,
    loader: L,
    getter: G,
    runtime: R,
}

impl<L, G, R> GroupDriver<L, G, R>
where
    L: Loader + 'static,
    G: PeerGetter + 'static,
    R: Runtime + 'static,
{
    /// A new, empty group of one node. Errors as [`Group::new`].
    pub fn new(name: &str, options: GroupOptions, loader: L, getter: G, runtime: R) -> Result<Self, Error> {
        let group = RefCell::new(Group::new(name, options)?);
        let (joined, registered) = Default::default();
        let peers = RefCell::new(Box::new(NoPeers) as Box<dyn PeerPicker>);
        Ok(GroupDriver(Rc::new(Inner { group, joined, peers, registered, loader, getter, runtime })))
    }

    /// Tells the group who its peers are: the seed's `RegisterPeers`. `ERR_PEERS_REGISTERED` the second time. Keep an
    /// `Rc<RefCell<Peers>>` of what is registered to change the list later.
    pub fn register_peers(&self, peers: impl PeerPicker + 'static) -> Result<(), Error> {
        if self.0.registered.replace(true) {
            let message = "the group's peers are registered: change that list instead of registering another";
            return Err(Error::new(Code::PeersRegistered, message));
        }
        *self.0.peers.borrow_mut() = Box::new(peers);
        Ok(())
    }

    /// The value of `key`, from memory, its owner or the loader; `None` where there is no such key. Ends within the
    /// group's `deadline_ms`. A future that is dropped abandons what it was loading to the next who asks.
    pub async fn get(&self, key: &[u8]) -> Outcome {
        self.look_up(key, Origin::Local).await
    }

    /// The same for a question that came from a peer: answered here, never forwarded.
    pub async fn get_for_peer(&self, key: &[u8]) -> Outcome {
        self.look_up(key, Origin::Peer).await
    }

    /// Calls `change` with the group itself: to `peek`, `set`, `remove` or `clear`.
    pub fn with_group<T>(&self, change: impl FnOnce(&mut Group) -> T) -> T {
        change(&mut self.0.group.borrow_mut())
    }

    /// The group's counters.
    pub fn stats(&self) -> Stats {
        self.0.group.borrow().stats()
    }

    async fn look_up(&self, key: &[u8], asker: Origin) -> Outcome {
        let (inner, begun) = (&*self.0, self.0.runtime.now_ms());
        let mut step = inner.group.borrow_mut().begin(key, begun, asker, &mut **inner.peers.borrow_mut())?;
        let mut again = false;
        loop {
            match step {
                Step::Hit(entry) => return Ok(Some(inner.group.borrow().at(entry).value.into())),
                Step::Stale(entry, refresh) => {
                    let value = inner.group.borrow().at(entry).value.into();
                    if let Some((flight, task)) = refresh {
                        let (behind, leader, key) = (self.clone(), self.leader(flight), key.to_vec());
                        let refresh = async move {
                            behind.lead(&key, leader, task).await;
                        };
                        inner.runtime.spawn(Box::pin(refresh));
                    }
                    return Ok(Some(value));
                }
                Step::Join(flight) => {
                    if let Some(outcome) = inner.in_time(key, begun, inner.follow(flight)).await {
                        return outcome;
                    }
                }
                Step::Lead(flight, task) => {
                    let lead = self.lead(key, self.leader(flight), task);
                    // A first flight ends by the deadline on its own; one that was taken over would end later.
                    let outcome = if again { inner.in_time(key, begun, lead).await } else { lead.await };
                    if let Some(outcome) = outcome {
                        return outcome;
                    }
                }
            }
            again = true;
            let now = inner.runtime.now_ms();
            step = inner.group.borrow_mut().begin_again(key, now, asker, &mut **inner.peers.borrow_mut());
        }
    }

    /// A leader's hold on its flight. It is made outside of the future that carries the flight out, so that a future
    /// dropped before its first poll gives the flight up too.
    fn leader(&self, flight: FlightId) -> Leader<L, G, R> {
        Leader { inner: self.0.clone(), flight }
    }

    /// Carries out a flight's tasks to its end; `None` where it was lost to another leader.
    async fn lead(&self, key: &[u8], leader: Leader<L, G, R>, mut task: Task) -> Option<Outcome> {
        let (inner, flight) = (&*self.0, leader.flight);
        loop {
            let attempt = task.attempt();
            let (told, outcome) = inner.carry_out(key, flight, task).await;
            let (mut group, now) = (inner.group.borrow_mut(), inner.runtime.now_ms());
            let next =
                group.complete_task(flight, attempt, now, told.borrow(), &mut **inner.peers.borrow_mut());
            let outcome = match next {
                Next::Task(next) => {
                    task = next;
                    continue;
                }
                // A driver reports each attempt once, so nothing is superseded; looking the key up again is safe.
                Next::Retry | Next::Superseded => return None,
                Next::Stale(entry) => Ok(Some(group.at(entry).value.into())),
                Next::Done => outcome,
                Next::DeadlinePassed => Err(timeout("the peers", group.options().deadline_ms)),
            };
            drop(group);
            leader.land(&outcome);
            return Some(outcome);
        }
    }
}

impl<L: Loader, G: PeerGetter, R: Runtime> Inner<L, G, R> {
    /// What the flight comes to; or, once the deadline of a look-up that began at `begun` has passed, a stale copy or
    /// `ERR_TIMEOUT`: a follower that takes over a lost flight late has that much less time to lead it.
    async fn in_time(
        &self,
        key: &[u8],
        begun: Millis,
        flight: impl Future<Output = Option<Outcome>>,
    ) -> Option<Outcome> {
        let deadline_ms = self.group.borrow().options().deadline_ms;
        let left_ms = deadline_ms.saturating_sub(self.runtime.now_ms().saturating_sub(begun));
        match select(pin!(flight), pin!(self.runtime.sleep_ms(left_ms))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let (mut group, now) = (self.group.borrow_mut(), self.runtime.now_ms());
                let stale = group.timed_out(key, now).map(|entry| Some(group.at(entry).value.into()));
                Some(stale.ok_or_else(|| timeout("looking the key up", deadline_ms)))
            }
        }
    }

    /// Waits for another's flight; `None` where it was lost.
    async fn follow(&self, flight: FlightId) -> Option<Outcome> {
        let (sender, receiver) = oneshot::channel();
        self.joined.borrow_mut().entry(flight).or_default().push(sender);
        receiver.await.ok()
    }

    /// What the peer answers in time, while it is one of the peers.
    async fn while_there<T>(
        &self,
        flight: FlightId,
        timeout_ms: u64,
        asked: impl Future<Output = T>,
    ) -> Option<T> {
        let (mut asked, mut left_ms) = (pin!(asked), timeout_ms);
        while left_ms > 0 {
            let beat_ms = left_ms.min(HEARTBEAT_MS.into());
            match select(asked.as_mut(), pin!(self.runtime.sleep_ms(beat_ms))).await {
                Either::Left((answered, _)) => return Some(answered),
                Either::Right(_) if self.group.borrow_mut().heartbeat(flight, &**self.peers.borrow()) => {
                    left_ms -= beat_ms
                }
                Either::Right(_) => break,
            }
        }
        None
    }

    /// One task, and the outcome that it would be.
    async fn carry_out(&self, key: &[u8], flight: FlightId, task: Task) -> (Came, Outcome) {
        match task {
            Task::Ask { peer, timeout_ms, .. } => {
                let (name, max_value_bytes) = {
                    let group = self.group.borrow();
                    (group.name().to_owned(), group.options().max_entry_bytes)
                };
                let ask = PeerRequest { peer: &peer, group: &name, key, timeout_ms, max_value_bytes };
                match self.while_there(flight, timeout_ms, self.getter.get(ask)).await {
                    Some(Ok(PeerAnswer::Value { value, fresh_ms })) => {
                        let value = ByteView::from(value);
                        (Came::Value(value.clone(), fresh_ms), Ok(Some(value)))
                    }
                    Some(Ok(PeerAnswer::NotFound)) => (Came::NotFound, Ok(None)),
                    Some(Ok(PeerAnswer::LoadFailed { code, message })) => {
                        let said = ["the owner's loader failed: ", &message].concat();
                        (Came::LoadFailed, Err(Error::new(code, said)))
                    }
                    Some(Ok(PeerAnswer::NotTransferable { why })) => {
                        (Came::NotTransferable, Err(Error::new(Code::Peer, why)))
                    }
                    Some(Err(error)) => (Came::PeerFailed, Err(error)),
                    None => (Came::PeerFailed, Err(timeout("the peer", timeout_ms))),
                }
            }
            Task::Load { timeout_ms, .. } => {
                let (loaded, late) = (pin!(self.loader.load(key)), pin!(self.runtime.sleep_ms(timeout_ms)));
                match select(loaded, late).await {
                    Either::Left((Ok(Some(value)), _)) => (Came::Value(value.clone(), None), Ok(Some(value))),
                    Either::Left((Ok(None), _)) => (Came::NotFound, Ok(None)),
                    Either::Left((Err(cause), _)) => {
                        (Came::LoadFailed, Err(Error::new(Code::Load, cause.to_string()).because(cause)))
                    }
                    Either::Right(_) => (Came::LoadFailed, Err(timeout("the loader", timeout_ms))),
                }
            }
        }
    }
}

/// What came of a task, owned.
enum Came {
    Value(ByteView, Option<u64>),
    NotFound,
    LoadFailed,
    PeerFailed,
    NotTransferable,
}

impl Came {
    fn borrow(&self) -> TaskResult<'_> {
        match self {
            Came::Value(value, fresh_ms) => TaskResult::Value { value: Some(value), fresh_ms: *fresh_ms },
            Came::NotFound => TaskResult::NotFound,
            Came::LoadFailed => TaskResult::LoadFailed,
            Came::PeerFailed => TaskResult::PeerFailed,
            Came::NotTransferable => TaskResult::NotTransferable,
        }
    }
}

/// The leader's hold on its flight: dropped midway, the flight is lost and those who joined look again.
struct Leader<L, G, R> {
    inner: Rc<Inner<L, G, R>>,
    flight: FlightId,
}

impl<L, G, R> Leader<L, G, R> {
    fn land(self, outcome: &Outcome) {
        for follower in self.take_joined() {
            // A follower that has given up is no longer there to be told.
            let _ = follower.send(outcome.clone());
        }
    }

    fn take_joined(&self) -> Vec<oneshot::Sender<Outcome>> {
        self.inner.joined.borrow_mut().remove(&self.flight).unwrap_or_default()
    }
}

impl<L, G, R> Drop for Leader<L, G, R> {
    fn drop(&mut self) {
        self.inner.group.borrow_mut().abandon(self.flight);
        self.take_joined();
    }
}

fn timeout(what: &str, timeout_ms: u64) -> Error {
    let message = [what, " took longer than ", &timeout_ms.to_string(), " ms: try again, or raise the limit"];
    Error::new(Code::Timeout, message.concat())
}
