//! The store and the ring behind raw exports, to measure linear memory and time in wasm. Not part of the package.

use geecache_edge::Ring;
use geecache_edge::store::{Meta, Policy, Store, StoreOptions};
use std::cell::RefCell;

thread_local! {
    static RING: RefCell<Ring> = RefCell::new(Ring::default());
    static KEYS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static STORE: RefCell<Option<Store>> = const { RefCell::new(None) };
    static RANDOM: RefCell<u64> = const { RefCell::new(1) };
    static VALUE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn random() -> u64 {
    RANDOM.with_borrow_mut(|state| {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    })
}

fn with<T: Default>(act: impl FnOnce(&mut Store) -> T) -> T {
    STORE.with_borrow_mut(|store| store.as_mut().map(act).unwrap_or_default())
}

#[unsafe(no_mangle)]
pub extern "C" fn create(max_bytes: usize, lru: u32) -> u32 {
    let policy = if lru == 1 { Policy::Lru } else { Policy::default() };
    let store = Store::new(StoreOptions { max_bytes, policy, ..StoreOptions::default() });
    let made = u32::from(store.is_ok());
    STORE.with_borrow_mut(|slot| *slot = store.ok());
    VALUE.with_borrow_mut(|value| value.resize(64 << 10, 7));
    made
}

fn key(number: u64, bytes: &mut [u8; 29]) {
    *bytes = *b"https://example.net/u/0000000";
    let mut rest = number as u32;
    for byte in bytes.iter_mut().rev().take(8) {
        *byte = b'0' + (rest & 15) as u8;
        rest >>= 4;
    }
}

/// Inserts keys `from..to` with values of `len` bytes. Returns the number of rejected ones.
#[unsafe(no_mangle)]
pub extern "C" fn fill(from: u32, to: u32, len: usize) -> u32 {
    let mut bytes = [0; 29];
    VALUE.with_borrow(|value| {
        with(|store| {
            (from..to)
                .filter(|&number| {
                    key(u64::from(number), &mut bytes);
                    store
                        .insert(
                            &bytes,
                            value.get(..len).unwrap_or(&[]),
                            Meta { expires_at_ms: 1_800_000_000_000, flags: 0 },
                        )
                        .is_err()
                })
                .count() as u32
        })
    })
}

/// Runs `steps` lookups, each with an insert on a miss, on values around `2^octave` bytes. Returns the least payload and the
/// least bytes in use, in thousandths of the budget, as `payload * 10_000 + used`.
#[unsafe(no_mangle)]
pub extern "C" fn churn(steps: u32, least_octave: u64, octaves: u64, keys: u64) -> u32 {
    let mut bytes = [0; 29];
    let (mut least_payload, mut least_used) = (1000, 1000);
    VALUE.with_borrow(|value| {
        with(|store| {
            for step in 0..steps {
                let number = random() % keys;
                key(number, &mut bytes);
                if store.get(&bytes).is_none() {
                    let octave = least_octave + random() % octaves;
                    let len = ((1u64 << octave) + random() % (1 << octave)).min(65_536) as usize;
                    let _ = store.insert(
                        &bytes,
                        value.get(..len).unwrap_or(&[]),
                        Meta { expires_at_ms: 5, flags: 1 },
                    );
                }
                if step % 1024 == 0 {
                    let thousandths = |bytes: usize| (bytes as u64 * 1000 / store.max_bytes() as u64) as u32;
                    least_payload = least_payload.min(thousandths(store.payload_bytes()));
                    least_used = least_used.min(thousandths(store.used_bytes()));
                }
            }
            least_payload * 10_000 + least_used
        })
    })
}

/// Hits on keys `0..keys` in random order, by the two calls that a group makes.
#[unsafe(no_mangle)]
pub extern "C" fn hits(steps: u32, keys: u64) -> u32 {
    let mut bytes = [0; 29];
    with(|store| {
        (0..steps)
            .filter(|_| {
                key(random() % keys, &mut bytes);
                store.find(&bytes).is_some_and(|(entry, _)| !store.at(entry).value.is_empty())
            })
            .count() as u32
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn figure(which: u32) -> f64 {
    with(|store| match which {
        0 => store.len() as f64,
        1 => store.payload_bytes() as f64,
        2 => store.used_bytes() as f64,
        3 => store.reserved_bytes() as f64,
        4 => store.evictions() as f64,
        _ => store.rejections() as f64,
    })
}

/// Builds a ring of `peers` with 50 points each, and 4,096 keys of 10 bytes: the same as in benches/ring.rs.
#[unsafe(no_mangle)]
pub extern "C" fn ring(peers: u32) {
    let names: Vec<String> = (0..peers).map(|peer| format!("https://node-{peer}.example.net")).collect();
    RING.set(Ring::new(50, &names));
    let number = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    KEYS.set((0..1 << 12).map(|at| format!("{:010}", number(at)).into_bytes()).collect());
}

/// Looks up every key `times` times.
#[unsafe(no_mangle)]
pub extern "C" fn owners(times: u32) -> usize {
    RING.with_borrow(|ring| {
        KEYS.with_borrow(|keys| {
            let once = || keys.iter().filter_map(|key| ring.owner(key)).map(|peer| peer.len()).sum::<usize>();
            (0..times).map(|_| once()).fold(0, usize::wrapping_add)
        })
    })
}
