//! The rooms of the crate: the imports that each may have, and that they form no circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::Graph;
use crate::source::{Source, sources};

/// Each room with the rooms it may import, from the bottom up.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("ring", &["base"]),
    ("store", &["base"]),
    ("peer", &["base"]),
    ("wire", &["base", "peer", "ring"]),
    ("group", &["base", "peer", "store"]),
    ("pool", &["base", "group", "peer", "ring", "wire"]),
    ("protocol", &["base", "group", "ring", "store", "wire"]),
    ("driver", &["base", "group", "peer"]),
    ("wasm", &["base", "group", "peer", "pool", "protocol", "ring", "store", "wire"]),
];

/// Modules that may import less than their room, with all they may import beside themselves.
const MODULES: &[(&str, &[&str])] = &[
    ("group/singleflight", &["base"]),
    ("group/stats", &[]),
    ("group/options", &["base", "store"]),
    ("group/failover", &["base", "peer"]),
    ("group/freshness", &["base", "group/options", "store"]),
    ("group/step", &["group/singleflight", "store"]),
    ("pool/breaker", &["base"]),
    ("store/arena", &["base", "store/options"]),
    ("store/index", &["base", "store/arena", "store/options"]),
    ("store/eviction", &["base", "store/arena", "store/options"]),
];

/// The room that knows JavaScript, and the crates that no other room may name.
const JAVASCRIPT: (&str, &[&str]) =
    ("wasm", &["wasm_bindgen", "js_sys", "web_sys", "serde_wasm_bindgen", "wasm_bindgen_futures"]);

/// The module of a file: "wire/http" for wire/http.rs, "wire" for wire/mod.rs, "" for lib.rs.
fn module_of(path: &str) -> &str {
    let module = path.trim_end_matches(".rs");
    match module {
        "lib" => "",
        _ => module.strip_suffix("/mod").unwrap_or(module),
    }
}

/// The room of a module: "wire" for wire/http.
fn room_of(module: &str) -> &str {
    module.split('/').next().unwrap_or_default()
}

/// Whether `module` is `ancestor` or lies in it.
fn lies_in(module: &str, ancestor: &str) -> bool {
    module.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The paths that a text names, from the crate's root: `crate::a::{b, c}` gives a/b and a/c; `super` and the file's own
/// child modules are resolved.
fn imports(module: &str, code: &str) -> BTreeSet<String> {
    let own: Vec<&str> = module.split('/').filter(|name| !name.is_empty()).collect();
    let mut found = BTreeSet::new();
    let mut add = |base: &[&str], rest: &str| expand(base, rest, &mut found);
    for (at, _) in code.match_indices("::") {
        let word_at =
            code[..at].rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |before| before + 1);
        let (before, word) = (&code[..word_at], &code[word_at..at]);
        // `pub(in crate::store)` is a visibility.
        let is_first = !before.ends_with([':', '$']) && !before.ends_with("(in ");
        let rest = &code[at + 2..];
        match word {
            "crate" | "geecache_edge" if is_first => add(&[], rest),
            "super" if is_first => {
                let (mut ups, mut rest) = (1, rest);
                while let Some(further) = rest.strip_prefix("super::") {
                    (ups, rest) = (ups + 1, further);
                }
                add(&own[..own.len().saturating_sub(ups)], rest);
            }
            // A child module, where the file declares it.
            _ if is_first && before.ends_with("use ") && code.contains(&format!("mod {word};")) => {
                add(&[&own[..], &[word]].concat(), rest);
            }
            _ => {}
        }
    }
    found
}

/// Adds every path of a tree of imports.
fn expand(base: &[&str], tree: &str, found: &mut BTreeSet<String>) {
    let tree = tree.trim_start();
    let Some(list) = tree.strip_prefix('{') else {
        let end = tree.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tree.len());
        let path = [base, &[&tree[..end]]].concat();
        match tree[end..].strip_prefix("::") {
            Some(rest) => expand(&path, rest, found),
            None => drop(found.insert(path.join("/").trim_end_matches('/').to_owned())),
        }
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, next) in list.char_indices() {
        match next {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                if !list[start..at].trim().is_empty() {
                    expand(base, &list[start..at], found);
                }
                if next == '}' {
                    return;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The crate's modules, with the paths they import outside of their unit tests and the names they re-export.
struct Modules {
    imports: BTreeMap<String, BTreeSet<String>>,
    reexports: BTreeMap<String, String>,
}

impl Modules {
    fn read(sources: &[Source]) -> Modules {
        let mut modules = Modules { imports: BTreeMap::new(), reexports: BTreeMap::new() };
        for source in sources.iter().filter(|source| !source.path.ends_with("tests.rs")) {
            let module = module_of(&source.path);
            let code = source.code.split("mod tests {").next().unwrap_or_default();
            modules.imports.insert(module.to_owned(), imports(module, code));
            for statement in code.split(';').map(str::trim).filter(|text| text.starts_with("pub")) {
                let Some((_, tree)) = statement.split_once("use ") else { continue };
                // With its declarations in view, so that a child module is known as one.
                let declared: String = code.lines().filter(|line| line.contains("mod ")).collect();
                for path in imports(module, &[&*declared, " use ", tree, ";"].concat()) {
                    let name = path.rsplit('/').next().unwrap_or_default();
                    let name = [module, name].join("/").trim_start_matches('/').to_owned();
                    modules.reexports.insert(name, path);
                }
            }
        }
        modules
    }

    /// The module that defines the last name of a path, through re-exports.
    fn resolve(&self, path: &str) -> &str {
        let mut prefix = path;
        loop {
            if let Some((module, _)) = self.imports.get_key_value(prefix) {
                return module;
            }
            if let Some(target) = self.reexports.get(prefix).filter(|target| *target != path) {
                return self.resolve(target);
            }
            prefix = prefix.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// Every import of a module by another, resolved.
    fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.imports.iter().filter(|(module, _)| !module.is_empty()).flat_map(|(module, paths)| {
            let targets: BTreeSet<&str> = paths.iter().map(|path| self.resolve(path)).collect();
            targets.into_iter().map(|target| (&**module, target)).filter(|edge| edge.0 != edge.1)
        })
    }
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for source in sources("src", "rs").iter().filter(|source| source.path != "lib.rs") {
        let module = module_of(&source.path);
        let room = room_of(module);
        let Some(allowed) = allowed.get(room) else {
            wrong.push(format!("src/{}: the table of rooms has no {room:?}: add its row", source.path));
            continue;
        };
        seen.insert(room.to_owned());
        for path in imports(module, &source.code) {
            let other = room_of(&path);
            if other != room && !allowed.contains(&other) {
                wrong.push(format!("src/{} imports {path}; {room} may import {allowed:?}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(["ring", "store", "group", "driver"].iter().all(|&room| seen.contains(room)), "{seen:?}");
}

#[test]
fn table_of_rooms_is_in_order_from_the_bottom_up() {
    for (at, (room, imports)) in ROOMS.iter().enumerate() {
        for import in *imports {
            let is_below = ROOMS[..at].iter().any(|(name, _)| name == import);
            assert!(is_below, "{room} may import {import}, which does not come before it");
        }
    }
}

#[test]
fn modules_with_a_row_import_only_what_it_lists() {
    let modules = Modules::read(&sources("src", "rs"));
    let mut wrong = Vec::new();
    for &(row, allowed) in MODULES {
        assert!(modules.imports.contains_key(row), "the table names {row}, which does not exist");
        for (module, target) in modules.edges().filter(|(module, _)| lies_in(module, row)) {
            if !lies_in(target, row) && !allowed.iter().any(|allowed| lies_in(target, allowed)) {
                wrong.push(format!("src/{module} imports {target}; {row} may import {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Between the modules of each folder, where a module counts with all that lies in it. A parent and its own children
/// are exempt: a `mod.rs` re-exports them, and they share its types.
#[test]
fn imports_between_siblings_form_no_circle() {
    let modules = Modules::read(&sources("src", "rs"));
    let mut folders: BTreeMap<String, Graph> = BTreeMap::new();
    for (from, to) in modules.edges() {
        let (from, to): (Vec<_>, Vec<_>) = (from.split('/').collect(), to.split('/').collect());
        let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) {
            folders.entry(from[..shared].join("/")).or_default().add(a, b);
        }
    }
    for (folder, graph) in folders {
        assert_eq!(graph.circle(), None, "a circle of imports between the modules of src/{folder}");
    }
}

#[test]
fn javascript_crates_are_named_by_wasm_alone() {
    let (home, names) = JAVASCRIPT;
    for source in sources("src", "rs").iter().filter(|source| room_of(module_of(&source.path)) != home) {
        for name in names {
            assert!(!source.code.contains(name), "src/{} names {name}", source.path);
        }
    }
}

#[test]
fn imports_of_samples_are_found_and_resolved() {
    let code = "use crate::error::{Code, Error}; // crate::wasm\n/* crate::pool */ use crate::{\n  group::{Step, Task},\n ring };\n\
                let quote = '\"'; fn f() { crate::driver::run(\"// no comment\") } use super::store; mycrate::no();";
    let rooms = |path: &str, text: &str| -> Vec<String> {
        let (source, module) = (Source::new(path, text), module_of(path));
        let paths = imports(module, &source.code);
        let rooms: BTreeSet<String> = paths.iter().map(|path| room_of(path).to_owned()).collect();
        rooms.into_iter().filter(|room| room != room_of(module)).collect()
    };
    assert_eq!(rooms("peer.rs", code), ["driver", "error", "group", "ring", "store"]);
    assert_eq!(rooms("wire/geecache.rs", "use super::Wire; use super::super::pool;"), ["pool"]);
    assert_eq!(rooms("wire/mod.rs", "use super::pool;"), ["pool"]);

    let modules = Modules::read(&[
        Source::new(
            "store/mod.rs",
            "mod arena; mod index;\npub use arena::{Addr, Arena as Memory}; pub(crate) use index::Cell;",
        ),
        Source::new(
            "store/arena.rs",
            "use super::Cell; fn f() {}\n#[cfg(test)]\nmod tests { use crate::group::Group; }",
        ),
        Source::new("store/index.rs", "use crate::store::{Addr, options::Meta};"),
    ]);
    let edges: Vec<_> = modules.edges().collect();
    let expected = [
        ("store", "store/arena"),
        ("store", "store/index"),
        ("store/arena", "store/index"),
        ("store/index", "store"),
        ("store/index", "store/arena"),
    ];
    assert_eq!(edges, expected, "through re-exports, without unit tests");
}
