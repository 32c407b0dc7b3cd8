//! Fills a store and churns it with values of 16 B to 64 KiB whose distribution shifts. Prints how much of the budget is payload, and how
//! much is in use.
//!
//! `cargo run --release --example churn [MEBIBYTES [STEPS_A_SHIFT]]`

use geecache_edge::store::{Meta, Policy, Store, StoreOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let budget = args.next().map_or(Ok(16), |arg| arg.parse::<usize>())? << 20;
    let steps = args.next().map_or(Ok(1_000_000), |arg| arg.parse::<u64>())?;
    let value = vec![7u8; 1 << 17];
    let shifts: [(u64, u64); 10] =
        [(4, 12), (4, 4), (12, 4), (8, 4), (4, 12), (14, 2), (5, 3), (10, 2), (4, 8), (15, 1)];
    for policy in [Policy::Gdsf, Policy::Lru] {
        let mut store = Store::new(StoreOptions { max_bytes: budget, policy, ..StoreOptions::default() })?;
        let mut random = 1u64;
        let mut below = |limit: u64| {
            random ^= random >> 12;
            random ^= random << 25;
            random ^= random >> 27;
            (random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % limit
        };
        println!("{policy:?}, {} MiB, {steps} operations a shift", budget >> 20);
        let start = std::time::Instant::now();
        for (shift, (octave, octaves)) in shifts.into_iter().cycle().take(20).enumerate() {
            let typical = 1u64 << (octave + octaves / 2);
            let keys = (budget as u64 * 2 / typical).max(1000);
            let (mut min_payload, mut min_used, mut max_reserved, mut full) = (budget, budget, 0, shift > 0);
            for step in 0..steps {
                // Each shift brings a quarter of new keys.
                let key = format!(
                    "https://example.net/{:09x}",
                    below(keys) + shift as u64 * (keys / 4) + (octave << 32)
                );
                if store.get(key.as_bytes()).is_none() {
                    let octave = octave + below(octaves);
                    let len = ((1 << octave) + below(1 << octave)).min(65_536) as usize;
                    let before = store.evictions() + store.rejections();
                    let _ = store.insert(
                        key.as_bytes(),
                        value.get(..len).unwrap_or_default(),
                        Meta { expires_at_ms: u64::MAX, flags: 0 },
                    );
                    full |= store.evictions() + store.rejections() > before;
                }
                if step % 64 == 0 && full {
                    min_payload = min_payload.min(store.payload_bytes());
                    min_used = min_used.min(store.used_bytes());
                    max_reserved = max_reserved.max(store.reserved_bytes());
                }
            }
            let percent = |bytes: usize| 100.0 * bytes as f64 / budget as f64;
            let (payload, used) = (store.payload_bytes(), store.used_bytes());
            println!(
                "  {:>6} to {:>6} B: payload at least {:.1} %, in use at least {:.1} %, reserved at most {:.2} %; at the end payload {:.1} %, bookkeeping {:.1} %, free {:.1} %; {} entries, {:.1} B of bookkeeping each",
                1u64 << octave,
                1u64 << (octave + octaves),
                percent(min_payload),
                percent(min_used),
                percent(max_reserved),
                percent(payload),
                percent(used - payload),
                percent(budget - used),
                store.len(),
                (used - payload) as f64 / store.len() as f64
            );
        }
        println!(
            "  {:.0} ns an operation, {} evictions, {} rejections",
            start.elapsed().as_nanos() as f64 / (20 * steps) as f64,
            store.evictions(),
            store.rejections()
        );
    }
    Ok(())
}
