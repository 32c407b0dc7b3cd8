//! Parts of the policy `gdsf` that the feature `ablation` turns off one at a time, to measure the share of each in the hit ratio.

/// The parts that are turned off.
#[derive(Clone, Copy)]
pub(in crate::store) struct Ablation {
    /// All entries have the priority of one size.
    pub(super) size: bool,
    /// All entries have the priority of one use.
    pub(super) uses: bool,
    /// The clock does not advance.
    pub(super) age: bool,
    /// Evicted keys leave no ghosts.
    pub(super) ghosts: bool,
    /// The exponent of uses stays at its first value.
    pub(super) tuning: bool,
    /// Every candidate is admitted.
    pub(super) admission: bool,
    /// A burst of hits does not count as one use: each hit counts.
    pub(super) bursts: bool,
}

impl Ablation {
    pub(super) const NONE: Ablation = Ablation {
        size: false,
        uses: false,
        age: false,
        ghosts: false,
        tuning: false,
        admission: false,
        bursts: false,
    };

    /// The ablation of one part, by its name. `None` if no part has the name.
    #[cfg(feature = "ablation")]
    pub(super) fn of(part: &str) -> Option<Ablation> {
        let mut ablation = Ablation::NONE;
        *match part {
            "size" => &mut ablation.size,
            "uses" => &mut ablation.uses,
            "age" => &mut ablation.age,
            "ghosts" => &mut ablation.ghosts,
            "tuning" => &mut ablation.tuning,
            "admission" => &mut ablation.admission,
            "bursts" => &mut ablation.bursts,
            _ => return None,
        } = true;
        Some(ablation)
    }
}
