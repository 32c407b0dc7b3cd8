//! The leader of a flight: carries out its tasks one after the other, and settles its followers.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};

use crate::base::bytes::ByteView;
use crate::base::error::{Code, Error};
use crate::driver::runtime::Runtime;
use crate::driver::state::{Outcome, State, timeout};
use crate::group::singleflight::{FlightId, HEARTBEAT_MS};
use crate::group::{Next, Task, TaskResult};
use crate::peer::{Loader, PeerAnswer, PeerGetter, PeerRequest};

/// Owns a flight until it ends. Dropping it abandons the flight and wakes the followers, one of which takes over.
///
/// It exists outside of the future that runs it, so that a future dropped before its first poll abandons the flight too.
pub(super) struct Leader<L, G, R> {
    state: Rc<State<L, G, R>>,
    flight: FlightId,
}

impl<L, G, R> Leader<L, G, R> {
    pub fn new(state: Rc<State<L, G, R>>, flight: FlightId) -> Leader<L, G, R> {
        Leader { state, flight }
    }
}

impl<L: Loader, G: PeerGetter, R: Runtime> Leader<L, G, R> {
    /// Carries out the flight's tasks to its end and settles the followers. `None` if it was lost to another leader.
    pub async fn run(self, key: &[u8], mut task: Task) -> Option<Outcome> {
        let state = &*self.state;
        let outcome = loop {
            let attempt = task.attempt();
            let (result, outcome) = self.carry_out(key, task).await;
            let (mut group, now) = (state.group.borrow_mut(), state.runtime.now_ms());
            let peers = &mut **state.peers.borrow_mut();
            match group.complete_task(self.flight, attempt, now, result.borrow(), peers) {
                Next::Task(next) => task = next,
                Next::Done => break outcome,
                Next::Stale(entry) => break Ok(Some(group.at(entry).value.into())),
                Next::DeadlinePassed => break Err(timeout("the peers", group.options().deadline_ms)),
                // A leader reports each attempt once, so nothing is superseded. Looking the key up again is safe.
                Next::Retry | Next::Superseded => return None,
            }
        };
        for follower in state.take_followers(self.flight) {
            // A follower whose deadline passed has dropped its receiver.
            let _ = follower.send(outcome.clone());
        }
        Some(outcome)
    }

    /// Carries out one task. Returns its result for the group, and the outcome if the flight ends with it.
    async fn carry_out(&self, key: &[u8], task: Task) -> (OwnedResult, Outcome) {
        match task {
            Task::Ask { peer, timeout_ms, .. } => self.ask(key, &peer, timeout_ms).await,
            Task::Load { timeout_ms, .. } => self.load(key, timeout_ms).await,
        }
    }

    async fn ask(&self, key: &[u8], peer: &str, timeout_ms: u64) -> (OwnedResult, Outcome) {
        let (name, max_value_bytes) = {
            let group = self.state.group.borrow();
            (group.name().to_owned(), group.options().max_entry_bytes)
        };
        let request = PeerRequest { peer, group: &name, key, timeout_ms, max_value_bytes };
        match self.while_peer_stays(timeout_ms, self.state.getter.get(request)).await {
            Some(Ok(PeerAnswer::Value { value, fresh_ms })) => {
                let value = ByteView::from(value);
                (OwnedResult::Value(value.clone(), fresh_ms), Ok(Some(value)))
            }
            Some(Ok(PeerAnswer::NotFound)) => (OwnedResult::NotFound, Ok(None)),
            Some(Ok(PeerAnswer::LoadFailed { code, message })) => {
                let message = ["the owner's loader failed: ", &message].concat();
                (OwnedResult::LoadFailed, Err(Error::new(code, message)))
            }
            Some(Ok(PeerAnswer::NotTransferable { why })) => {
                (OwnedResult::NotTransferable, Err(Error::new(Code::Peer, why)))
            }
            Some(Err(error)) => (OwnedResult::PeerFailed, Err(error)),
            None => (OwnedResult::PeerFailed, Err(timeout("the peer", timeout_ms))),
        }
    }

    async fn load(&self, key: &[u8], timeout_ms: u64) -> (OwnedResult, Outcome) {
        let loaded = pin!(self.state.loader.load(key));
        match select(loaded, pin!(self.state.runtime.sleep_ms(timeout_ms))).await {
            Either::Left((Ok(Some(value)), _)) => (OwnedResult::Value(value.clone(), None), Ok(Some(value))),
            Either::Left((Ok(None), _)) => (OwnedResult::NotFound, Ok(None)),
            Either::Left((Err(cause), _)) => {
                (OwnedResult::LoadFailed, Err(Error::new(Code::Load, cause.to_string()).because(cause)))
            }
            Either::Right(_) => (OwnedResult::LoadFailed, Err(timeout("the loader", timeout_ms))),
        }
    }

    /// Waits for the peer's response with a heartbeat now and then. `None` after the timeout, or if the peer has left.
    async fn while_peer_stays<T>(&self, timeout_ms: u64, response: impl Future<Output = T>) -> Option<T> {
        let (mut response, mut left_ms) = (pin!(response), timeout_ms);
        let state = &*self.state;
        while left_ms > 0 {
            let pause_ms = left_ms.min(HEARTBEAT_MS.into());
            match select(response.as_mut(), pin!(state.runtime.sleep_ms(pause_ms))).await {
                Either::Left((response, _)) => return Some(response),
                Either::Right(_)
                    if state.group.borrow_mut().heartbeat(self.flight, &**state.peers.borrow()) =>
                {
                    left_ms -= pause_ms
                }
                Either::Right(_) => break,
            }
        }
        None
    }
}

impl<L, G, R> Drop for Leader<L, G, R> {
    fn drop(&mut self) {
        self.state.group.borrow_mut().abandon(self.flight);
        self.state.take_followers(self.flight);
    }
}

/// A [`TaskResult`] that owns its value.
enum OwnedResult {
    Value(ByteView, Option<u64>),
    NotFound,
    LoadFailed,
    PeerFailed,
    NotTransferable,
}

impl OwnedResult {
    fn borrow(&self) -> TaskResult<'_> {
        match self {
            OwnedResult::Value(value, fresh_ms) => {
                TaskResult::Value { value: Some(value), fresh_ms: *fresh_ms }
            }
            OwnedResult::NotFound => TaskResult::NotFound,
            OwnedResult::LoadFailed => TaskResult::LoadFailed,
            OwnedResult::PeerFailed => TaskResult::PeerFailed,
            OwnedResult::NotTransferable => TaskResult::NotTransferable,
        }
    }
}
