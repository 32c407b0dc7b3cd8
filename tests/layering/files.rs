//! Rules of files and folders: the doors of `src/`, the length of a file, no process-wide state, and which folder may
//! import which.

use std::io::Write;

use crate::source::{Source, root, sources};
use crate::typescript::{resolve, specifiers};

/// The folders and files of `src/`.
const DOORS: [&str; 8] = ["base", "driver", "group", "pool", "ring", "store", "wasm", "wire"];
const FILES: [&str; 3] = ["lib.rs", "peer.rs", "protocol.rs"];

/// A longer file is cut by ideas: lines at which the test warns, and at which it fails.
const WARN_LINES: usize = 350;
const MAX_LINES: usize = 500;

/// Each folder of JavaScript that others must not reach into, with the folders that may not import it.
const APART: [(&str, &[&str]); 2] = [("tests", &["www", "harness"]), ("www", &["tests", "harness"])];

#[test]
fn src_has_its_eight_folders_and_no_other() {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() { folders.push(name) } else { files.push(name) }
    }
    folders.sort();
    assert_eq!(folders, DOORS, "the folders of src/");
    for folder in DOORS {
        assert!(root().join("src").join(folder).join("mod.rs").is_file(), "src/{folder} has no mod.rs");
    }
    for file in files {
        assert!(FILES.contains(&&*file), "src/{file}: give it a place in one of the folders");
    }
}

#[test]
fn file_longer_than_500_lines_fails_and_longer_than_350_warns() {
    let mut too_long = Vec::new();
    for folder in
        ["src", "pkg-template/src", "tests", "harness", "www", "scripts", "examples", "benches", "fuzz"]
    {
        for extension in ["rs", "ts", "mjs", "js"] {
            for Source { path, lines, .. } in sources(folder, extension) {
                if lines > MAX_LINES {
                    too_long.push(format!("{folder}/{path} has {lines} lines"));
                } else if lines > WARN_LINES {
                    // Written to the handle itself: the test runner hides the output of macros.
                    let warning =
                        format!("warning: {folder}/{path} has {lines} lines, more than {WARN_LINES}\n");
                    std::io::stderr().write_all(warning.as_bytes()).unwrap();
                }
            }
        }
    }
    assert!(too_long.is_empty(), "cut these files by ideas: {}", too_long.join(", "));
}

#[test]
fn src_has_no_process_wide_state() {
    // Except the active mutant, which belongs to one thread of a test.
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
fn tests_and_www_share_the_harness_and_import_nothing_of_each_other() {
    let mut wrong = Vec::new();
    for (folder, importers) in APART {
        for importer in importers {
            for extension in ["mjs", "js", "ts"] {
                for source in sources(importer, extension) {
                    let file = format!("{importer}/{}", source.path);
                    let reaches = |path: &&str| {
                        resolve(&file, path).is_some_and(|path| path.starts_with(&format!("{folder}/")))
                    };
                    wrong.extend(
                        specifiers(&source)
                            .into_iter()
                            .filter(reaches)
                            .map(|path| format!("{file} imports {path}")),
                    );
                }
            }
        }
    }
    assert!(wrong.is_empty(), "move shared code to harness/: {}", wrong.join("\n"));
}
