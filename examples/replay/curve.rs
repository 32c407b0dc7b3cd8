//! Hit-ratio curves as an SVG drawing.

use crate::trace::Replay;
use geecache_edge::store::Policy;
use std::fmt::Write as _;

/// Draws the object hit ratio of each policy over the logarithm of the capacity.
pub fn svg(curves: &[(Policy, Vec<Replay>)]) -> String {
    let (width, height, left, bottom) = (640.0, 400.0, 50.0, 40.0);
    let all = || {
        curves.iter().flat_map(|(_, points)| points.iter().map(|point| (point.capacity.max(1) as f64).ln()))
    };
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
    let x = |capacity: u64| {
        left + (width - left - 20.0) * ((capacity.max(1) as f64).ln() - least) / (most - least).max(1e-9)
    };
    let y = |ratio: f64| (height - bottom) * (1.0 - ratio) + 10.0 * ratio;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n"
    );
    for tenth in (0..=10).step_by(2) {
        let at = y(f64::from(tenth) / 10.0);
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"8\" y=\"{:.1}\">{} %</text>",
            width - 20.0,
            at + 4.0,
            tenth * 10
        );
    }
    for point in curves.first().map_or(&[][..], |(_, points)| points).iter().step_by(4) {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(point.capacity),
            height - 20.0,
            point.capacity
        );
    }
    for ((policy, points), colour) in curves.iter().zip(["#888", "#06c"]) {
        let path: Vec<String> =
            points.iter().map(|point| format!("{:.1},{:.1}", x(point.capacity), y(point.ohr()))).collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"><title>{}</title></polyline>",
            path.join(" "),
            policy.name()
        );
        let end = points.last().map_or(0.0, |point| y(point.ohr()));
        let shift = if *policy == Policy::Lru { 14.0 } else { -6.0 };
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
            width - 24.0,
            end + shift,
            policy.name()
        );
    }
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">capacity (values), hit ratio of objects</text>\n</svg>\n",
        width / 2.0,
        height - 5.0
    );
    out
}
