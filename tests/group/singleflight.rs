//! Singleflight: leading, joining, ending, heartbeats and invalidation of flights.

use crate::support::for_seeds;
use geecache_edge::group::singleflight::{FlightId, Flights, HEARTBEAT_MS, MAX_MISSED_HEARTBEATS};

const K: &[u8] = b"key";

fn flights() -> Flights<&'static str> {
    Flights::default()
}

/// The flight that a caller of `key` can join.
fn joinable(flights: &Flights<&'static str>, key: &[u8]) -> Option<FlightId> {
    flights.joinable(key).map(|flight| flight.id())
}

/// Ends a flight. Returns whether its value may be stored; `None` if it had ended.
fn end(flights: &mut Flights<&'static str>, id: FlightId) -> Option<bool> {
    flights.end(id).map(|flight| !flight.is_invalidated())
}

#[test]
fn flight_is_joinable_from_its_start_to_its_end() {
    let mut flights = flights();
    assert_eq!(joinable(&flights, K), None);
    let id = flights.lead(K, 7, "ask");
    assert_eq!(joinable(&flights, K), Some(id));
    assert_eq!(joinable(&flights, b"another"), None);
    let flight = flights.end(id).unwrap();
    assert!(!flight.is_invalidated());
    assert_eq!((&*flight.key, flight.started_at_ms, flight.state), (K, 7, "ask"));
    assert_eq!((joinable(&flights, K), flights.len(), flights.lost()), (None, 0, 0));
    assert_eq!(end(&mut flights, id), None, "it ends once");
}

#[test]
fn two_flights_of_a_key_the_later_is_joined() {
    let mut flights = flights();
    let (first, second) = (flights.lead(K, 0, ""), flights.lead(K, 1, ""));
    assert_ne!(first, second);
    assert_eq!(joinable(&flights, K), Some(second));
    assert_eq!(end(&mut flights, first), Some(true));
    assert_eq!(joinable(&flights, K), Some(second), "the end of the first does not affect the second");
    let third = flights.lead(K, 2, "");
    assert_eq!(end(&mut flights, third), Some(true));
    assert_eq!(joinable(&flights, K), Some(second), "nor does the end of the third");
    assert_eq!(end(&mut flights, second), Some(true));
    assert!(flights.is_empty());
}

#[test]
fn invalidate_reaches_every_flight_begun_before_it() {
    let mut flights = flights();
    let (first, second) = (flights.lead(K, 0, ""), flights.lead(K, 0, ""));
    let other = flights.lead(b"other", 0, "");
    flights.invalidate(K);
    assert_eq!(joinable(&flights, K), None);
    let third = flights.lead(K, 0, "");
    assert_eq!(end(&mut flights, second), Some(false));
    assert_eq!(end(&mut flights, first), Some(false), "not only the one that could be joined");
    assert_eq!(end(&mut flights, third), Some(true), "a later flight is not invalidated");
    assert_eq!(end(&mut flights, other), Some(true));
}

#[test]
fn invalidate_all_reaches_the_flights_of_every_key() {
    let mut flights = flights();
    let before = [flights.lead(K, 0, ""), flights.lead(K, 0, ""), flights.lead(b"other", 0, "")];
    flights.invalidate_all();
    assert_eq!((joinable(&flights, K), joinable(&flights, b"other")), (None, None));
    let after = flights.lead(K, 0, "");
    assert_eq!(before.map(|id| end(&mut flights, id)), [Some(false); 3]);
    assert_eq!(end(&mut flights, after), Some(true));
}

#[test]
fn flight_with_four_missed_heartbeats_is_lost() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    assert_eq!(MAX_MISSED_HEARTBEATS, 4);
    for check in 1..MAX_MISSED_HEARTBEATS {
        assert!(flights.watch(id, check_ms(check)), "still alive at check {check}");
    }
    assert!(!flights.watch(id, check_ms(MAX_MISSED_HEARTBEATS)));
    assert_eq!((joinable(&flights, K), flights.len(), flights.lost()), (None, 0, 1));
    assert!(!flights.watch(id, check_ms(MAX_MISSED_HEARTBEATS)), "the other followers see it as well");
    assert_eq!(flights.lost(), 1, "it is counted once");
}

/// The time of a follower's nth check.
fn check_ms(nth: u32) -> u64 {
    u64::from(nth * HEARTBEAT_MS)
}

#[test]
fn heartbeat_resets_the_missed_ones() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    let mut checks = 1..;
    for _ in 0..10 {
        for check in checks.by_ref().take(MAX_MISSED_HEARTBEATS as usize - 1) {
            assert!(flights.watch(id, check_ms(check)), "fewer than four missed heartbeats");
        }
        flights.heartbeat(id);
        assert!(flights.watch(id, check_ms(checks.next().unwrap())), "a heartbeat arrived");
    }
}

#[test]
fn checks_of_many_followers_at_once_count_once() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    // A hundred followers check at once, as after a request that blocked the isolate for a second.
    for _ in 0..100 {
        assert!(flights.watch(id, 1_000));
    }
    // No follower waits for four heartbeats; their checks together find that the leader has vanished.
    assert!(flights.watch(id, 1_100));
    assert!(flights.watch(id, 1_200));
    assert!(!flights.watch(id, 1_300));
}

#[test]
fn checks_after_the_clock_is_set_back_count() {
    let mut flights = flights();
    let id = flights.lead(K, 1_000_000, "");
    let checks = [100, 200, 300, 400].map(|now| flights.watch(id, now));
    assert_eq!(checks, [true, true, true, false]);
}

#[test]
fn unknown_flight_ids_change_nothing() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    assert!(!flights.watch(FlightId(u64::MAX), 0));
    flights.heartbeat(FlightId(0));
    flights.abandon(FlightId(0));
    assert_eq!((flights.lost(), joinable(&flights, K)), (0, Some(id)));
    assert!(flights.watch(id, u64::MAX));
}

#[test]
fn lost_flight_is_followed_by_a_new_one() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    flights.abandon(id);
    flights.abandon(id);
    assert_eq!((flights.lost(), joinable(&flights, K), end(&mut flights, id)), (1, None, None));
    let next = flights.lead(K, 0, "");
    assert_eq!(joinable(&flights, K), Some(next));
    flights.abandon(id);
    assert_eq!(
        joinable(&flights, K),
        Some(next),
        "abandoning the old flight again does not affect the new one"
    );
}

#[test]
fn sweep_drops_flights_begun_before_a_time() {
    let mut flights = flights();
    let ids = [10, 20, 30].map(|at| flights.lead(&[at], u64::from(at), ""));
    flights.sweep(10);
    assert_eq!((flights.len(), flights.lost()), (3, 0), "a flight begun at that time stays");
    flights.sweep(21);
    assert_eq!((flights.len(), flights.lost()), (1, 2));
    assert_eq!([10, 20, 30].map(|key| joinable(&flights, &[key])), [None, None, Some(ids[2])]);
    flights.sweep(u64::MAX);
    assert!(flights.is_empty());
}

/// A flight in the model.
struct ModelFlight {
    id: FlightId,
    key: u8,
    began: u64,
    may_store: bool,
}

#[test]
fn random_operations_agree_with_a_model_list() {
    for_seeds(60, |rng| {
        let (mut flights, mut model, mut now, mut lost) = (flights(), Vec::<ModelFlight>::new(), 0, 0);
        for _ in 0..500 {
            let key = rng.below(4) as u8;
            now += rng.below(3);
            match rng.below(100) {
                0..45 => {
                    let id = flights.lead(&[key], now, "");
                    assert!(model.iter().all(|flight| flight.id != id), "two flights share an id");
                    model.push(ModelFlight { id, key, began: now, may_store: true });
                }
                45..75 if !model.is_empty() => {
                    let flight = model.remove(rng.below(model.len() as u64) as usize);
                    assert_eq!(end(&mut flights, flight.id), Some(flight.may_store));
                }
                75..85 if !model.is_empty() => {
                    flights.abandon(model.remove(rng.below(model.len() as u64) as usize).id);
                    lost += 1;
                }
                85..93 => {
                    flights.invalidate(&[key]);
                    model
                        .iter_mut()
                        .filter(|flight| flight.key == key)
                        .for_each(|flight| flight.may_store = false);
                }
                93..95 => {
                    flights.invalidate_all();
                    model.iter_mut().for_each(|flight| flight.may_store = false);
                }
                95..97 => {
                    let since = now.saturating_sub(rng.below(40));
                    flights.sweep(since);
                    let before = model.len();
                    model.retain(|flight| flight.began >= since);
                    lost += (before - model.len()) as u64;
                }
                _ => {}
            }
            assert_eq!((flights.len(), flights.lost()), (model.len(), lost));
            for key in 0..4 {
                let newest = model
                    .iter()
                    .rfind(|flight| flight.key == key && flight.may_store)
                    .map(|flight| flight.id);
                assert_eq!(joinable(&flights, &[key]), newest);
            }
        }
    });
}
