//! The results that the leaders of a random walk report: of the current attempt, of another one, or after the end.

use crate::random_walk::{Copy, DEADLINE_MS, HOT_MS, InFlight, ON_ERROR_MS, Peers, TTL_MS, Walk};
use geecache_edge::group::{Next, Task, TaskResult};

impl Walk<'_> {
    /// The leader of the flight at index `at` reports a result of its task.
    pub fn report(&mut self, at: usize) {
        let InFlight { id, key, asking, attempt, is_invalidated, .. } = self.in_flight[at];
        match self.rng.below(10) {
            0..5 => {
                let (value, fresh_ms) = (self.value(key), self.rng.below(2 * HOT_MS));
                let result = TaskResult::Value { value: Some(&value), fresh_ms: asking.map(|_| fresh_ms) };
                assert_eq!(self.group.complete_task(id, attempt, self.now, result, &mut Peers), Next::Done);
                self.expected.peer_hits += u64::from(asking.is_some());
                self.expected.invalidated_loads += u64::from(is_invalidated);
                if !is_invalidated {
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
                if !is_invalidated {
                    self.copies[key] = None;
                }
            }
            6..8 if let Some(rank) = asking => {
                let result = *self.rng.pick(&[
                    TaskResult::PeerFailed,
                    TaskResult::PeerFailed,
                    TaskResult::NotTransferable,
                ]);
                let newest =
                    self.in_flight.iter().rfind(|flight| flight.key == key && !flight.is_invalidated);
                let loading = newest.is_some_and(|newest| newest.id != id && newest.asking.is_none());
                let here = self.group.peek(&[key as u8], self.now).is_some();
                let late = self.now >= self.in_flight[at].began + DEADLINE_MS;
                let next = self.group.complete_task(id, attempt, self.now, result, &mut Peers);
                self.expected.peer_failures += 1;
                let asks_again = rank == 0 && result == TaskResult::PeerFailed;
                match next {
                    Next::Retry => assert!(loading || here, "there was no concurrent fill"),
                    Next::Stale(_) | Next::DeadlinePassed => {
                        assert!(late && !loading && !here, "there was time for another attempt");
                        let stale = matches!(next, Next::Stale(_));
                        self.expected.stale_hits += u64::from(stale);
                        self.expected.errors += u64::from(!stale);
                    }
                    _ => {
                        assert!(
                            !late && !loading && !here,
                            "a concurrent fill, or the deadline, was ignored"
                        );
                        assert_eq!(matches!(next, Next::Task(Task::Ask { .. })), asks_again);
                        assert_eq!(matches!(next, Next::Task(Task::Load { .. })), !asks_again);
                        self.expected.loads += u64::from(!asks_again);
                        self.expected.fallbacks += u64::from(!asks_again);
                        self.in_flight[at].asking = asks_again.then_some(1);
                        self.in_flight[at].attempt += 1;
                        return;
                    }
                }
            }
            _ => match self.group.complete_task(id, attempt, self.now, TaskResult::LoadFailed, &mut Peers) {
                Next::Stale(entry) => {
                    self.assert_is_copy(key, entry);
                    let copy = self.copies[key].as_ref().unwrap();
                    assert!(self.now < copy.expires_at + ON_ERROR_MS, "older than stale_if_error_ms allows");
                    self.expected.stale_hits += 1;
                }
                next => {
                    assert_eq!(next, Next::Done);
                    let copy = self.copies[key].as_ref();
                    let servable = copy.is_some_and(|copy| self.now < copy.expires_at + ON_ERROR_MS);
                    assert!(!self.exact || !servable, "a stale copy could have been served");
                    self.expected.errors += 1;
                }
            },
        }
        self.in_flight.remove(at);
        self.over.push(id);
    }

    pub fn report_after_the_end(&mut self) {
        let id = *self.rng.pick(&self.over);
        assert!(!self.group.is_in_flight(id));
        let result = [
            (TaskResult::Value { value: Some(b"late"), fresh_ms: None }, Next::Done),
            (TaskResult::NotFound, Next::Done),
            (TaskResult::LoadFailed, Next::Done),
            (TaskResult::PeerFailed, Next::Retry),
            (TaskResult::NotTransferable, Next::Retry),
        ];
        let (result, next) = self.rng.pick(&result);
        assert_eq!(self.group.complete_task(id, 1, self.now, *result, &mut Peers), *next);
    }

    /// A late or doubled result of a flight that is still in flight: the model does not change.
    pub fn report_another_attempt(&mut self) {
        let &InFlight { id, attempt, .. } = self.rng.pick(&self.in_flight);
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
}
