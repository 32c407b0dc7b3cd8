//! Fuzzes a group: any calls in any order neither panic nor exceed the budget.

use super::Pieces;
use geecache_edge::group::singleflight::FlightId;
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};
use geecache_edge::{GroupOptions, Pool, PoolOptions};

pub fn run(data: &[u8]) {
    let mut pieces = Pieces(data);
    let mut options = GroupOptions::new(8_192 + usize::from(pieces.byte()) * 64);
    options.max_entry_bytes = 1 + usize::from(pieces.byte()) * 16;
    options.ttl_ms = (pieces.byte() & 1 == 0).then_some(50);
    options.hot_ttl_ms = (pieces.byte() & 1 == 0).then_some(20);
    (options.stale_while_revalidate_ms, options.stale_if_error_ms) =
        (pieces.byte().into(), pieces.byte().into());
    (options.deadline_ms, options.failover) = (1 + u64::from(pieces.byte()), u32::from(pieces.byte() & 3));
    let peers = |count: u8| (0..count % 5).map(|peer| format!("http://{peer}")).collect::<Vec<_>>();
    let self_name = Some("http://0".to_owned());
    let pool = PoolOptions { self_name, peers: peers(pieces.byte()), ..PoolOptions::default() };
    let (Ok(mut pool), max_entry) = (Pool::new(&pool), options.max_entry_bytes) else { return };
    let Ok(id) = pool.add_group("g", options) else { return };
    let (mut now, mut flights) = (1_000u64, Vec::new());
    while !pieces.0.is_empty() {
        let (act, key) = (pieces.byte(), [pieces.byte() & 15]);
        now = now.wrapping_add(u64::from(act >> 4));
        if act & 15 == 15 {
            let _ = pool.peers_mut().set_peers(&peers(key[0]));
            continue;
        }
        let Some((group, peers)) = pool.group_mut(id) else { return };
        let (flight, current) = match flights.is_empty() {
            true => (FlightId(key[0].into()), 1),
            false => flights[usize::from(act) % flights.len()],
        };
        let value = vec![act; usize::from(key[0]) * (max_entry / 8 + 1)];
        let result = match act & 15 {
            0..=5 => {
                let origin = if act & 16 == 0 { Origin::Local } else { Origin::Peer };
                match group.begin(&key, now, origin, peers) {
                    Ok(Step::Hit(entry)) => assert!(group.at(entry).value.len() <= max_entry),
                    Ok(Step::Stale(_, Some((flight, task))) | Step::Lead(flight, task)) => {
                        flights.push((flight, task.attempt()))
                    }
                    Ok(Step::Stale(_, None) | Step::Join(_)) | Err(_) => (),
                }
                None
            }
            6 => Some(TaskResult::Value { value: Some(&value), fresh_ms: Some(u64::from(act) * 3) }),
            7 => Some(TaskResult::Value { value: Some(&value), fresh_ms: None }),
            8 => Some(TaskResult::NotFound),
            9 => Some(TaskResult::LoadFailed),
            10 => Some(TaskResult::PeerFailed),
            11 => Some(TaskResult::NotTransferable),
            12 => {
                let _ = group.set(&key, &value, now);
                None
            }
            13 => {
                group.remove(&key);
                None
            }
            _ => {
                group.heartbeat(flight, peers);
                group.watch(flight, now);
                if act & 64 != 0 {
                    group.abandon(flight);
                }
                None
            }
        };
        if let Some(result) = result {
            let attempt = if act & 192 == 192 { u32::from(key[0]) } else { current };
            let is_in_flight = group.is_in_flight(flight);
            match group.complete_task(flight, attempt, now, result, peers) {
                Next::Task(task) => {
                    let (Task::Ask { timeout_ms, .. } | Task::Load { timeout_ms, .. }) = task;
                    assert!(timeout_ms > 0 && attempt == current && task.attempt() == current + 1);
                    let led = flights.iter_mut().filter(|led| led.0 == flight);
                    led.for_each(|led| led.1 = task.attempt());
                }
                Next::Superseded => assert!(is_in_flight && attempt != current),
                Next::Stale(entry) => drop(group.at(entry).value.to_vec()),
                Next::Done | Next::Retry | Next::DeadlinePassed => flights.retain(|led| led.0 != flight),
            }
        }
        let stats = group.stats();
        assert!(
            stats.used_bytes <= stats.max_bytes && stats.flights <= flights.len() as u64 + stats.lost_flights
        );
    }
}
