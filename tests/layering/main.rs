//! Who may know whom. A module that reaches up, JavaScript outside of its corner, a file that has grown too long:
//! each is a failing test here, not a matter of taste in a review.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each module and the modules of this crate that it may import, from the ground up.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("ring", &["base"]),
    ("store", &["base"]),
    ("peer", &["base"]),
    ("wire", &["base", "peer", "ring"]),
    ("group", &["base", "peer", "store"]),
    ("pool", &["base", "group", "peer", "ring", "wire"]),
    ("driver", &["base", "group", "peer"]),
    ("wasm", &["base", "group", "peer", "pool", "ring", "store", "wire"]),
];

/// The only module that knows JavaScript, and what nobody else may name.
const JAVASCRIPT: (&str, &[&str]) =
    ("wasm", &["wasm_bindgen", "js_sys", "web_sys", "serde_wasm_bindgen", "wasm_bindgen_futures"]);

/// What wasm-bindgen generates.
const GLUE: &str = "core.js";

const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A source file without its comments.
struct Source {
    /// Its path under its folder, with "/" between.
    path: String,
    code: String,
    lines: usize,
}

/// Every file of that extension under `folder`; none where there is no such folder.
fn sources(folder: &str, extension: &str) -> Vec<Source> {
    let top = root().join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![top.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == extension) {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&top).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { path, lines: text.lines().count(), code: without_comments(&text) });
            }
        }
    }
    found
}

/// Blanks comments, in Rust and in TypeScript, and leaves strings (an import is one) and line numbers alone.
fn without_comments(text: &str) -> String {
    let (mut code, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if next == '"' || next == '`' {
            let len = string_len(rest, next);
            code.push_str(&rest[..len]);
            rest = &rest[len..];
            continue;
        } else {
            // A quoted quote or backslash would open a string that never ends.
            let quoted = ["'\"'", "'`'", "'\\''", "'\\\\'", "b'\"'"]
                .into_iter()
                .find(|quoted| rest.starts_with(quoted));
            let len = quoted.map_or(next.len_utf8(), str::len);
            code.push_str(&rest[..len]);
            rest = &rest[len..];
            continue;
        };
        code.extend(rest[..len].chars().filter(|&other| other == '\n'));
        rest = &rest[len..];
    }
    code
}

fn string_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if next == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The crate's module that a file belongs to: "wire" for wire/geecache.rs.
fn module_of(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The first names of every path that begins at the crate's root: `error`, `Ring`.
fn imports(source: &Source) -> BTreeSet<String> {
    // `super` is the root in a file directly under src and in a folder's mod.rs, and the module itself one below.
    let depth = source.path.trim_end_matches("/mod.rs").matches('/').count();
    let up = "super::".repeat(depth + 1);
    let mut names = BTreeSet::new();
    for prefix in ["crate::", "geecache_edge::", &up] {
        for (at, _) in source.code.match_indices(prefix) {
            let before = source.code[..at].chars().next_back();
            let longer = before.is_some_and(|before| before.is_alphanumeric() || "_:$".contains(before));
            if !longer {
                first_names(&source.code[at + prefix.len()..], &mut names);
            }
        }
    }
    names
}

/// `a::b` gives a, `{a::{b, c}, d}` gives a and d.
fn first_names(path: &str, names: &mut BTreeSet<String>) {
    let word = |text: &str| text.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else {
        names.insert(word(path));
        return;
    };
    let (mut depth, mut begins) = (0, true);
    for (at, next) in group.char_indices() {
        match next {
            '{' => depth += 1,
            '}' if depth == 0 => return,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !next.is_whitespace() => {
                names.insert(word(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
}

#[test]
fn modules_import_what_lies_below_them_and_nothing_else() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for source in sources("src", "rs").iter().filter(|source| source.path != "lib.rs") {
        let module = module_of(&source.path);
        let Some(allowed) = allowed.get(module) else {
            wrong.push(format!(
                "src/{}: the table above has no module {module:?}: say what it may import",
                source.path
            ));
            continue;
        };
        seen.insert(module.to_owned());
        for name in imports(source).iter().filter(|&name| name != module) {
            if !allowed.contains(&&**name) {
                wrong.push(format!(
                    "src/{} imports crate::{name}; {module} may import {allowed:?}",
                    source.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(["ring", "store", "group", "driver"].iter().all(|&module| seen.contains(module)), "{seen:?}");
}

#[test]
fn the_table_has_no_ring() {
    for (at, (module, imports)) in MAY_IMPORT.iter().enumerate() {
        for import in *imports {
            let below = MAY_IMPORT[..at].iter().any(|(name, _)| name == import);
            assert!(below, "{module} may import {import}, which does not come before it");
        }
    }
}

#[test]
fn javascript_is_known_to_wasm_alone() {
    let (home, names) = JAVASCRIPT;
    for source in sources("src", "rs").iter().filter(|source| module_of(&source.path) != home) {
        for name in names {
            assert!(!source.code.contains(name), "src/{} names {name}", source.path);
        }
    }
}

#[test]
fn nothing_is_kept_process_wide() {
    // But for faults that are planted, for one thread of a test.
    for source in sources("src", "rs").into_iter().filter(|source| source.path != "base/mutants.rs") {
        for name in ["static mut", "OnceLock", "LazyLock", "lazy_static", "once_cell", "thread_local!"] {
            assert!(
                !source.code.contains(name),
                "src/{} has {name}: pools and groups are values",
                source.path
            );
        }
        let mut before = "";
        for line in source.code.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let item =
                ["static ", "pub static ", "pub(crate) static "].iter().any(|begin| line.starts_with(begin));
            let allocator = before == "#[global_allocator]";
            assert!(!item || allocator, "src/{} has a static: {line}", source.path);
            before = line;
        }
    }
}

#[test]
fn no_file_is_longer_than_a_few_screens() {
    for (folder, extension) in [("src", "rs"), ("pkg-template/src", "ts"), ("tests", "rs")] {
        for source in sources(folder, extension) {
            assert!(source.lines <= MAX_LINES, "{folder}/{} has {} lines", source.path, source.lines);
        }
    }
}

/// The package's TypeScript.
fn typescript() -> Vec<Source> {
    let files = sources("pkg-template/src", "ts");
    assert!(!files.is_empty(), "pkg-template/src holds no TypeScript");
    files.into_iter().filter(|source| !source.path.ends_with(".d.ts")).collect()
}

/// What a file imports or re-exports, as it is written.
fn specifiers(source: &Source) -> Vec<&str> {
    let mut found = Vec::new();
    for keyword in ["from", "import", "import("] {
        for (at, _) in source.code.match_indices(keyword) {
            let rest = source.code[at + keyword.len()..].trim_start();
            let Some(quote) = rest.chars().next().filter(|first| "\"'`".contains(*first)) else { continue };
            found.extend(rest[1..].split(quote).next());
        }
    }
    found
}

#[test]
fn one_typescript_file_touches_the_generated_glue() {
    let touching: Vec<String> = typescript()
        .iter()
        .filter(|source| specifiers(source).iter().any(|path| path.rsplit('/').next() == Some(GLUE)))
        .map(|source| source.path.clone())
        .collect();
    assert_eq!(touching.len(), 1, "one file alone imports {GLUE}: {touching:?}");
}

#[test]
fn entries_import_and_nobody_imports_entries() {
    let files = typescript();
    let entries = files.iter().filter(|source| source.path.starts_with("entry/")).count();
    assert!(entries > 0, "the package has no entries");
    for source in &files {
        for path in specifiers(source) {
            let inside = Path::new(&source.path).starts_with("entry") && path.starts_with("./");
            assert!(!inside && !path.contains("entry/"), "{} imports {path}", source.path);
        }
    }
}

/// The first line that awaits outside of every bracket and of every async arrow.
fn awaits_at_its_top_level(code: &str) -> Option<usize> {
    let (mut depth, mut plain, mut rest) = (0i32, String::new(), code);
    while let Some(next) = rest.chars().next() {
        let len = if "\"'`".contains(next) { string_len(rest, next) } else { next.len_utf8() };
        plain.push_str(if len == next.len_utf8() { &rest[..len] } else { "" });
        rest = &rest[len..];
    }
    plain.lines().position(|line| {
        let awaits = line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "await");
        let here = depth == 0 && awaits && !line.contains("async ");
        depth += line.matches(['{', '(', '[']).count() as i32 - line.matches(['}', ')', ']']).count() as i32;
        here
    })
}

#[test]
fn no_file_awaits_at_its_top_level() {
    for source in typescript() {
        assert_eq!(awaits_at_its_top_level(&source.code), None, "{}, counted from 0", source.path);
    }
}

#[test]
fn these_checks_see_what_they_are_for() {
    let source =
        |path: &str, text: &str| Source { path: path.into(), lines: 0, code: without_comments(text) };
    let code = "use crate::error::{Code, Error}; // crate::wasm\n/* crate::pool */ use crate::{\n  group::{Step, Task},\n ring };\n\
                let quote = '\"'; fn f() { crate::driver::run(\"// no comment\") } use super::store; mycrate::no();";
    let names: Vec<_> = imports(&source("peer.rs", code)).into_iter().collect();
    assert_eq!(names, ["driver", "error", "group", "ring", "store"]);
    assert_eq!(imports(&source("wire/geecache.rs", "use super::Wire; use super::super::pool;")).len(), 1);
    assert_eq!(imports(&source("wire/mod.rs", "use super::pool;")).len(), 1);
    let code = "import { a } from \"./core.js\";\nimport './b.js'; // from \"./no.js\"\nawait import(\"./c.js\");\nexport * from `./d.js`;";
    let mut paths = specifiers(&source("x.ts", code)).iter().map(|path| path.to_string()).collect::<Vec<_>>();
    paths.sort();
    assert_eq!(paths, ["./b.js", "./c.js", "./core.js", "./d.js"]);
    let fine = "const f = async () => await g();\nfunction h() {\n  await g(\"}\");\n}\n";
    assert_eq!(awaits_at_its_top_level(fine), None);
    assert_eq!(awaits_at_its_top_level(&[fine, "export const x = await g();"].concat()), Some(4));
}
