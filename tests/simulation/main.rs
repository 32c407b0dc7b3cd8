//! A cluster on virtual time: nodes of the shipped core, store and wire over a network on which everything goes wrong,
//! drawn from one seed. See CONTRIBUTING.md for how to run many, and one step by step.
//!
//! `world` is the clock and all that lives; `shell`, `leader` and `network` are what TypeScript is to the package;
//! `plan`, `scenarios` and `faults` are what happens; `invariants` and `counts` are what must hold; `planted` shows that
//! they can fail.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/mod.rs"]
mod support;

mod counts;
mod faults;
mod invariants;
mod leader;
mod mutants;
mod network;
mod node;
mod origin;
mod plan;
mod scenarios;
mod shell;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use counts::Seen;
use invariants::{Invariant, Violation};

/// What many runs came to: how often what happened, and which seeds broke what.
#[derive(Default)]
struct Total {
    runs: u64,
    counts: BTreeMap<&'static str, u64>,
    broken: BTreeMap<Invariant, Vec<(u64, String)>>,
}

/// One run; a panic in it is a violation as well.
fn run(seed: u64) -> Result<Seen, Violation> {
    catch_unwind(|| scenarios::run(seed, false)).unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().cloned();
        let what = what.or_else(|| panic.downcast_ref::<&str>().map(|&what| what.to_owned()));
        Err(Violation { invariant: Invariant::Sound, what: what.unwrap_or_default() })
    })
}

/// Runs seeds on every core while `go_on` says so; `prepare` is called on each thread first.
fn many(
    seeds: Range<u64>,
    prepare: impl Fn() + Sync,
    go_on: impl Fn(u64, &Result<Seen, Violation>) -> bool + Sync,
) -> Total {
    let (next, stopped, total) =
        (AtomicU64::new(seeds.start), AtomicBool::new(false), Mutex::new(Total::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |cores| cores.get()) {
            scope.spawn(|| {
                prepare();
                while !stopped.load(Relaxed) {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let run = run(seed);
                    if !go_on(seed, &run) {
                        stopped.store(true, Relaxed);
                    }
                    total.lock().expect("no thread panics with it").add(seed, run);
                }
            });
        }
    });
    total.into_inner().expect("no thread panics with it")
}

impl Total {
    fn add(&mut self, seed: u64, run: Result<Seen, Violation>) {
        self.runs += 1;
        match run {
            Ok(seen) => seen
                .counts()
                .into_iter()
                .for_each(|(name, count)| *self.counts.entry(name).or_default() += count),
            Err(Violation { invariant, what }) => {
                self.broken.entry(invariant).or_default().push((seed, what))
            }
        }
    }

    /// Prints what broke, and how to see it; whether nothing did.
    fn holds(&self) -> bool {
        for (invariant, seeds) in &self.broken {
            println!("{}: {} seeds", invariant.name(), seeds.len());
            let mut seeds: Vec<_> = seeds.iter().collect();
            seeds.sort();
            for (seed, what) in seeds.into_iter().take(3) {
                println!("  seed {seed}: {what}\n    step by step: make simulate SEED={seed} TRACE=1");
            }
        }
        self.broken.is_empty()
    }
}

/// 5,000 seeds; with SEEDS and START in the environment any others, with SEED one, and that with TRACE step by step.
#[test]
fn every_invariant_holds() {
    let number = |name: &str| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a whole number, not {text:?}")))
    };
    let traces = std::env::var("TRACE").is_ok_and(|trace| !trace.is_empty() && trace != "0");
    if let Some(seed) = number("SEED") {
        match scenarios::run(seed, traces) {
            Ok(seen) => println!("seed {seed}: every invariant holds; {:?}", seen.counts()),
            Err(Violation { invariant, what }) => {
                panic!("seed {seed}: {} is broken: {what}", invariant.name())
            }
        }
        return;
    }
    let (start, seeds) = (number("START").unwrap_or(0), number("SEEDS").unwrap_or(5_000));
    let (began, done) = (Instant::now(), AtomicU64::new(0));
    let step = (seeds / 20).max(5_000);
    let total = many(
        start..start + seeds,
        || (),
        |_, _| {
            let done = done.fetch_add(1, Relaxed) + 1;
            if done.is_multiple_of(step) {
                println!(
                    "{done} of {seeds} seeds, {:.0} a second",
                    done as f64 / began.elapsed().as_secs_f64()
                );
            }
            true
        },
    );
    println!("{:?}", total.counts);
    let broken: usize = total.broken.values().map(Vec::len).sum();
    println!("{} seeds from {start} on, {broken} broken, {:.1} s", total.runs, began.elapsed().as_secs_f64());
    assert!(total.holds(), "an invariant did not hold");
    // Whatever can happen has happened, and not once.
    let rare: Vec<_> = total.counts.iter().filter(|(_, count)| **count < 100).collect();
    assert!(rare.is_empty() || seeds < 5_000, "hardly ever happens: {rare:?}");
}
