//! The JavaScript face of the core: the only place that knows JavaScript.
//!
//! One `Core` is one pool with its groups. Calls are synchronous, take and give numbers, and never call JavaScript
//! while they hold the core, so nothing re-enters. Keys come in through a fixed scratch area and results go out
//! through a few numbers beside them, all in linear memory, so that a hit costs one call and no allocation; larger values
//! come in through [`Core::reserve`], which answers 0 instead of trapping where memory is full.
//! Nothing here waits; Rust programs that ask over `fetch` themselves have `FetchPeer`.

mod incoming;
mod injected_traps;
mod options;
mod outgoing;

use std::sync::Arc;

use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;

use crate::base::check::MAX_KEY_BYTES;
use crate::base::error::Error;
use crate::base::time::{Millis, NEVER};
use crate::group::singleflight::FlightId;
use crate::group::{Group, Next, Origin, Step, Task, TaskResult};
use crate::pool::{GroupId, Pool};
use crate::store::Found;
use crate::wire::Exchange;

/// 2.5 KB less of gzipped wasm than the default allocator, and like it, it goes on where linear memory ended: one that takes whole
/// pages for each of the store's segments (rlsf does) leaves a twelfth of them unused.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// What a call is given and tells beyond its numbers, at a fixed place in linear memory: six float64 that are told,
/// then the key that is given.
#[repr(C)]
struct Scratch {
    /// Where the value begins in linear memory, and its length. Read it before the next call.
    value_at: f64,
    value_bytes: f64,
    /// For how many ms the value is still fresh; -1 for ever.
    fresh_ms: f64,
    /// The flight to lead or to join; 0 for none.
    flight: f64,
    /// The leader's task, `ASK` or `LOAD`, or 0.
    task: f64,
    /// How long that task may take.
    timeout_ms: f64,
    /// Some bytes more than a key may have, so that a longer one is seen to be.
    key: [u8; MAX_KEY_BYTES + 5],
}

const CAME_VALUE: u32 = 0;
const CAME_UNHANDED: u32 = 1;
const CAME_NO_SUCH_KEY: u32 = 2;
const CAME_LOAD_FAILED: u32 = 3;
const CAME_PEER_FAILED: u32 = 4;

const DONE: u32 = 0;
const HIT: u32 = 1;
const STALE: u32 = 2;
const JOIN: u32 = 3;
const ASK: u32 = 4;
const LOAD: u32 = 5;
const AGAIN: u32 = 6;
const TOO_LATE: u32 = 7;

/// One pool.
#[wasm_bindgen]
pub struct Core {
    pool: Pool,
    scratch: Box<Scratch>,
    inbox: Vec<u8>,
    peer: Option<Arc<str>>,
    #[cfg(feature = "injected-traps")]
    fault: u32,
}

#[wasm_bindgen]
impl Core {
    /// A pool of the given options, those of `createPool` less its functions, in the order of `options.ts`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &Array, peers: &JsValue) -> Result<Core, JsValue> {
        let pool = Pool::new(&options::pool(options, peers)?).map_err(thrown)?;
        Ok(Core {
            pool,
            scratch: Box::new(Scratch::EMPTY),
            inbox: Vec::new(),
            peer: None,
            #[cfg(feature = "injected-traps")]
            fault: u32::MAX,
        })
    }

    /// Makes a group of the given options, those of `pool.group` less its functions, in the order of `options.ts`; its
    /// number.
    #[wasm_bindgen(js_name = addGroup)]
    pub fn add_group(&mut self, name: &str, options: &Array) -> Result<u32, JsValue> {
        let options = options::group(options)?;
        self.pool.add_group(name, options).map(|id| id.0).map_err(thrown)
    }

    /// Where the scratch area is in linear memory.
    #[wasm_bindgen(js_name = scratchAt)]
    pub fn scratch_at(&self) -> *const u8 {
        (&raw const *self.scratch).cast()
    }

    /// The first half of a look-up: `HIT`, `STALE` (with a task to lead behind, or none), `JOIN`, `ASK` or `LOAD`.
    pub fn begin(
        &mut self,
        group: u32,
        key_bytes: usize,
        now: f64,
        from_peer: bool,
        again: bool,
    ) -> Result<u32, JsValue> {
        self.trip(1);
        let asker = if from_peer { Origin::Peer } else { Origin::Local };
        let key = self.scratch.key(key_bytes);
        let Some((group, peers)) = self.pool.group_mut(GroupId(group)) else { return Ok(DONE) };
        let now = now as Millis;
        let step = match again {
            true => group.begin_again(key, now, asker, peers),
            false => group.begin(key, now, asker, peers).map_err(thrown)?,
        };
        (self.scratch.flight, self.scratch.task) = (0.0, 0.0);
        Ok(match step {
            Step::Hit(entry) => self.scratch.show(HIT, group.at(entry), now),
            Step::Stale(entry, refresh) => {
                self.scratch.show(STALE, group.at(entry), now);
                if let Some((flight, task)) = refresh {
                    self.scratch.flight = flight.0 as f64;
                    self.scratch.task = self.scratch.set(task, &mut self.peer).into();
                }
                STALE
            }
            Step::Join(flight) => {
                self.scratch.flight = flight.0 as f64;
                JOIN
            }
            Step::Lead(flight, task) => {
                self.scratch.flight = flight.0 as f64;
                self.scratch.set(task, &mut self.peer)
            }
        })
    }

    /// The name of the peer that the last `ASK` means.
    pub fn peer(&self) -> Option<String> {
        self.peer.as_deref().map(str::to_owned)
    }

    /// Room for a value of so many bytes on its way in, or for a peer's answer that holds one; 0 where the group would
    /// not keep it, or where there is no memory for it.
    pub fn reserve(&mut self, group: u32, bytes: usize, is_answer: bool) -> usize {
        let value = self.pool.group(GroupId(group)).map_or(0, |group| group.options().max_entry_bytes);
        let around = if is_answer { self.pool.framing_bytes() } else { 0 };
        self.inbox = Vec::new();
        if bytes > value.saturating_add(around) || self.inbox.try_reserve_exact(bytes.max(1)).is_err() {
            return 0;
        }
        self.inbox.resize(bytes, 0);
        self.inbox.as_ptr() as usize
    }

    /// What a leader's task came to, as `CAME_` says: a value that was handed over through [`Core::reserve`], fresh
    /// for so many ms more (below 0: for ever); or a value that was not; or no value. What the leader does next:
    /// `DONE`, `AGAIN`, `STALE`, `ASK`, `LOAD` or `TOO_LATE`.
    pub fn told(&mut self, group: u32, flight: f64, now: f64, came: u32, fresh_ms: f64) -> u32 {
        self.trip(2);
        let (inbox, now) = (std::mem::take(&mut self.inbox), now as Millis);
        let fresh_ms = (fresh_ms >= 0.0).then_some(fresh_ms as u64);
        let told = match came {
            CAME_VALUE => TaskResult::Value { value: Some(&inbox), fresh_ms },
            CAME_UNHANDED => TaskResult::Value { value: None, fresh_ms },
            CAME_NO_SUCH_KEY => TaskResult::NotFound,
            CAME_LOAD_FAILED => TaskResult::LoadFailed,
            CAME_PEER_FAILED => TaskResult::PeerFailed,
            _ => TaskResult::NotTransferable,
        };
        let Some((group, peers)) = self.pool.group_mut(GroupId(group)) else { return DONE };
        match group.complete_task(FlightId(flight as u64), now, told, peers) {
            Next::Done => DONE,
            Next::Retry => AGAIN,
            Next::DeadlinePassed => TOO_LATE,
            Next::Stale(entry) => self.scratch.show(STALE, group.at(entry), now),
            Next::Task(task) => self.scratch.set(task, &mut self.peer),
        }
    }

    /// Notes that a flight's leader lives, or is gone. False where the peer that it asks has left.
    pub fn note(&mut self, group: u32, flight: f64, is_lost: bool) -> bool {
        self.trip(4);
        let (flight, group) = (FlightId(flight as u64), self.pool.group_mut(GroupId(group)));
        match group {
            Some((group, peers)) if !is_lost => return group.heartbeat(flight, peers),
            Some((group, _)) => group.abandon(flight),
            None => (),
        }
        false
    }

    /// A caller's deadline has passed first: `STALE` with a copy that may still be served, or `DONE`.
    pub fn late(&mut self, group: u32, key_bytes: usize, now: f64) -> u32 {
        self.trip(5);
        let key = self.scratch.key(key_bytes);
        let Some((group, _)) = self.pool.group_mut(GroupId(group)) else { return DONE };
        match group.timed_out(key, now as Millis) {
            Some(entry) => self.scratch.show(STALE, group.at(entry), now as Millis),
            None => DONE,
        }
    }

    /// A follower looks whether its leader lives; false: look the key up again.
    pub fn watch(&mut self, group: u32, flight: f64, now: f64) -> bool {
        self.trip(6);
        self.with(group, |group| group.watch(FlightId(flight as u64), now as Millis)).unwrap_or(false)
    }

    /// Whether the flight is in the air.
    #[wasm_bindgen(js_name = isFlying)]
    pub fn is_flying(&mut self, group: u32, flight: f64) -> bool {
        self.with(group, |group| group.is_in_flight(FlightId(flight as u64))).unwrap_or(false)
    }

    /// `HIT` with the fresh copy that is here, or `DONE`.
    pub fn peek(&mut self, group: u32, key_bytes: usize, now: f64) -> u32 {
        let key = self.scratch.key(key_bytes);
        let found = self.pool.group(GroupId(group)).and_then(|group| group.peek(key, now as Millis));
        found.map_or(DONE, |found| self.scratch.show(HIT, found, now as Millis))
    }

    /// Keeps the value that was handed over through [`Core::reserve`], or counts one that was not; whether it was kept.
    pub fn set(&mut self, group: u32, key_bytes: usize, now: f64, handed: bool) -> Result<bool, JsValue> {
        let (key, inbox) = (self.scratch.key(key_bytes), std::mem::take(&mut self.inbox));
        let Some((group, _)) = self.pool.group_mut(GroupId(group)) else { return Ok(false) };
        group.set_for(key, (handed.then_some(&*inbox), None), now as Millis).map_err(thrown)
    }

    /// Forgets a key; whether it was here.
    pub fn remove(&mut self, group: u32, key_bytes: usize) -> bool {
        let key = self.scratch.key(key_bytes);
        self.pool.group_mut(GroupId(group)).is_some_and(|(group, _)| group.remove(key))
    }

    /// Forgets everything in a group.
    pub fn clear(&mut self, group: u32) {
        self.with(group, Group::clear);
    }

    /// A group's counters, in the order of `Stats`, and the pool's: float64 where a key is given. How many there are.
    pub fn stats(&mut self, group: u32) -> usize {
        self.trip(7);
        let counted = self.pool.group(GroupId(group)).map(Group::stats).unwrap_or_default();
        let counters = self.pool.counters();
        let counts = counted.counts().chain([
            counters.unauthorized(),
            counters.ring_mismatches(),
            self.pool.peers().open_breakers() as u64,
        ]);
        let mut written = 0;
        for (slot, count) in self.scratch.key.as_chunks_mut().0.iter_mut().zip(counts) {
            *slot = (count as f64).to_le_bytes();
            written += 1;
        }
        written
    }

    /// The name of the peer that owns the key in the scratch area.
    pub fn owner(&self, key_bytes: usize) -> Option<String> {
        let key = self.scratch.key(key_bytes);
        self.pool.peers().owner(key).map(|peer| String::from(&**peer))
    }

    /// Another list of peers.
    #[wasm_bindgen(js_name = setPeers)]
    pub fn set_peers(&mut self, peers: &JsValue) -> Result<(), JsValue> {
        let peers = options::peers(peers)?;
        self.pool.peers_mut().set_peers(&peers).map_err(thrown)
    }
}

impl Core {
    /// Shows bytes as a value is shown, until the next call.
    fn show_bytes(&mut self, bytes: Vec<u8>) {
        self.inbox = bytes;
        self.scratch.value_at = self.inbox.as_ptr() as usize as f64;
        self.scratch.value_bytes = self.inbox.len() as f64;
    }

    /// How peers are spoken with under these secrets.
    fn exchange(&self, secrets: &JsValue) -> Result<Exchange, JsValue> {
        Ok(self.pool.exchange(options::secrets(secrets)?))
    }

    fn with<T>(&mut self, group: u32, change: impl FnOnce(&mut Group) -> T) -> Option<T> {
        self.pool.group_mut(GroupId(group)).map(|(group, _)| change(group))
    }
}

impl Scratch {
    const EMPTY: Scratch = Scratch {
        value_at: 0.0,
        value_bytes: 0.0,
        fresh_ms: 0.0,
        flight: 0.0,
        task: 0.0,
        timeout_ms: 0.0,
        key: [0; MAX_KEY_BYTES + 5],
    };

    fn key(&self, bytes: usize) -> &[u8] {
        self.key.get(..bytes).unwrap_or_default()
    }

    fn show(&mut self, step: u32, found: Found<'_>, now: Millis) -> u32 {
        self.value_at = found.value.as_ptr() as usize as f64;
        self.value_bytes = found.value.len() as f64;
        self.fresh_ms = match found.meta.expires_at_ms {
            NEVER => -1.0,
            expires_at_ms => expires_at_ms.saturating_sub(now) as f64,
        };
        step
    }

    fn set(&mut self, task: Task, asked: &mut Option<Arc<str>>) -> u32 {
        match task {
            Task::Ask { peer, timeout_ms } => {
                (self.timeout_ms, *asked) = (timeout_ms as f64, Some(peer));
                ASK
            }
            Task::Load { timeout_ms } => {
                self.timeout_ms = timeout_ms as f64;
                LOAD
            }
        }
    }
}

/// An error on its way to JavaScript: an `Error` whose `code` is the core's.
fn thrown(error: Error) -> JsValue {
    let thrown = js_sys::Error::new(error.message());
    let _ = Reflect::set(&thrown, &"code".into(), &error.code().as_str().into());
    thrown.into()
}
