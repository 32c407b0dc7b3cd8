//! Figures for `make bench`: it names a file in `BENCH_FIGURES`, and writes docs/performance.md from it.

use std::io::Write;

/// Appends a figure to the file, if there is one.
pub fn record(name: &str, value: f64) {
    let Some(path) = std::env::var_os("BENCH_FIGURES") else { return };
    let written = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| writeln!(file, "{name} {value}"));
    if let Err(cause) = written {
        eprintln!("BENCH_FIGURES={}: {cause}", path.display());
        std::process::exit(1);
    }
}
