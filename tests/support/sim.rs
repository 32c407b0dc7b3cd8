//! An executor on a virtual clock, which stands still while a task can run and then jumps to the next timer.
#![allow(dead_code)] // Each test file uses a part of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use futures_executor::{LocalPool, LocalSpawner};
use futures_util::future::{FutureExt, LocalBoxFuture, RemoteHandle};
use futures_util::task::LocalSpawnExt;
use geecache_edge::driver::{GroupDriver, Outcome, Runtime};
use geecache_edge::peer::PeerRequest;
use geecache_edge::{ByteView, Code, Error, GroupOptions, Loader, PeerAnswer, PeerGetter, PeerPicker};

/// The clock's start: not 0, so that a time mistaken for a duration shows.
pub const START_MS: u64 = 1_000_000;

/// The executor.
pub struct Sim {
    pool: LocalPool,
    pub runtime: SimRuntime,
}

/// The runtime of one simulation. Clones share it.
#[derive(Clone)]
pub struct SimRuntime {
    time: Rc<Time>,
    spawner: LocalSpawner,
    /// Drops background tasks instead of running them.
    pub drops_spawned: Rc<Cell<bool>>,
}

#[derive(Default)]
struct Time {
    now: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    serial: Cell<u64>,
}

impl Sim {
    pub fn new() -> Sim {
        let pool = LocalPool::new();
        let time = Rc::new(Time { now: Cell::new(START_MS), ..Time::default() });
        let runtime = SimRuntime { time, spawner: pool.spawner(), drops_spawned: Rc::default() };
        Sim { pool, runtime }
    }

    /// Runs `future` and everything that was spawned until it ends.
    pub fn run<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> T {
        let mut running = self.runtime.go(future);
        loop {
            self.pool.run_until_stalled();
            if let Some(value) = (&mut running).now_or_never() {
                return value;
            }
            assert!(self.runtime.time.jump(), "deadlock: every task waits and no timer is set");
        }
    }

    /// Runs every task to its end, except those that wait for ever.
    pub fn settle(&mut self) {
        self.pool.run_until_stalled();
        while self.runtime.time.jump() {
            self.pool.run_until_stalled();
        }
    }
}

impl Time {
    /// Jumps to the next timer; false if none is set.
    fn jump(&self) -> bool {
        let next = self.timers.borrow_mut().pop_first();
        next.map(|((at, _), waker)| {
            self.now.set(at.max(self.now.get()));
            waker.wake();
        })
        .is_some()
    }
}

impl SimRuntime {
    /// Starts a task. Dropping the handle drops it.
    pub fn go<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> RemoteHandle<T> {
        self.spawner.spawn_local_with_handle(future).unwrap()
    }

    pub fn elapsed_ms(&self) -> u64 {
        self.now_ms() - START_MS
    }
}

impl Runtime for SimRuntime {
    fn now_ms(&self) -> u64 {
        self.time.now.get()
    }

    fn sleep_ms(&self, ms: u64) -> impl Future<Output = ()> {
        let (time, at) = (self.time.clone(), self.now_ms() + ms);
        time.serial.set(time.serial.get() + 1);
        let name = (at, time.serial.get());
        let mut timer = Timer { time, name, set: false };
        poll_fn(move |cx| {
            if timer.set && !timer.time.timers.borrow().contains_key(&timer.name) {
                return Poll::Ready(());
            }
            timer.set = true;
            timer.time.timers.borrow_mut().insert(timer.name, cx.waker().clone());
            Poll::Pending
        })
    }

    fn spawn(&self, refresh: Pin<Box<dyn Future<Output = ()>>>) {
        if !self.drops_spawned.get() {
            self.spawner.spawn_local(refresh).unwrap();
        }
    }
}

struct Timer {
    time: Rc<Time>,
    name: (u64, u64),
    set: bool,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.time.timers.borrow_mut().remove(&self.name);
    }
}

pub type Loaded = Result<Option<ByteView>, Box<dyn std::error::Error + Send + Sync>>;
pub type Answered = Result<PeerAnswer, Error>;

/// A loader made of a closure.
#[derive(Clone)]
pub struct TestLoader(Rc<dyn Fn(Vec<u8>) -> LocalBoxFuture<'static, Loaded>>);

impl TestLoader {
    pub fn new<F: Future<Output = Loaded> + 'static>(load: impl Fn(Vec<u8>) -> F + 'static) -> TestLoader {
        TestLoader(Rc::new(move |key| Box::pin(load(key))))
    }
}

impl Loader for TestLoader {
    fn load(&self, key: &[u8]) -> impl Future<Output = Loaded> {
        (self.0)(key.to_vec())
    }
}

/// A peer request, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRequest {
    pub peer: String,
    pub group: String,
    pub key: Vec<u8>,
    pub timeout_ms: u64,
}

/// Peers made of a closure.
#[derive(Clone)]
pub struct Net(Rc<dyn Fn(ReceivedRequest) -> LocalBoxFuture<'static, Answered>>);

impl Net {
    pub fn new<F: Future<Output = Answered> + 'static>(ask: impl Fn(ReceivedRequest) -> F + 'static) -> Net {
        Net(Rc::new(move |asked| Box::pin(ask(asked))))
    }

    pub fn none() -> Net {
        Net::new(|asked| async move { panic!("unexpected peer request: {asked:?}") })
    }
}

impl PeerGetter for Net {
    fn get(&self, ask: PeerRequest<'_>) -> impl Future<Output = Answered> {
        let (peer, group, key) = (ask.peer.to_owned(), ask.group.to_owned(), ask.key.to_vec());
        (self.0)(ReceivedRequest { peer, group, key, timeout_ms: ask.timeout_ms })
    }
}

pub type Node = GroupDriver<TestLoader, Net, SimRuntime>;

/// A group with a deadline of 1,000 ms and a peer timeout of 250 ms.
pub fn node(sim: &Sim, origin: TestLoader, net: Net, change: impl FnOnce(&mut GroupOptions)) -> Node {
    let mut options = GroupOptions::new(1 << 20);
    (options.deadline_ms, options.peer_timeout_ms) = (1_000, 250);
    change(&mut options);
    GroupDriver::new("scores", options, origin, net, sim.runtime.clone()).unwrap()
}

/// A shared counter.
#[derive(Clone, Default)]
pub struct Count(pub Rc<Cell<u32>>);

impl Count {
    pub fn up(&self) -> u32 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

pub fn value(text: &str) -> Loaded {
    Ok(Some(ByteView::from(text.as_bytes())))
}

pub fn text(outcome: Outcome) -> String {
    String::from_utf8(outcome.unwrap().expect("the key exists").to_vec()).unwrap()
}

pub fn code(outcome: Outcome) -> Code {
    outcome.expect_err("an error was expected").code()
}

/// A loader that takes 100 ms and returns "<key> <number of the load>".
pub fn counting(runtime: &SimRuntime, loads: &Count) -> TestLoader {
    let (runtime, loads) = (runtime.clone(), loads.clone());
    TestLoader::new(move |key| {
        let (runtime, load) = (runtime.clone(), loads.up());
        async move {
            runtime.sleep_ms(100).await;
            value(&format!("{} {load}", String::from_utf8(key).unwrap()))
        }
    })
}

pub fn get(sim: &Sim, node: &Node, key: &'static str) -> RemoteHandle<Outcome> {
    let node = node.clone();
    sim.runtime.go(async move { node.get(key.as_bytes()).await })
}

pub fn gets(sim: &Sim, node: &Node, count: usize) -> Vec<RemoteHandle<Outcome>> {
    (0..count).map(|_| get(sim, node, "k")).collect()
}

/// Lets time pass.
pub fn pass(sim: &mut Sim, ms: u64) {
    let runtime = sim.runtime.clone();
    sim.run(async move { runtime.sleep_ms(ms).await });
}

pub fn alone(sim: &Sim, loads: &Count) -> Node {
    node(sim, counting(&sim.runtime, loads), Net::none(), |_| ())
}

/// Peers by rank.
pub struct PeersByRank(pub &'static [&'static str]);

impl PeerPicker for PeersByRank {
    fn pick_peer(&self, _key: &[u8], rank: u32) -> Option<Arc<str>> {
        self.0.get(rank as usize).map(|&name| name.into())
    }
}
