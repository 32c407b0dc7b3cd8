//! Random operations on a group, compared with a model that predicts every result and counter.

use std::sync::Arc;

use crate::support::{Rng, for_seeds};
use geecache_edge::group::singleflight::{FlightId, HEARTBEAT_MS, MAX_MISSED_HEARTBEATS};
use geecache_edge::group::{Origin, Step, Task};
use geecache_edge::store::{EntryRef, Policy};
use geecache_edge::{Group, GroupOptions, PeerPicker, Stats};

const KEYS: usize = 4;
pub const TTL_MS: u64 = 40;
const REVALIDATE_MS: u64 = 30;
pub const ON_ERROR_MS: u64 = 60;
pub const HOT_MS: u64 = 20;
pub const DEADLINE_MS: u64 = 100;

/// Key 0 is this node's own; the others have an owner and a next peer, and after that this node.
pub struct Peers;

impl PeerPicker for Peers {
    fn pick_peer(&self, key: &[u8], rank: u32) -> Option<Arc<str>> {
        (key[0] != 0 && rank < 2).then(|| ["owner", "next"][rank as usize].into())
    }
}

#[derive(Clone, Debug)]
pub struct Copy {
    pub value: Vec<u8>,
    pub expires_at: u64,
}

#[derive(Debug)]
pub struct InFlight {
    pub id: FlightId,
    pub key: usize,
    pub began: u64,
    /// How many peers have failed; `None` while the loader runs.
    pub asking: Option<u32>,
    pub attempt: u32,
    pub is_invalidated: bool,
}

pub struct Walk<'a> {
    pub rng: &'a mut Rng,
    pub group: Group,
    pub now: u64,
    pub copies: [Option<Copy>; KEYS],
    pub in_flight: Vec<InFlight>,
    /// Ended flights, whose leaders may still report.
    pub over: Vec<FlightId>,
    pub values: u64,
    pub expected: Stats,
    /// Whether the budget fits every value, so that the model knows each copy exactly.
    pub exact: bool,
}

impl Walk<'_> {
    fn new(rng: &mut Rng, exact: bool) -> Walk<'_> {
        // The small budget fits two or three of the largest values.
        let mut options = GroupOptions::new(if exact { 1 << 20 } else { 8_192 });
        options.max_entry_bytes = 4_096;
        // Admits every value: the model does not predict admission.
        options.policy = Policy::Lru;
        options.ttl_ms = Some(TTL_MS);
        options.hot_ttl_ms = Some(HOT_MS);
        options.stale_while_revalidate_ms = REVALIDATE_MS;
        options.stale_if_error_ms = ON_ERROR_MS;
        options.deadline_ms = DEADLINE_MS;
        let group = Group::new("walk", options).unwrap();
        let (copies, expected) = Default::default();
        Walk { rng, group, now: 1_000, copies, in_flight: vec![], over: vec![], values: 0, expected, exact }
    }

    fn step(&mut self) {
        self.now += self.rng.below(4);
        let key = self.rng.below(KEYS as u64) as usize;
        match self.rng.below(100) {
            0..45 => self.begin(key),
            45..80 if !self.in_flight.is_empty() => {
                let at = self.rng.below(self.in_flight.len() as u64) as usize;
                self.report(at);
            }
            80..84 if !self.in_flight.is_empty() => {
                let lost = self.in_flight.remove(self.rng.below(self.in_flight.len() as u64) as usize).id;
                match self.rng.chance(50) {
                    true => self.group.abandon(lost),
                    false => self.watch_until_lost(lost),
                }
                self.over.push(lost);
                self.expected.lost_flights += 1;
            }
            84..86 if !self.over.is_empty() => self.report_after_the_end(),
            86..88 if !self.in_flight.is_empty() => self.report_another_attempt(),
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

    pub fn value(&mut self, key: usize) -> Vec<u8> {
        self.values += 1;
        let padding = if self.exact { 0 } else { self.rng.below(3_000) as usize };
        format!("{key}:{}:{}", self.values, "x".repeat(padding)).into_bytes()
    }

    fn invalidate(&mut self, key: usize) {
        self.in_flight
            .iter_mut()
            .filter(|flight| flight.key == key)
            .for_each(|flight| flight.is_invalidated = true);
    }

    fn begin(&mut self, key: usize) {
        let origin = *self.rng.pick(&[Origin::Local, Origin::Local, Origin::Peer]);
        let counter = match origin {
            Origin::Local => &mut self.expected.requests,
            Origin::Peer => &mut self.expected.peer_requests,
        };
        *counter += 1;
        let swept =
            self.in_flight.iter().take_while(|flight| flight.began + 2 * DEADLINE_MS < self.now).count();
        let newest =
            self.in_flight.iter().skip(swept).rfind(|flight| flight.key == key && !flight.is_invalidated);
        let joinable = newest
            .filter(|flight| origin == Origin::Local || flight.asking.is_none())
            .map(|flight| flight.id);
        let age = self.copies[key].as_ref().map(|copy| self.now as i64 - copy.expires_at as i64);
        let step = self.group.begin(&[key as u8], self.now, origin, &mut Peers).unwrap();
        if !matches!(step, Step::Hit(_)) {
            self.over.extend(self.in_flight.drain(..swept).map(|flight| flight.id));
            self.expected.lost_flights += swept as u64;
        }
        match step {
            Step::Hit(entry) => {
                assert!(age.is_some_and(|age| age < 0), "a hit at the age of {age:?}");
                self.assert_is_copy(key, entry);
                self.expected.hits += 1;
            }
            Step::Stale(entry, refresh) => {
                assert!(
                    age.is_some_and(|age| (0..REVALIDATE_MS as i64).contains(&age)),
                    "stale at the age of {age:?}"
                );
                self.assert_is_copy(key, entry);
                self.expected.stale_hits += 1;
                assert_eq!(refresh.is_none(), joinable.is_some(), "one refresh at a time");
                if let Some((id, task)) = refresh {
                    self.leads(id, key, origin, task);
                }
            }
            Step::Join(id) => {
                assert!(
                    !self.exact || age.is_none_or(|age| age >= REVALIDATE_MS as i64),
                    "a copy could have been returned"
                );
                assert_eq!(Some(id), joinable);
                self.expected.coalesced += 1;
            }
            Step::Lead(id, task) => {
                assert!(
                    !self.exact || age.is_none_or(|age| age >= REVALIDATE_MS as i64),
                    "a copy could have been returned"
                );
                assert_eq!(joinable, None, "a flight could have been joined");
                self.leads(id, key, origin, task);
            }
        }
    }

    pub fn assert_is_copy(&self, key: usize, entry: EntryRef) {
        assert_eq!(Some(self.group.at(entry).value), self.copies[key].as_ref().map(|copy| &*copy.value));
    }

    fn leads(&mut self, id: FlightId, key: usize, origin: Origin, task: Task) {
        let asks = origin == Origin::Local && key != 0;
        assert_eq!(matches!(task, Task::Ask { .. }), asks, "the first task");
        self.expected.loads += u64::from(!asks);
        let (began, asking, attempt) = (self.now, asks.then_some(0), task.attempt());
        self.in_flight.push(InFlight { id, key, began, asking, attempt, is_invalidated: false });
    }

    fn watch_until_lost(&mut self, id: FlightId) {
        assert!(self.group.heartbeat(id, &Peers), "the peers do not change here");
        // Only the times of the checks matter, and those need not be the walk's.
        let checks: Vec<bool> = (1..=MAX_MISSED_HEARTBEATS + 1)
            .map(|tick| self.group.watch(id, self.now + u64::from(1_000_000 + tick * HEARTBEAT_MS)))
            .collect();
        assert_eq!(checks, [true, true, true, true, false], "a heartbeat, then four missed ones");
    }

    fn compare(&self) {
        let stats = self.group.stats();
        assert!(stats.used_bytes <= stats.max_bytes, "over the budget");
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
        let flights = self.in_flight.len() as u64;
        let expected =
            Stats { evictions: evicted, entries, used_bytes, max_bytes, flights, ..self.expected.clone() };
        assert_eq!(stats, expected);
    }

    /// Ends every flight.
    fn finish(mut self) -> Stats {
        while !self.in_flight.is_empty() {
            self.report(0);
            self.compare();
        }
        self.group.stats()
    }
}

#[test]
fn random_lookups_agree_with_the_model() {
    for_seeds(150, |rng| {
        let mut walk = Walk::new(rng, true);
        (0..600).for_each(|_| walk.step());
        assert_eq!(walk.finish().flights, 0);
    });
}

#[test]
fn random_lookups_under_a_small_budget_lose_copies_only() {
    for_seeds(150, |rng| {
        let mut walk = Walk::new(rng, false);
        (0..600).for_each(|_| walk.step());
        let stats = walk.finish();
        assert_eq!(stats.flights, 0);
        assert!(stats.evictions > 0, "nothing was evicted");
    });
}
