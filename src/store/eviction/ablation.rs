//! The parts of the default policy, each of which the feature `ablation` lets one turn off to see what it earns.

/// What the default policy is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Large entries are worth less.
    pub size: bool,
    /// Entries used often are worth more.
    pub uses: bool,
    /// The clock moves on with what goes or is refused.
    pub age: bool,
    /// Keys that went are remembered.
    pub ghosts: bool,
    /// How much uses count is learned.
    pub lesson: bool,
    /// What is worth less than what would have to go is refused.
    pub refusal: bool,
    /// Uses in quick succession count as one.
    pub bursts: bool,
}

impl Parts {
    pub const ALL: Parts =
        Parts { size: true, uses: true, age: true, ghosts: true, lesson: true, refusal: true, bursts: true };

    /// All but the one of this name, if there is one.
    #[cfg(feature = "ablation")]
    pub fn without(name: &str) -> Option<Parts> {
        let mut parts = Parts::ALL;
        *match name {
            "size" => &mut parts.size,
            "uses" => &mut parts.uses,
            "age" => &mut parts.age,
            "ghosts" => &mut parts.ghosts,
            "lesson" => &mut parts.lesson,
            "refusal" => &mut parts.refusal,
            "bursts" => &mut parts.bursts,
            _ => return None,
        } = false;
        Some(parts)
    }
}
