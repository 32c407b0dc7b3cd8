//! A directed graph of imports.

use std::collections::{BTreeMap, BTreeSet};

/// Each node with the nodes it imports.
#[derive(Default)]
pub struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    /// Adds an import; one of a node by itself is ignored.
    pub fn add(&mut self, from: &str, to: &str) {
        if from != to {
            self.0.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
    }

    /// Returns the shortest circle of imports, its first node repeated at the end; `None` for an acyclic graph.
    pub fn circle(&self) -> Option<Vec<String>> {
        self.0.keys().filter_map(|start| self.path_back(start)).min_by_key(Vec::len)
    }

    /// The shortest path from a node back to itself.
    fn path_back(&self, start: &str) -> Option<Vec<String>> {
        let mut paths = vec![vec![start.to_owned()]];
        let mut seen = BTreeSet::new();
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for path in paths {
                for next in path.last().and_then(|last| self.0.get(last)).into_iter().flatten() {
                    let path = [&path[..], std::slice::from_ref(next)].concat();
                    if next == start {
                        return Some(path);
                    }
                    if seen.insert(next.clone()) {
                        longer.push(path);
                    }
                }
            }
            paths = longer;
        }
        None
    }
}

#[test]
fn circle_in_a_graph_is_its_shortest_one() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b"), ("b", "c"), ("a", "c"), ("c", "c")] {
        graph.add(from, to);
    }
    assert_eq!(graph.circle(), None);
    graph.add("c", "a");
    graph.add("b", "a");
    assert_eq!(graph.circle().map(|circle| circle.join(" ")).as_deref(), Some("a b a"));
}
