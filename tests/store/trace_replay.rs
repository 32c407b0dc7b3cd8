//! The `replay` example as a command on a small trace: its counts match a model of LRU, its output and errors are as documented.

use std::io::Read;
use std::process::{Command, Output};

use serde_json::Value;

const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/trace.txt.gz");

/// Runs the example in the profile of this test, in which a run of all tests has built it already.
fn replay(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["run", "--quiet", "--profile", "test"]);
    command.args(["--example", "replay", "--"]).args(args).output().unwrap()
}

fn lines(args: &[&str]) -> Vec<Value> {
    let output = replay(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn requests() -> Vec<(u64, u64)> {
    let mut text = String::new();
    let file = std::fs::File::open(TRACE).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let request = |line: &str| {
        let (key, size) = line.split_once(',').unwrap();
        (key.parse().unwrap(), size.parse().unwrap())
    };
    text.lines().map(request).collect()
}

/// Hits and their bytes in a model of LRU, which does not cache objects larger than the capacity.
fn lru(requests: &[(u64, u64)], capacity: u64) -> (u64, u64) {
    let (mut cached, mut hits, mut bytes) = (Vec::<(u64, u64)>::new(), 0, 0);
    for &(key, size) in requests {
        let at = cached.iter().position(|entry| entry.0 == key);
        if let Some(at) = at {
            cached.remove(at);
            (hits, bytes) = (hits + 1, bytes + size);
        }
        if size <= capacity {
            cached.push((key, size));
        }
        while cached.iter().map(|entry| entry.1).sum::<u64>() > capacity {
            cached.remove(0);
        }
    }
    (hits, bytes)
}

fn check(line: &Value, requests: &[(u64, u64)], capacity: u64) {
    let (hits, hit_bytes) = lru(requests, capacity);
    let bytes: u64 = requests.iter().map(|request| request.1).sum();
    assert_eq!(line["policy"], "lru");
    assert_eq!(line["capacity"], capacity);
    assert_eq!(line["requests"], requests.len());
    assert_eq!(line["hits"], hits, "capacity {capacity}");
    for (name, part, whole) in [("ohr", hits, requests.len() as u64), ("bhr", hit_bytes, bytes)] {
        let ratio = line[name].as_f64().unwrap();
        assert!((ratio - part as f64 / whole as f64).abs() < 1e-6, "{name} {ratio} at {capacity}");
    }
}

#[test]
fn replay_lru_counts_match_the_model() {
    let requests = requests();
    // The smallest rejects most objects; the largest caches all.
    let capacities = [20u64, 100, 777, 3_000, 1_000_000];
    let mut args = vec!["--policy", "lru"];
    let texts = capacities.map(|capacity| capacity.to_string());
    args.extend(texts.iter().flat_map(|text| ["--capacity", text]));
    args.push(TRACE);
    let lines = lines(&args);
    assert_eq!(lines.len(), capacities.len());
    for (line, capacity) in lines.iter().zip(capacities) {
        check(line, &requests, capacity);
    }
}

#[test]
fn replay_unit_size_counts_objects() {
    let requests: Vec<_> = requests().into_iter().map(|(key, _)| (key, 1)).collect();
    let lines = lines(&["--capacity", "50", "--unit-size", "--policy", "lru", TRACE]);
    check(&lines[0], &requests, 50);
}

#[test]
fn replay_without_policy_uses_gdsf() {
    let line = &lines(&["--capacity", "777", TRACE])[0];
    assert_eq!(line["policy"], "gdsf");
    assert_ne!(line["hits"], lru(&requests(), 777).0);
}

#[test]
fn replay_curve_prints_a_table_and_writes_an_svg() {
    let folder = std::env::temp_dir().join(format!("replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let svg = folder.join("curve.svg");
    let output = replay(&["--curve", svg.to_str().unwrap(), "--capacity", "100", "--capacity", "777", TRACE]);
    let table = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let drawn = std::fs::read_to_string(&svg).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(rows.len(), 3, "{table}");
    assert_eq!(rows[2][0], "777");
    let ohr: f64 = rows[2][1].parse().unwrap();
    assert!((ohr - lru(&requests(), 777).0 as f64 / requests().len() as f64).abs() < 1e-4, "{table}");
    assert!(drawn.starts_with("<svg") && drawn.matches("<polyline").count() == 2, "{drawn}");
}

#[test]
fn replay_invalid_arguments_fails_with_a_message() {
    for (args, message) in [
        (&["--capacity", "9", "nowhere.gz"][..], "nowhere.gz"),
        (&[TRACE], "--capacity"),
        (&["--capacity", "x", TRACE], "--capacity x: invalid digit"),
        (&["--policy", "LRU", "--capacity", "9", TRACE], "no such policy"),
        (&["--hurry", TRACE], "--hurry"),
    ] {
        let output = replay(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{args:?}: {errors}");
    }
}
