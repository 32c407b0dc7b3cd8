//! The scratch area: a fixed-address buffer shared with JavaScript. The core writes a call's results to its
//! slots, the caller writes a key behind them, so that a hit costs one call and no allocation.

use std::sync::Arc;

use crate::base::error::Error;
use crate::base::time::{Millis, NEVER};
use crate::group::Task;
use crate::group::singleflight::FlightId;
use crate::protocol::{KEY_ROOM_BYTES, SLOTS, Slot, Step, code_number};
use crate::store::Found;

#[repr(C)]
pub(super) struct Scratch {
    slots: [f64; SLOTS],
    key: [u8; KEY_ROOM_BYTES],
    /// The texts that the slots of addresses point to.
    peer: Option<Arc<str>>,
    message: Arc<str>,
}

impl Scratch {
    pub fn new() -> Scratch {
        Scratch { slots: [0.0; SLOTS], key: [0; KEY_ROOM_BYTES], peer: None, message: "".into() }
    }

    /// The key that the caller wrote; empty for a length out of range, which `check_key` refuses.
    pub fn key(&self, bytes: usize) -> &[u8] {
        self.key.get(..bytes).unwrap_or_default()
    }

    /// Writes numbers where the key is, and returns how many.
    pub fn write_counts(&mut self, counts: impl Iterator<Item = u64>) -> usize {
        let mut written = 0;
        for (place, count) in self.key.as_chunks_mut().0.iter_mut().zip(counts) {
            *place = (count as f64).to_le_bytes();
            written += 1;
        }
        written
    }

    pub fn set(&mut self, slot: Slot, number: f64) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = number;
        }
    }

    /// Shows bytes of linear memory to the caller, who reads them before the next call.
    fn show(&mut self, at: Slot, length: Slot, bytes: &[u8]) {
        self.set(at, bytes.as_ptr() as usize as f64);
        self.set(length, bytes.len() as f64);
    }

    pub fn show_value(&mut self, value: &[u8]) {
        self.show(Slot::ValueAt, Slot::ValueBytes, value);
    }

    pub fn show_found(&mut self, found: Found<'_>, now: Millis) {
        self.show_value(found.value);
        self.show_freshness(match found.meta.expires_at_ms {
            NEVER => None,
            expires_at_ms => Some(expires_at_ms.saturating_sub(now)),
        });
    }

    pub fn show_freshness(&mut self, fresh_ms: Option<u64>) {
        self.set(Slot::FreshMs, fresh_ms.map_or(-1.0, |ms| ms as f64));
    }

    pub fn show_message(&mut self, message: Arc<str>) {
        self.message = message.clone();
        self.show(Slot::MessageAt, Slot::MessageBytes, message.as_bytes());
    }

    pub fn show_flight(&mut self, flight: Option<FlightId>) {
        self.set(Slot::Flight, flight.map_or(0.0, |flight| flight.0 as f64));
        self.set(Slot::Task, 0.0);
    }

    pub fn show_task(&mut self, task: Task) -> Step {
        let attempt = task.attempt();
        let (step, timeout_ms) = match task {
            Task::Ask { peer, timeout_ms, .. } => {
                self.show(Slot::PeerAt, Slot::PeerBytes, peer.as_bytes());
                self.peer = Some(peer);
                (Step::Ask, timeout_ms)
            }
            Task::Load { timeout_ms, .. } => (Step::Load, timeout_ms),
        };
        self.set(Slot::Task, f64::from(step as u32));
        self.set(Slot::Attempt, f64::from(attempt));
        self.set(Slot::TimeoutMs, timeout_ms as f64);
        step
    }

    /// Stages why a call is refused.
    pub fn refuse(&mut self, error: &Error) -> Step {
        self.set(Slot::Code, code_number(error.code()).map_or(-1.0, f64::from));
        self.show_message(error.message().into());
        Step::Refused
    }
}
