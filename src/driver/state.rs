//! The state that the lookups of one driver share, and the waits bounded by a deadline.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;

use futures_channel::oneshot;
use futures_util::future::{Either, select};

use crate::base::bytes::ByteView;
use crate::base::error::{Code, Error};
use crate::base::time::Millis;
use crate::driver::runtime::Runtime;
use crate::group::Group;
use crate::group::singleflight::FlightId;
use crate::peer::PeerPicker;

/// How a lookup ends: with a value, with `None` if there is no such key, or with an error.
pub type Outcome = Result<Option<ByteView>, Error>;

/// The state shared by the clones of a driver.
pub(super) struct State<L, G, R> {
    pub group: RefCell<Group>,
    /// The followers of each flight.
    pub followers: RefCell<HashMap<FlightId, Vec<oneshot::Sender<Outcome>>>>,
    pub peers: RefCell<Box<dyn PeerPicker>>,
    pub has_peers: Cell<bool>,
    pub loader: L,
    pub getter: G,
    pub runtime: R,
}

impl<L, G, R> State<L, G, R> {
    /// Waits for the outcome of another request's flight. `None` if the flight was lost.
    pub async fn follow(&self, flight: FlightId) -> Option<Outcome> {
        let (sender, receiver) = oneshot::channel();
        self.followers.borrow_mut().entry(flight).or_default().push(sender);
        receiver.await.ok()
    }

    pub fn take_followers(&self, flight: FlightId) -> Vec<oneshot::Sender<Outcome>> {
        self.followers.borrow_mut().remove(&flight).unwrap_or_default()
    }
}

impl<L, G, R: Runtime> State<L, G, R> {
    /// Waits for a flight until the deadline of a lookup that began at `began_at_ms`, and then returns a stale copy or
    /// `ERR_TIMEOUT`. A follower that takes over a lost flight late has that much less time to lead it.
    pub async fn within_deadline(
        &self,
        key: &[u8],
        began_at_ms: Millis,
        flight: impl Future<Output = Option<Outcome>>,
    ) -> Option<Outcome> {
        let deadline_ms = self.group.borrow().options().deadline_ms;
        let left_ms = deadline_ms.saturating_sub(self.runtime.now_ms().saturating_sub(began_at_ms));
        match select(pin!(flight), pin!(self.runtime.sleep_ms(left_ms))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let (mut group, now) = (self.group.borrow_mut(), self.runtime.now_ms());
                let stale = group.timed_out(key, now).map(|entry| Some(group.at(entry).value.into()));
                Some(stale.ok_or_else(|| timeout("looking the key up", deadline_ms)))
            }
        }
    }
}

/// `ERR_TIMEOUT`: the operation and its limit.
pub(super) fn timeout(operation: &str, limit_ms: u64) -> Error {
    let limit_ms = limit_ms.to_string();
    let message = [operation, " took longer than ", &limit_ms, " ms: try again, or raise the limit"];
    Error::new(Code::Timeout, message.concat())
}
