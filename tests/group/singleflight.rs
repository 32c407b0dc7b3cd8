//! Flights: who leads, who joins, what ends them, and that a remove beats what began before it.

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

/// Whether the flight's value may be kept; `None` where it was in the air no more.
fn end(flights: &mut Flights<&'static str>, id: FlightId) -> Option<bool> {
    flights.end(id).map(|flight| !flight.is_invalidated())
}

#[test]
fn a_flight_can_be_joined_from_take_off_to_its_end() {
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
fn of_two_flights_of_a_key_the_later_is_joined() {
    let mut flights = flights();
    let (first, second) = (flights.lead(K, 0, ""), flights.lead(K, 1, ""));
    assert_ne!(first, second);
    assert_eq!(joinable(&flights, K), Some(second));
    assert_eq!(end(&mut flights, first), Some(true));
    assert_eq!(joinable(&flights, K), Some(second), "the first's end leaves the second alone");
    let third = flights.lead(K, 2, "");
    assert_eq!(end(&mut flights, third), Some(true));
    assert_eq!(joinable(&flights, K), Some(second), "and so does the third's");
    assert_eq!(end(&mut flights, second), Some(true));
    assert!(flights.is_empty());
}

#[test]
fn a_remove_beats_every_load_that_began_before_it() {
    let mut flights = flights();
    let (first, second) = (flights.lead(K, 0, ""), flights.lead(K, 0, ""));
    let other = flights.lead(b"other", 0, "");
    flights.invalidate(K);
    assert_eq!(joinable(&flights, K), None);
    let third = flights.lead(K, 0, "");
    assert_eq!(end(&mut flights, second), Some(false));
    assert_eq!(end(&mut flights, first), Some(false), "not the one that could be joined alone");
    assert_eq!(end(&mut flights, third), Some(true), "what begins after it is kept");
    assert_eq!(end(&mut flights, other), Some(true));
}

#[test]
fn a_clear_beats_them_all() {
    let mut flights = flights();
    let before = [flights.lead(K, 0, ""), flights.lead(K, 0, ""), flights.lead(b"other", 0, "")];
    flights.invalidate_all();
    assert_eq!((joinable(&flights, K), joinable(&flights, b"other")), (None, None));
    let after = flights.lead(K, 0, "");
    assert_eq!(before.map(|id| end(&mut flights, id)), [Some(false); 3]);
    assert_eq!(end(&mut flights, after), Some(true));
}

#[test]
fn a_leader_that_misses_four_beats_is_gone() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    assert_eq!(MAX_MISSED_HEARTBEATS, 4);
    for tick in 1..MAX_MISSED_HEARTBEATS {
        assert!(flights.watch(id, tick_ms(tick)), "still waiting at tick {tick}");
    }
    assert!(!flights.watch(id, tick_ms(MAX_MISSED_HEARTBEATS)));
    assert_eq!((joinable(&flights, K), flights.len(), flights.lost()), (None, 0, 1));
    assert!(!flights.watch(id, tick_ms(MAX_MISSED_HEARTBEATS)), "every other follower is told so too");
    assert_eq!(flights.lost(), 1, "and counts it no more");
}

/// When the nth look of a follower falls.
fn tick_ms(nth: u32) -> u64 {
    u64::from(nth * HEARTBEAT_MS)
}

#[test]
fn a_beat_begins_the_count_anew() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    let mut ticks = 1..;
    for _ in 0..10 {
        for tick in ticks.by_ref().take(MAX_MISSED_HEARTBEATS as usize - 1) {
            assert!(flights.watch(id, tick_ms(tick)), "fewer than four silent ticks");
        }
        flights.heartbeat(id);
        assert!(flights.watch(id, tick_ms(ticks.next().unwrap())), "it beats");
    }
}

#[test]
fn followers_count_together_and_once_a_beat() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    // A hundred followers look at once, as after another request that kept the CPU for a second.
    for _ in 0..100 {
        assert!(flights.watch(id, 1_000));
    }
    // Each of these waits for less than four beats; together they see that nobody leads.
    assert!(flights.watch(id, 1_100));
    assert!(flights.watch(id, 1_200));
    assert!(!flights.watch(id, 1_300));
}

#[test]
fn a_clock_that_is_set_back_still_counts() {
    let mut flights = flights();
    let id = flights.lead(K, 1_000_000, "");
    let looks = [100, 200, 300, 400].map(|now| flights.watch(id, now));
    assert_eq!(looks, [true, true, true, false]);
}

#[test]
fn nonsense_from_a_follower_traps_nothing() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    assert!(!flights.watch(FlightId(u64::MAX), 0));
    flights.heartbeat(FlightId(0));
    flights.abandon(FlightId(0));
    assert_eq!((flights.lost(), joinable(&flights, K)), (0, Some(id)));
    assert!(flights.watch(id, u64::MAX));
}

#[test]
fn a_lost_flight_is_over_and_the_next_one_leads() {
    let mut flights = flights();
    let id = flights.lead(K, 0, "");
    flights.abandon(id);
    flights.abandon(id);
    assert_eq!((flights.lost(), joinable(&flights, K), end(&mut flights, id)), (1, None, None));
    let next = flights.lead(K, 0, "");
    assert_eq!(joinable(&flights, K), Some(next));
    flights.abandon(id);
    assert_eq!(joinable(&flights, K), Some(next), "losing the old one again leaves the new one alone");
}

#[test]
fn a_sweep_drops_what_took_off_before_and_nothing_else() {
    let mut flights = flights();
    let ids = [10, 20, 30].map(|at| flights.lead(&[at], u64::from(at), ""));
    flights.sweep(10);
    assert_eq!((flights.len(), flights.lost()), (3, 0), "at the very moment is not before");
    flights.sweep(21);
    assert_eq!((flights.len(), flights.lost()), (1, 2));
    assert_eq!([10, 20, 30].map(|key| joinable(&flights, &[key])), [None, None, Some(ids[2])]);
    flights.sweep(u64::MAX);
    assert!(flights.is_empty());
}

/// One flight as the model has it.
struct Plain {
    id: FlightId,
    key: u8,
    began: u64,
    keep: bool,
}

#[test]
fn random_walks_agree_with_a_plain_list() {
    for_seeds(60, |rng| {
        let (mut flights, mut plain, mut now, mut lost) = (flights(), Vec::<Plain>::new(), 0, 0);
        for _ in 0..500 {
            let key = rng.below(4) as u8;
            now += rng.below(3);
            match rng.below(100) {
                0..45 => {
                    let id = flights.lead(&[key], now, "");
                    assert!(plain.iter().all(|flight| flight.id != id), "no two in the air share a name");
                    plain.push(Plain { id, key, began: now, keep: true });
                }
                45..75 if !plain.is_empty() => {
                    let flight = plain.remove(rng.below(plain.len() as u64) as usize);
                    assert_eq!(end(&mut flights, flight.id), Some(flight.keep));
                }
                75..85 if !plain.is_empty() => {
                    flights.abandon(plain.remove(rng.below(plain.len() as u64) as usize).id);
                    lost += 1;
                }
                85..93 => {
                    flights.invalidate(&[key]);
                    plain
                        .iter_mut()
                        .filter(|flight| flight.key == key)
                        .for_each(|flight| flight.keep = false);
                }
                93..95 => {
                    flights.invalidate_all();
                    plain.iter_mut().for_each(|flight| flight.keep = false);
                }
                95..97 => {
                    let since = now.saturating_sub(rng.below(40));
                    flights.sweep(since);
                    let before = plain.len();
                    plain.retain(|flight| flight.began >= since);
                    lost += (before - plain.len()) as u64;
                }
                _ => {}
            }
            assert_eq!((flights.len(), flights.lost()), (plain.len(), lost));
            for key in 0..4 {
                let newest =
                    plain.iter().rfind(|flight| flight.key == key && flight.keep).map(|flight| flight.id);
                assert_eq!(joinable(&flights, &[key]), newest);
            }
        }
    });
}
