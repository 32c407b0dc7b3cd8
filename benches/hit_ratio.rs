//! Hit ratios of both policies, beside published ones where the traces have a reference.
//!
//! `TRACES=DIR cargo bench --bench hit_ratio` replays every `*.txt.gz` there. A `reference.csv` beside them (columns trace, capacity,
//! fraction, implementation, policy, requests, hits, ohr, bhr) gives the capacities and the published results; without it the
//! capacities are 0.1, 1 and 10 % of a trace's footprint. Without `TRACES` it generates five traces from a seed, which show that the
//! benchmark works, and not how good the policies are on real loads.

#[path = "support/figures.rs"]
mod figures;
#[path = "../examples/replay/trace.rs"]
mod trace;

use geecache_edge::store::Policy;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use trace::Trace;

/// The traces that count for `gdsf`: a web client's log, a web server's, a container registry's, a database's.
const JUDGED: [&str; 4] = ["web_bu98", "web_nasa95", "registry_ibm", "arc_oltp"];
/// Published results that know the future or have no capacity limit.
const NOT_POLICIES: [&str; 3] = ["Infinite", "Belady", "OPT"];

/// A line of `reference.csv`: the result of a published policy.
struct Reference {
    trace: String,
    capacity: u64,
    label: String,
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
            let label = if implementation == policy {
                policy.to_owned()
            } else {
                format!("{policy} ({implementation})")
            };
            let (capacity, hits, ohr) = (capacity.parse()?, hits.parse()?, ohr.parse()?);
            all.push(Reference { trace: trace.to_owned(), capacity, label, hits, ohr });
        }
    }
    Ok(all)
}

/// Hit ratios at one capacity of one trace, in per cent.
struct Point {
    name: String,
    lru: f64,
    gdsf: f64,
    best: Option<f64>,
    /// Hit ratios of bytes, `lru` and `gdsf`. `None` if the trace has no sizes.
    bytes: Option<(f64, f64)>,
}

fn row(name: &str, trace: &Trace, capacity: u64, published: &[&Reference]) -> Result<Point, Box<dyn Error>> {
    let lru = trace.replay(Policy::Lru, capacity, None)?;
    let gdsf = trace.replay(Policy::Gdsf, capacity, None)?;
    let best = published.iter().max_by(|one, other| one.ohr.total_cmp(&other.ohr));
    let reference = published.iter().find(|reference| reference.label == "LRU (refsim)");
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
        best.map_or(String::new(), |best| format!("{:>6.2} {}", 100.0 * best.ohr, best.label))
    );
    Ok(Point {
        name: name.to_owned(),
        lru: 100.0 * lru.ohr(),
        gdsf: 100.0 * gdsf.ohr(),
        best: best.map(|best| 100.0 * best.ohr),
        // Without sizes every object counts as one byte, so that both ratios are the same.
        bytes: (lru.bhr() != lru.ohr()).then(|| (100.0 * lru.bhr(), 100.0 * gdsf.bhr())),
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Prints the means over some points, and records them as figures called `figure`.
fn print_means(figure: &str, title: &str, points: &[&Point]) {
    if points.is_empty() {
        return;
    }
    let record = |name: &str, value: f64| figures::record(&format!("{figure}.{name}"), value);
    let best: Option<Vec<f64>> = points.iter().map(|point| point.best).collect();
    let best = best.map(|best| mean(best.into_iter()));
    let (lru, gdsf) =
        (mean(points.iter().map(|point| point.lru)), mean(points.iter().map(|point| point.gdsf)));
    record("points", points.len() as f64);
    record("lru", lru);
    record("gdsf", gdsf);
    if let Some(best) = best {
        record("best", best);
    }
    let bytes: Vec<(f64, f64)> = points.iter().filter_map(|point| point.bytes).collect();
    if !bytes.is_empty() {
        record("bytes.points", bytes.len() as f64);
        record("bytes.lru", mean(bytes.iter().map(|bytes| bytes.0)));
        record("bytes.gdsf", mean(bytes.iter().map(|bytes| bytes.1)));
    }
    println!(
        "{title}, {} points: lru {lru:.2}, gdsf {gdsf:.2}{}",
        points.len(),
        best.map_or(String::new(), |best| format!(", best published at each point {best:.2}"))
    );
}

/// xorshift64*.
fn below(random: &mut u64, limit: u64) -> u64 {
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    (random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit.max(1)
}

/// Five synthetic traces of 200,000 requests each.
fn synthetic() -> [(&'static str, String); 5] {
    let mut random = 0x9e37_79b9_7f4a_7c15;
    // The fourth power of a uniform number: few keys are hot, most are requested rarely.
    let mut skewed = |keys: u64| {
        let draw = below(&mut random, 1 << 30) as f64 / (1u64 << 30) as f64;
        ((draw.powi(4) * keys as f64) as u64, below(&mut random, 1 << 30))
    };
    // The size is a function of the key: 100 B to 12.8 KB.
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
    let mut hot: Vec<u64> = (0..1_000).collect();
    let short_lived = |step| {
        let at = below(&mut random, 1_000) as usize;
        let key = hot[at];
        if below(&mut random, 20) == 0 {
            hot[at] = 1_000 + step;
        }
        key.to_string()
    };
    let short_lived = lines(steps.map(short_lived).collect());
    [
        ("skew, sized", skew),
        ("shifting", shifting),
        ("with scans", scans),
        ("lasting", lasting),
        ("short-lived hot set", short_lived),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut points = Vec::new();
    let head = || {
        println!(
            "{:<20}{:>12} {:>6} {:<7} {:>6} {:>6}   {:>6} {:>6}   best published",
            "hit ratios, %", "capacity", "lru", "", "gdsf", "-lru", "bytes", "-lru"
        );
    };
    let Some(folder) = std::env::var_os("TRACES") else {
        println!("hit ratios on generated traces; TRACES=DIR for real ones beside published policies");
        head();
        for (name, text) in synthetic() {
            let trace = Trace::parse(name, &text, false)?;
            for thousandths in [1, 10, 100] {
                points.push(row(name, &trace, trace.footprint.div_ceil(1000) * thousandths, &[])?);
            }
        }
        print_means("generated", "mean of objects", &points.iter().collect::<Vec<_>>());
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
    for same in points.chunk_by(|one, next| one.name == next.name) {
        if let Some(first) = same.first() {
            print_means(&format!("trace.{}", first.name), &first.name, &same.iter().collect::<Vec<_>>());
        }
    }
    print_means("all", "mean of objects, all", &points.iter().collect::<Vec<_>>());
    let judged: Vec<&Point> = points.iter().filter(|point| JUDGED.contains(&&*point.name)).collect();
    print_means("judged", "mean of objects, the traces that count", &judged);
    let worst = points.iter().min_by(|one, other| (one.gdsf - one.lru).total_cmp(&(other.gdsf - other.lru)));
    if let Some(worst) = worst {
        figures::record("smallest_lead", worst.gdsf - worst.lru);
        println!("smallest lead over lru: {:+.2} on {}", worst.gdsf - worst.lru, worst.name);
    }
    Ok(())
}
