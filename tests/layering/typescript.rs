//! The package's TypeScript: one file imports the generated glue, entries are imported by nobody, imports form no
//! circle, and no module awaits at its top level.

use std::collections::BTreeSet;
use std::path::Path;

use crate::graph::Graph;
use crate::source::{Source, root, sources, string_len};

/// The module that wasm-bindgen generates beside the sources.
const GLUE: &str = "glue.js";

/// The package's sources without declarations.
fn typescript() -> Vec<Source> {
    let files = sources("pkg-template/src", "ts");
    assert!(!files.is_empty(), "pkg-template/src has no TypeScript");
    files.into_iter().filter(|source| !source.path.ends_with(".d.ts")).collect()
}

/// The paths that a file imports or re-exports, as written; imports of types included.
pub fn specifiers(source: &Source) -> Vec<&str> {
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

/// Resolves a relative specifier against the importing file. `None` for a package's name.
pub fn resolve(file: &str, specifier: &str) -> Option<String> {
    if !specifier.starts_with('.') {
        return None;
    }
    let mut path: Vec<&str> = file.split('/').collect();
    path.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => drop(path.pop()),
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

/// The source that a specifier imports, by its path; `None` for packages and generated files.
fn imported<'a>(files: &'a BTreeSet<String>, source: &Source, specifier: &str) -> Option<&'a String> {
    let path = resolve(&source.path, specifier)?;
    files.get(&path.replace(".js", ".ts"))
}

fn paths(files: &[Source]) -> BTreeSet<String> {
    files.iter().map(|source| source.path.clone()).collect()
}

#[test]
fn generated_glue_is_imported_by_one_file() {
    let files = typescript();
    let known = paths(&files);
    let is_glue = |source: &Source, path: &str| {
        path.rsplit('/').next().is_some_and(|name| name == GLUE) && imported(&known, source, path).is_none()
    };
    let importers: Vec<&str> = files
        .iter()
        .filter(|source| specifiers(source).iter().any(|path| is_glue(source, path)))
        .map(|source| &*source.path)
        .collect();
    assert_eq!(importers.len(), 1, "one file imports the generated glue: {importers:?}");
}

#[test]
fn entries_are_imported_by_nobody() {
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

#[test]
fn typescript_imports_form_no_circle() {
    // The sources are in their final layout once core/ is a folder.
    if !root().join("pkg-template/src/core").is_dir() {
        return;
    }
    let (files, mut graph) = (typescript(), Graph::default());
    let known = paths(&files);
    for source in &files {
        for import in specifiers(source).into_iter().filter_map(|path| imported(&known, source, path)) {
            graph.add(&source.path, import);
        }
    }
    assert_eq!(graph.circle(), None, "a circle of imports in pkg-template/src, types included");
}

/// The first line, from 0, that awaits outside of every bracket and of every async arrow.
fn top_level_await(code: &str) -> Option<usize> {
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
fn no_module_awaits_at_its_top_level() {
    for source in typescript() {
        assert_eq!(top_level_await(&source.code), None, "{}, counted from 0", source.path);
    }
}

#[test]
fn specifiers_and_top_level_awaits_of_samples_are_found() {
    let code = "import { a } from \"./core.js\";\nimport './b.js'; // from \"./no.js\"\nawait import(\"./c.js\");\n\
                export * from `./d.js`;\nimport type { E } from \"./e.js\";";
    let source = Source::new("x.ts", code);
    let mut found = specifiers(&source);
    found.sort();
    assert_eq!(found, ["./b.js", "./c.js", "./core.js", "./d.js", "./e.js"]);
    assert_eq!(resolve("entry/node.ts", "../core/core.js").as_deref(), Some("core/core.js"));
    assert_eq!(resolve("tests/a/b.mjs", "../../www/c.mjs").as_deref(), Some("www/c.mjs"));
    assert_eq!(resolve("index.ts", "node:fs"), None);
    let fine = "const f = async () => await g();\nfunction h() {\n  await g(\"}\");\n}\n";
    assert_eq!(top_level_await(fine), None);
    assert_eq!(top_level_await(&[fine, "export const x = await g();"].concat()), Some(4));
}
