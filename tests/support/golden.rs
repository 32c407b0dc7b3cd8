//! The golden answers of tests/golden/wires.json.gz.
#![allow(dead_code)] // Each test file uses a part of it.

use std::io::Read;

use serde_json::Value;

pub fn wires() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/wires.json.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

pub fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{row} has no {field}"))
}

pub fn bytes_of(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A row's key, which is text or, where it is not UTF-8, hexadecimal.
pub fn key_of(row: &Value) -> Vec<u8> {
    if row["key_hex"].is_string() { bytes_of(&row["key_hex"]) } else { text(row, "key").as_bytes().to_vec() }
}
