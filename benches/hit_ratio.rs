//! Hit ratios of both policies, and beside them what is published, where the traces come with it.
//!
//! `TRACES=DIR cargo bench --bench hit_ratio` replays every `*.txt.gz` there. A `reference.csv` beside them (columns trace, capacity,
//! fraction, implementation, policy, requests, hits, ohr, bhr) gives the capacities and the rivals; without it the capacities are 0.1, 1
//! and 10 % of a trace's footprint. Without `TRACES` five seeded traces are made here: they show that it works, not how good it is.

#[path = "../examples/replay/trace.rs"]
mod trace;

use geecache_edge::store::Policy;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use trace::Trace;

/// Two logs of the web, a registry's and a database's: the points by which the default policy is judged.
const JUDGED: [&str; 4] = ["web_bu98", "web_nasa95", "registry_ibm", "arc_oltp"];
/// These know the future, or have no bound.
const NOT_POLICIES: [&str; 3] = ["Infinite", "Belady", "OPT"];

/// A line of `reference.csv`.
struct Reference {
    trace: String,
    capacity: u64,
    rival: String,
    hits: u64,
    ohr: f64,
}

fn references(folder: &Path) -> Result<Vec<Reference>, Box<dyn Error>> {
    let Ok(text) = std::fs::read_to_string(folder.join("reference.csv")) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for line in text.lines().skip(1) {
        let [trace, capacity, _, implementation, policy, _, hits, ohr, _] =
            line.split(',').collect::<Vec<_>>()[..]
        else {
            return Err(format!("reference.csv: not nine columns: {line}").into());
        };
        if !NOT_POLICIES.iter().any(|name| policy.starts_with(name)) {
            let rival = if implementation == policy {
                policy.to_owned()
            } else {
                format!("{policy} ({implementation})")
            };
            let (capacity, hits, ohr) = (capacity.parse()?, hits.parse()?, ohr.parse()?);
            all.push(Reference { trace: trace.to_owned(), capacity, rival, hits, ohr });
        }
    }
    Ok(all)
}

/// What is asked for in one point.
struct Point {
    name: String,
    lru: f64,
    gdsf: f64,
    best: Option<f64>,
}

fn row(name: &str, trace: &Trace, capacity: u64, published: &[&Reference]) -> Result<Point, Box<dyn Error>> {
    let lru = trace.replay(Policy::Lru, capacity, None)?;
    let gdsf = trace.replay(Policy::Gdsf, capacity, None)?;
    let best = published.iter().max_by(|one, other| one.ohr.total_cmp(&other.ohr));
    let reference = published.iter().find(|reference| reference.rival == "LRU (refsim)");
    let exact = match reference {
        Some(reference) if reference.hits == lru.hits => "exact",
        Some(_) => "DIFFERS",
        None => "",
    };
    println!(
        "{name:<20}{:>12} {:>6.2} {exact:<7} {:>6.2} {:>+6.2}   {:>6.2} {:>+6.2}   {}",
        lru.capacity,
        100.0 * lru.ohr(),
        100.0 * gdsf.ohr(),
        100.0 * (gdsf.ohr() - lru.ohr()),
        100.0 * lru.bhr(),
        100.0 * (gdsf.bhr() - lru.bhr()),
        best.map_or(String::new(), |best| format!("{:>6.2} {}", 100.0 * best.ohr, best.rival))
    );
    Ok(Point {
        name: name.to_owned(),
        lru: 100.0 * lru.ohr(),
        gdsf: 100.0 * gdsf.ohr(),
        best: best.map(|best| 100.0 * best.ohr),
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn means(what: &str, points: &[&Point]) {
    if points.is_empty() {
        return;
    }
    let best: Option<Vec<f64>> = points.iter().map(|point| point.best).collect();
    println!(
        "{what}, {} points: lru {:.2}, gdsf {:.2}{}",
        points.len(),
        mean(points.iter().map(|point| point.lru)),
        mean(points.iter().map(|point| point.gdsf)),
        best.map_or(String::new(), |best| format!(
            ", best published at each point {:.2}",
            mean(best.into_iter())
        ))
    );
}

/// xorshift64*.
fn roll(dice: &mut u64, sides: u64) -> u64 {
    *dice ^= *dice >> 12;
    *dice ^= *dice << 25;
    *dice ^= *dice >> 27;
    (dice.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides.max(1)
}

/// Five loads of 200,000 requests, as lines of a trace.
fn synthetic() -> [(&'static str, String); 5] {
    let mut dice = 0x9e37_79b9_7f4a_7c15;
    // The fourth power of a uniform number: some keys are asked for much, most hardly ever.
    let mut skewed = |keys: u64| {
        let draw = roll(&mut dice, 1 << 30) as f64 / (1u64 << 30) as f64;
        ((draw.powi(4) * keys as f64) as u64, roll(&mut dice, 1 << 30))
    };
    // Sizes go by the key: 100 B to 100 KB.
    let size = |key: u64| 100u64 << (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61);
    let steps = 0..200_000u64;
    let lines = |lines: Vec<String>| lines.join("\n");
    let skew =
        lines(steps.clone().map(|_| skewed(50_000).0).map(|key| format!("{key},{}", size(key))).collect());
    let shifting = lines(
        steps.clone().map(|step| skewed(20_000).0 + step / 1000 * 50).map(|key| key.to_string()).collect(),
    );
    let scans = lines(
        steps
            .clone()
            .map(|step| match step / 10_000 % 4 {
                3 => 1_000_000 + step,
                _ => skewed(20_000).0,
            })
            .map(|key| key.to_string())
            .collect(),
    );
    let lasting = lines(
        steps.clone().map(|_| skewed(5_000)).map(|(key, other)| (key * 7 + other % 7).to_string()).collect(),
    );
    let mut busy: Vec<u64> = (0..1_000).collect();
    let busy_then_dead = |step| {
        let at = roll(&mut dice, 1_000) as usize;
        let key = busy[at];
        if roll(&mut dice, 20) == 0 {
            busy[at] = 1_000 + step;
        }
        key.to_string()
    };
    let busy_then_dead = lines(steps.map(busy_then_dead).collect());
    [
        ("skew, sized", skew),
        ("shifting", shifting),
        ("with scans", scans),
        ("lasting", lasting),
        ("busy, then dead", busy_then_dead),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut points = Vec::new();
    let head = || {
        println!(
            "{:<20}{:>12} {:>6} {:<7} {:>6} {:>6}   {:>6} {:>6}   best published",
            "hit ratios, %", "capacity", "lru", "", "deflt", "-lru", "bytes", "-lru"
        );
    };
    let Some(folder) = std::env::var_os("TRACES") else {
        println!(
            "hit ratios on traces made here from a seed; for real ones beside published policies: TRACES=DIR"
        );
        head();
        for (name, text) in synthetic() {
            let trace = Trace::parse(name, &text, false)?;
            for thousandths in [1, 10, 100] {
                points.push(row(name, &trace, trace.footprint.div_ceil(1000) * thousandths, &[])?);
            }
        }
        means("mean of objects", &points.iter().collect::<Vec<_>>());
        return Ok(());
    };
    let folder = Path::new(&folder);
    let references = references(folder)?;
    println!("hit ratios on the traces in {}", folder.display());
    head();
    let entries =
        std::fs::read_dir(folder).map_err(|cause| format!("TRACES={}: {cause}", folder.display()))?;
    let mut files: Vec<_> =
        entries.collect::<Result<Vec<_>, _>>()?.iter().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let Some(name) = file.file_name().and_then(|name| name.to_str()?.strip_suffix(".txt.gz")) else {
            continue;
        };
        let trace = Trace::read(&file.to_string_lossy(), false)?;
        let mut at: BTreeMap<u64, Vec<&Reference>> = BTreeMap::new();
        for reference in references.iter().filter(|reference| reference.trace == name) {
            at.entry(reference.capacity).or_default().push(reference);
        }
        if at.is_empty() {
            at = [1, 10, 100].map(|thousandths| (trace.footprint * thousandths / 1000, Vec::new())).into();
        }
        for (capacity, published) in at {
            points.push(row(name, &trace, capacity, &published)?);
        }
    }
    if points.is_empty() {
        return Err(format!("no *.txt.gz in {}", folder.display()).into());
    }
    means("mean of objects, all", &points.iter().collect::<Vec<_>>());
    let judged: Vec<&Point> = points.iter().filter(|point| JUDGED.contains(&&*point.name)).collect();
    means("mean of objects, those it is judged by", &judged);
    let worst = points.iter().min_by(|one, other| (one.gdsf - one.lru).total_cmp(&(other.gdsf - other.lru)));
    if let Some(worst) = worst {
        println!("least lead over lru: {:+.2} on {}", worst.gdsf - worst.lru, worst.name);
    }
    Ok(())
}
