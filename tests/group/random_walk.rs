//! Random walks of a group against a model that knows what every look-up must come to.

use std::sync::Arc;

use crate::support::{Rng, for_seeds};
use geecache_edge::group::singleflight::{FlightId, HEARTBEAT_MS, MAX_MISSED_HEARTBEATS};
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};
use geecache_edge::store::{EntryRef, Policy};
use geecache_edge::{Group, GroupOptions, PeerPicker, Stats};

const KEYS: usize = 4;
const TTL_MS: u64 = 40;
const RENEW_MS: u64 = 30;
const ON_ERROR_MS: u64 = 60;
const HOT_MS: u64 = 20;
const DEADLINE_MS: u64 = 100;

/// Key 0 is this node's own; the others have an owner and a next peer, and after that this node.
struct Peers;

impl PeerPicker for Peers {
    fn pick_peer(&self, key: &[u8], rank: u32) -> Option<Arc<str>> {
        (key[0] != 0 && rank < 2).then(|| ["owner", "next"][rank as usize].into())
    }
}

#[derive(Clone, Debug)]
struct Copy {
    value: Vec<u8>,
    expires_at: u64,
}

#[derive(Debug)]
struct Air {
    id: FlightId,
    key: usize,
    began: u64,
    /// How many peers have failed; `None` once it loads here.
    asking: Option<u32>,
    attempt: u32,
    invalidated_loads: bool,
}

struct Walk<'a> {
    rng: &'a mut Rng,
    group: Group,
    now: u64,
    copies: [Option<Copy>; KEYS],
    air: Vec<Air>,
    /// Flights that are over, whose leaders may still come and tell.
    over: Vec<FlightId>,
    values: u64,
    expected: Stats,
    /// With a budget that holds everything the model knows what is here; else only what may be.
    exact: bool,
}

impl Walk<'_> {
    fn new(rng: &mut Rng, exact: bool) -> Walk<'_> {
        // The small one has room for two or three of the largest values.
        let mut options = GroupOptions::new(if exact { 1 << 20 } else { 8_192 });
        options.max_entry_bytes = 4_096;
        // It refuses nobody for being worth less, which the model could not foresee.
        options.policy = Policy::Lru;
        options.ttl_ms = Some(TTL_MS);
        options.hot_ttl_ms = Some(HOT_MS);
        options.stale_while_revalidate_ms = RENEW_MS;
        options.stale_if_error_ms = ON_ERROR_MS;
        options.deadline_ms = DEADLINE_MS;
        let group = Group::new("walk", options).unwrap();
        let (copies, expected) = Default::default();
        Walk { rng, group, now: 1_000, copies, air: vec![], over: vec![], values: 0, expected, exact }
    }

    fn step(&mut self) {
        self.now += self.rng.below(4);
        let key = self.rng.below(KEYS as u64) as usize;
        match self.rng.below(100) {
            0..45 => self.begin(key),
            45..80 if !self.air.is_empty() => {
                let at = self.rng.below(self.air.len() as u64) as usize;
                self.tell(at);
            }
            80..84 if !self.air.is_empty() => {
                let gone = self.air.remove(self.rng.below(self.air.len() as u64) as usize).id;
                match self.rng.chance(50) {
                    true => self.group.abandon(gone),
                    false => self.watch_to_its_end(gone),
                }
                self.over.push(gone);
                self.expected.lost_flights += 1;
            }
            84..86 if !self.over.is_empty() => self.tell_too_late(),
            86..88 if !self.air.is_empty() => self.report_another_attempt(),
            88..92 => {
                let had = self.group.remove(&[key as u8]);
                assert!(!self.exact || had == self.copies[key].is_some());
                self.invalidate(key);
                self.copies[key] = None;
            }
            92..96 => {
                let value = self.value(key);
                assert!(self.group.set(&[key as u8], &value, self.now).unwrap());
                self.invalidate(key);
                self.copies[key] = Some(Copy { value, expires_at: self.now + TTL_MS });
            }
            96..97 => {
                self.group.clear();
                (0..KEYS).for_each(|key| self.invalidate(key));
                self.copies = Default::default();
            }
            _ => self.now += self.rng.below(60),
        }
        self.compare();
    }

    fn value(&mut self, key: usize) -> Vec<u8> {
        self.values += 1;
        let padding = if self.exact { 0 } else { self.rng.below(3_000) as usize };
        format!("{key}:{}:{}", self.values, "x".repeat(padding)).into_bytes()
    }

    fn invalidate(&mut self, key: usize) {
        self.air
            .iter_mut()
            .filter(|flight| flight.key == key)
            .for_each(|flight| flight.invalidated_loads = true);
    }

    fn begin(&mut self, key: usize) {
        let asker = *self.rng.pick(&[Origin::Local, Origin::Local, Origin::Peer]);
        let counter = match asker {
            Origin::Local => &mut self.expected.requests,
            Origin::Peer => &mut self.expected.peer_requests,
        };
        *counter += 1;
        let swept = self.air.iter().take_while(|air| air.began + 2 * DEADLINE_MS < self.now).count();
        let newest =
            self.air.iter().skip(swept).rfind(|flight| flight.key == key && !flight.invalidated_loads);
        let joinable =
            newest.filter(|flight| asker == Origin::Local || flight.asking.is_none()).map(|flight| flight.id);
        let age = self.copies[key].as_ref().map(|copy| self.now as i64 - copy.expires_at as i64);
        let step = self.group.begin(&[key as u8], self.now, asker, &mut Peers).unwrap();
        if !matches!(step, Step::Hit(_)) {
            self.over.extend(self.air.drain(..swept).map(|flight| flight.id));
            self.expected.lost_flights += swept as u64;
        }
        match step {
            Step::Hit(spot) => {
                assert!(age.is_some_and(|age| age < 0), "a hit at the age of {age:?}");
                self.is_the_copy(key, spot);
                self.expected.hits += 1;
            }
            Step::Stale(spot, refresh) => {
                assert!(
                    age.is_some_and(|age| (0..RENEW_MS as i64).contains(&age)),
                    "stale at the age of {age:?}"
                );
                self.is_the_copy(key, spot);
                self.expected.stale_hits += 1;
                assert_eq!(refresh.is_none(), joinable.is_some(), "one renewal at a time");
                if let Some((id, task)) = refresh {
                    self.takes_off(id, key, asker, task);
                }
            }
            Step::Join(id) => {
                assert!(
                    !self.exact || age.is_none_or(|age| age >= RENEW_MS as i64),
                    "it could have been answered"
                );
                assert_eq!(Some(id), joinable);
                self.expected.coalesced += 1;
            }
            Step::Lead(id, task) => {
                assert!(
                    !self.exact || age.is_none_or(|age| age >= RENEW_MS as i64),
                    "it could have been answered"
                );
                assert_eq!(joinable, None, "it could have been joined");
                self.takes_off(id, key, asker, task);
            }
        }
    }

    fn is_the_copy(&self, key: usize, spot: EntryRef) {
        assert_eq!(Some(self.group.at(spot).value), self.copies[key].as_ref().map(|copy| &*copy.value));
    }

    fn takes_off(&mut self, id: FlightId, key: usize, asker: Origin, task: Task) {
        let asks = asker == Origin::Local && key != 0;
        assert_eq!(matches!(task, Task::Ask { .. }), asks, "who is asked");
        self.expected.loads += u64::from(!asks);
        let (began, asking, attempt) = (self.now, asks.then_some(0), task.attempt());
        self.air.push(Air { id, key, began, asking, attempt, invalidated_loads: false });
    }

    /// The leader at `at` tells what came of its task.
    fn tell(&mut self, at: usize) {
        let Air { id, key, asking, attempt, invalidated_loads, .. } = self.air[at];
        match self.rng.below(10) {
            0..5 => {
                let (value, fresh_ms) = (self.value(key), self.rng.below(2 * HOT_MS));
                let told = TaskResult::Value { value: Some(&value), fresh_ms: asking.map(|_| fresh_ms) };
                assert_eq!(self.group.complete_task(id, attempt, self.now, told, &mut Peers), Next::Done);
                self.expected.peer_hits += u64::from(asking.is_some());
                self.expected.invalidated_loads += u64::from(invalidated_loads);
                if !invalidated_loads {
                    let lives = if asking.is_some() { fresh_ms.min(HOT_MS) } else { TTL_MS };
                    self.copies[key] = (lives > 0).then_some(Copy { value, expires_at: self.now + lives });
                }
            }
            5..6 => {
                assert_eq!(
                    self.group.complete_task(id, attempt, self.now, TaskResult::NotFound, &mut Peers),
                    Next::Done
                );
                self.expected.not_found += 1;
                if !invalidated_loads {
                    self.copies[key] = None;
                }
            }
            6..8 if let Some(rank) = asking => {
                let told = *self.rng.pick(&[
                    TaskResult::PeerFailed,
                    TaskResult::PeerFailed,
                    TaskResult::NotTransferable,
                ]);
                let newest = self.air.iter().rfind(|flight| flight.key == key && !flight.invalidated_loads);
                let loading = newest.is_some_and(|newest| newest.id != id && newest.asking.is_none());
                let here = self.group.peek(&[key as u8], self.now).is_some();
                let late = self.now >= self.air[at].began + DEADLINE_MS;
                let next = self.group.complete_task(id, attempt, self.now, told, &mut Peers);
                self.expected.peer_failures += 1;
                let asks_again = rank == 0 && told == TaskResult::PeerFailed;
                match next {
                    Next::Retry => assert!(loading || here, "it had not come meanwhile"),
                    Next::Stale(_) | Next::DeadlinePassed => {
                        assert!(late && !loading && !here, "there was time for more");
                        let stale = matches!(next, Next::Stale(_));
                        self.expected.stale_hits += u64::from(stale);
                        self.expected.errors += u64::from(!stale);
                    }
                    _ => {
                        assert!(!late && !loading && !here, "it had come meanwhile, or was too late");
                        assert_eq!(matches!(next, Next::Task(Task::Ask { .. })), asks_again);
                        assert_eq!(matches!(next, Next::Task(Task::Load { .. })), !asks_again);
                        self.expected.loads += u64::from(!asks_again);
                        self.expected.fallbacks += u64::from(!asks_again);
                        self.air[at].asking = asks_again.then_some(1);
                        self.air[at].attempt += 1;
                        return;
                    }
                }
            }
            _ => match self.group.complete_task(id, attempt, self.now, TaskResult::LoadFailed, &mut Peers) {
                Next::Stale(spot) => {
                    self.is_the_copy(key, spot);
                    let copy = self.copies[key].as_ref().unwrap();
                    assert!(self.now < copy.expires_at + ON_ERROR_MS, "too old even for that");
                    self.expected.stale_hits += 1;
                }
                next => {
                    assert_eq!(next, Next::Done);
                    let copy = self.copies[key].as_ref();
                    let servable = copy.is_some_and(|copy| self.now < copy.expires_at + ON_ERROR_MS);
                    assert!(!self.exact || !servable, "the stale copy was there");
                    self.expected.errors += 1;
                }
            },
        }
        self.air.remove(at);
        self.over.push(id);
    }

    fn tell_too_late(&mut self) {
        let id = *self.rng.pick(&self.over);
        assert!(!self.group.is_in_flight(id));
        let told = [
            (TaskResult::Value { value: Some(b"late"), fresh_ms: None }, Next::Done),
            (TaskResult::NotFound, Next::Done),
            (TaskResult::LoadFailed, Next::Done),
            (TaskResult::PeerFailed, Next::Retry),
            (TaskResult::NotTransferable, Next::Retry),
        ];
        let (told, next) = self.rng.pick(&told);
        assert_eq!(self.group.complete_task(id, 1, self.now, *told, &mut Peers), *next);
    }

    /// A late or doubled result of a flight that is still in flight: the model does not change.
    fn report_another_attempt(&mut self) {
        let &Air { id, attempt, .. } = self.rng.pick(&self.air);
        let result = *self.rng.pick(&[
            TaskResult::Value { value: Some(b"late"), fresh_ms: Some(HOT_MS) },
            TaskResult::NotFound,
            TaskResult::LoadFailed,
            TaskResult::PeerFailed,
            TaskResult::NotTransferable,
        ]);
        let other = if self.rng.chance(80) { attempt - 1 } else { attempt + 1 };
        let next = self.group.complete_task(id, other, self.now, result, &mut Peers);
        assert_eq!(next, Next::Superseded, "attempt {other} while {attempt} is under way");
    }

    fn watch_to_its_end(&mut self, id: FlightId) {
        assert!(self.group.heartbeat(id, &Peers), "peers do not leave here");
        // Looks are told apart by their times alone, which need not be the walk's.
        let looks: Vec<bool> = (1..=MAX_MISSED_HEARTBEATS + 1)
            .map(|tick| self.group.watch(id, self.now + u64::from(1_000_000 + tick * HEARTBEAT_MS)))
            .collect();
        assert_eq!(looks, [true, true, true, true, false], "one beat and four silent ticks");
    }

    fn compare(&self) {
        let stats = self.group.stats();
        assert!(stats.used_bytes <= stats.max_bytes, "the budget holds");
        for (key, copy) in self.copies.iter().enumerate() {
            let expected = copy.as_ref().filter(|copy| self.now < copy.expires_at).map(|copy| &*copy.value);
            let here = self.group.peek(&[key as u8], self.now).map(|found| found.value);
            assert!(
                here == expected || (!self.exact && here.is_none()),
                "key {key}: {here:?}, not {expected:?}"
            );
        }
        let evicted = if self.exact { 0 } else { stats.evictions };
        let entries = match self.exact {
            true => self.copies.iter().flatten().count() as u64,
            false => stats.entries,
        };
        let (used_bytes, max_bytes) = (stats.used_bytes, stats.max_bytes);
        let flights = self.air.len() as u64;
        let expected =
            Stats { evictions: evicted, entries, used_bytes, max_bytes, flights, ..self.expected.clone() };
        assert_eq!(stats, expected);
    }

    /// Lands everything, and finds nothing in the air.
    fn rest(mut self) -> Stats {
        while !self.air.is_empty() {
            self.tell(0);
            self.compare();
        }
        self.group.stats()
    }
}

#[test]
fn every_look_up_comes_to_what_the_model_says() {
    for_seeds(150, |rng| {
        let mut walk = Walk::new(rng, true);
        (0..600).for_each(|_| walk.step());
        assert_eq!(walk.rest().flights, 0);
    });
}

#[test]
fn under_a_small_budget_copies_vanish_and_nothing_else_changes() {
    for_seeds(150, |rng| {
        let mut walk = Walk::new(rng, false);
        (0..600).for_each(|_| walk.step());
        let stats = walk.rest();
        assert_eq!(stats.flights, 0);
        assert!(stats.evictions > 0, "the walk filled the budget");
    });
}
