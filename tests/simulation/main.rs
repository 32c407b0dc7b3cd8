//! Deterministic simulation of a cluster: nodes of the shipped core, store and wire on a virtual clock, over a network with
//! faults. Everything is drawn from one seed. docs/testing.md shows how to run many seeds, and one of them step by step.
//!
//! `world` has the clock and the event queue; `shell`, `leader` and `network` model the package's TypeScript; `plan`,
//! `scenarios` and `faults` draw a run; `invariants` and `counts` check it; `mutants` proves that the checks can fail.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/mod.rs"]
mod support;

mod counts;
mod database;
mod faults;
mod invariants;
mod leader;
mod mutants;
mod network;
mod node;
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

use counts::Coverage;
use invariants::{Invariant, Violation};

/// The result of many runs: coverage counts, and the seeds that violate each invariant.
#[derive(Default)]
struct Total {
    runs: u64,
    counts: BTreeMap<&'static str, u64>,
    violations: BTreeMap<Invariant, Vec<(u64, String)>>,
}

/// Runs a seed. A panic is a violation, too.
fn run(seed: u64) -> Result<Coverage, Violation> {
    catch_unwind(|| scenarios::run(seed, false)).unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().cloned();
        let what = what.or_else(|| panic.downcast_ref::<&str>().map(|&what| what.to_owned()));
        Err(Violation { invariant: Invariant::NoPanic, what: what.unwrap_or_default() })
    })
}

/// Runs seeds on every core until `go_on` returns false. Calls `prepare` on each thread first.
fn many(
    seeds: Range<u64>,
    prepare: impl Fn() + Sync,
    go_on: impl Fn(u64, &Result<Coverage, Violation>) -> bool + Sync,
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
    fn add(&mut self, seed: u64, run: Result<Coverage, Violation>) {
        self.runs += 1;
        match run {
            Ok(coverage) => coverage
                .counts()
                .into_iter()
                .for_each(|(name, count)| *self.counts.entry(name).or_default() += count),
            Err(Violation { invariant, what }) => {
                self.violations.entry(invariant).or_default().push((seed, what))
            }
        }
    }

    /// Prints the violations and how to replay them. True if there are none.
    fn holds(&self) -> bool {
        for (invariant, seeds) in &self.violations {
            println!("{}: {} seeds", invariant.name(), seeds.len());
            let mut seeds: Vec<_> = seeds.iter().collect();
            seeds.sort();
            for (seed, what) in seeds.into_iter().take(3) {
                println!("  seed {seed}: {what}\n    step by step: make simulate SEED={seed} TRACE=1");
            }
        }
        self.violations.is_empty()
    }
}

/// Runs 5,000 seeds. SEEDS and START in the environment choose others, SEED one, TRACE prints its steps.
#[test]
fn every_invariant_holds() {
    let number = |name: &str| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a whole number, not {text:?}")))
    };
    let traces = std::env::var("TRACE").is_ok_and(|trace| !trace.is_empty() && trace != "0");
    if let Some(seed) = number("SEED") {
        match scenarios::run(seed, traces) {
            Ok(coverage) => println!("seed {seed}: every invariant holds; {:?}", coverage.counts()),
            Err(Violation { invariant, what }) => {
                panic!("seed {seed}: {} is violated: {what}", invariant.name())
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
    let broken: usize = total.violations.values().map(Vec::len).sum();
    println!(
        "{} seeds from {start} on, {broken} violated, {:.1} s",
        total.runs,
        began.elapsed().as_secs_f64()
    );
    assert!(total.holds(), "an invariant did not hold");
    // Each kind of event has happened often, so the simulator still covers it.
    let rare: Vec<_> = total.counts.iter().filter(|(_, count)| **count < 100).collect();
    assert!(rare.is_empty() || seeds < 5_000, "rarely happens: {rare:?}");
}
