//! Sizes a cache from a trace: prints the hit ratios of a policy at given capacities, measured with the store itself.
//!
//! `cargo run --release --example replay -- --capacity N [--capacity N ...] [--policy lru|gdsf] [--unit-size] TRACE[.gz]`
//! prints a line of JSON per capacity. `--curve [FILE.svg]` prints a table and draws it, by default for both policies at 20 capacities
//! from a thousandth of the footprint to all of it.
//!
//! `--without size|uses|age|ghosts|tuning|admission|bursts`, with `--features ablation`, turns a part of the policy `gdsf` off.
//!
//! A trace has a request per line, `key` or `key,size`. Every request is a read. A miss inserts the object, unless it is larger than the
//! capacity or rejected. The capacity is in bytes of values, or in objects if the trace has no sizes or `--unit-size` is given.

mod curve;
mod trace;

use geecache_edge::store::Policy;
use std::error::Error;
use std::process::ExitCode;
use trace::Trace;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut capacities, mut policies, mut unit_size, mut curve, mut without, mut path) =
        (Vec::new(), Vec::new(), false, None, None, None);
    let mut args = std::env::args().skip(1).peekable();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--capacity" => {
                let text = args.next().ok_or("--capacity needs a number")?;
                capacities.push(text.parse::<u64>().map_err(|cause| format!("--capacity {text}: {cause}"))?);
            }
            "--policy" => {
                policies.push(args.next().ok_or("--policy needs `lru` or `gdsf`")?.parse::<Policy>()?)
            }
            "--without" => without = Some(args.next().ok_or("--without needs a part of the policy `gdsf`")?),
            "--unit-size" => unit_size = true,
            "--curve" => {
                curve = Some(
                    args.next_if(|next| next.ends_with(".svg")).unwrap_or_else(|| "curve.svg".to_owned()),
                )
            }
            _ if arg.starts_with('-') => return Err(format!("no such option: {arg}").into()),
            _ => path = Some(arg),
        }
    }
    let trace = Trace::read(
        &path
            .ok_or("no trace given: a file of lines `key` or `key,size`, gzipped if its name ends in .gz")?,
        unit_size,
    )?;
    if let Some(svg_path) = curve {
        if capacities.is_empty() {
            capacities = (0..20)
                .map(|step| {
                    (trace.footprint as f64 * 1000f64.powf(f64::from(step) / 19.0 - 1.0)).ceil() as u64
                })
                .collect();
        }
        if policies.is_empty() {
            policies = vec![Policy::Lru, Policy::default()];
        }
        let mut curves = Vec::new();
        for policy in policies {
            let points = capacities
                .iter()
                .map(|&capacity| trace.replay(policy, capacity, without.as_deref()))
                .collect::<Result<Vec<_>, _>>()?;
            curves.push((policy, points));
        }
        let heads: String = curves
            .iter()
            .map(|(policy, _)| format!("{:>12} ohr{:>12} bhr", policy.name(), policy.name()))
            .collect();
        println!("{:>14}{heads}", "capacity");
        for (row, capacity) in capacities.iter().enumerate() {
            let cells = curves.iter().filter_map(|(_, points)| points.get(row));
            let cells: String =
                cells.map(|point| format!("{:>16.4}{:>16.4}", point.ohr(), point.bhr())).collect();
            println!("{capacity:>14}{cells}");
        }
        std::fs::write(&svg_path, curve::svg(&curves))
            .map_err(|cause| format!("cannot write {svg_path}: {cause}"))?;
        eprintln!("wrote {svg_path}");
        return Ok(());
    }
    if capacities.is_empty() {
        return Err("no --capacity given".into());
    }
    for policy in if policies.is_empty() { vec![Policy::default()] } else { policies } {
        for &capacity in &capacities {
            let replay = trace.replay(policy, capacity, without.as_deref())?;
            println!(
                "{{\"policy\":\"{}\",\"capacity\":{},\"requests\":{},\"hits\":{},\"ohr\":{:.6},\"bhr\":{:.6}}}",
                policy.name(),
                replay.capacity,
                replay.requests,
                replay.hits,
                replay.ohr(),
                replay.bhr()
            );
        }
    }
    Ok(())
}
