//! Source files without their comments.

use std::path::PathBuf;

/// Folders of dependencies and build output.
const SKIPPED: [&str; 4] = ["node_modules", "target", "pkg", "dist"];

/// A source file.
pub struct Source {
    /// Its path below the folder that was searched, with "/" as separator.
    pub path: String,
    /// Its text without comments; line numbers and strings stay.
    pub code: String,
    /// The number of its lines, comments included.
    pub lines: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.into(), lines: text.lines().count(), code: without_comments(text) }
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads every file with that extension below `folder`; none if the folder does not exist.
pub fn sources(folder: &str, extension: &str) -> Vec<Source> {
    let top = root().join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![top.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !name.starts_with('.') && !SKIPPED.contains(&name) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|is| is == extension) {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&top).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source::new(&path, &text));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Blanks the comments of Rust, TypeScript or JavaScript.
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

/// The length of the string literal that `text` begins with, quotes included.
pub fn string_len(text: &str, quote: char) -> usize {
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
