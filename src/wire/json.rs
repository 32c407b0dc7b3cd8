//! The one JSON text of the wires, `{"group": "...", "keys": ["...", "..."]}`, as Go writes it: nothing else is read.

use crate::base::text::{hex, parse_hex};

/// Writes the text; `None` for a key that is not UTF-8, which JSON cannot hold.
pub fn keys_written(group: &str, keys: &[Vec<u8>]) -> Option<Vec<u8>> {
    let keys: Result<Vec<&str>, _> = keys.iter().map(|key| std::str::from_utf8(key)).collect();
    let keys: Vec<String> = keys.ok()?.into_iter().map(quoted).collect();
    Some(["{\"group\":", &quoted(group), ",\"keys\":[", &keys.join(","), "]}"].concat().into_bytes())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\0'..' ' => quoted.extend(["\\u00", &hex(&[c as u8])]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Reads the keys out of `{"group": "...", "keys": ["..."]}`; `None` for every other text.
pub fn keys_in(text: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader(std::str::from_utf8(text).ok()?);
    let mut keys = Vec::new();
    reader.listed('{', '}', &mut |reader| {
        let name = reader.string()?;
        reader.token(':')?;
        match &*name {
            // The path has named it.
            "group" => reader.string().map(drop),
            "keys" => reader.listed('[', ']', &mut |reader| {
                keys.push(reader.string()?);
                Some(())
            }),
            _ => None,
        }
    })?;
    reader.0.trim_start().is_empty().then_some(keys)
}

/// What is still to be read.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn token(&mut self, token: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    /// Things with commas between, in brackets.
    fn listed(
        &mut self,
        open: char,
        close: char,
        each: &mut dyn FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.token(open)?;
        if self.token(close).is_some() {
            return Some(());
        }
        loop {
            each(self)?;
            if self.token(',').is_none() {
                return self.token(close);
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.token('"')?;
        let (mut units, mut chars) = (Vec::new(), self.0.chars());
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => units.push(match chars.next()? {
                    'b' => 8,
                    'f' => 12,
                    'n' => 10,
                    'r' => 13,
                    't' => 9,
                    'u' => {
                        let digits = chars.as_str().get(..4)?;
                        chars = chars.as_str().get(4..)?.chars();
                        u16::from_be_bytes(parse_hex(digits)?.try_into().ok()?)
                    }
                    plain @ ('"' | '\\' | '/') => plain as u16,
                    _ => return None,
                }),
                control if control < ' ' => return None,
                plain => units.extend_from_slice(plain.encode_utf16(&mut [0; 2])),
            }
        }
        self.0 = chars.as_str();
        String::from_utf16(&units).ok()
    }
}
