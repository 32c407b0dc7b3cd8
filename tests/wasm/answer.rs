//! Answering peers through the bindings: what a request asks, and the head of each answer.

use js_sys::Array;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Shell, js, json};

fn shell() -> Shell {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 8_192 }");
    shell.core.add_group("группа /".trim_end_matches('/'), js("{ maxBytes: 8_192 }")).expect("sound options");
    shell
}

fn asked(shell: &Shell, method: &str, path: &str) -> String {
    shell.core.question(method, path).map_or("undefined".to_owned(), |question| json(&question))
}

#[wasm_bindgen_test]
fn a_question_is_its_group_its_key_and_whether_a_body_is_wanted() {
    let shell = shell();
    for (method, path, question) in [
        ("GET", "/_geecache/g/k", r#"[0,"k",false]"#),
        ("HEAD", "/_geecache/g/k", r#"[0,"k",true]"#),
        ("GET", "/_geecache/%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0%20/k", r#"[1,"k",false]"#),
        ("GET", "/_geecache/%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0+/k", r#"[1,"k",false]"#),
        ("GET", "/_geecache/g/a+b%2Bc%20d", r#"[0,"a b+c d",false]"#),
        ("GET", "/_geecache/g/a/b%2fc", r#"[0,"a/b/c",false]"#),
        ("GET", "/_geecache/g//", r#"[0,"/",false]"#),
        ("GET", "/_geecache/g/..", r#"[0,"..",false]"#),
        ("GET", "/_geecache/g/%F0%9F%90%8E", r#"[0,"🐎",false]"#),
        ("GET", "/_geecache/g/%00", r#"[0,"\u0000",false]"#),
        ("GET", "/", "undefined"),
        ("GET", "", "undefined"),
        ("POST", "/x", "undefined"),
        ("GET", "/_geecache", "undefined"),
        ("GET", "/_GEECACHE/g/k", "undefined"),
        ("GET", "x/_geecache/g/k", "undefined"),
    ] {
        assert_eq!(asked(&shell, method, path), question, "{method} {path}");
    }
}

#[wasm_bindgen_test]
fn a_question_that_makes_no_sense_is_the_head_of_its_refusal() {
    let shell = shell();
    let long = ["/_geecache/g/", &"x".repeat(65_536)].concat();
    for (method, path, status, said) in [
        ("GET", "/_geecache/", 400, "lacks a key"),
        ("GET", "/_geecache/g", 400, "lacks a key"),
        ("GET", "/_geecache/g/", 400, "empty"),
        ("GET", "/_geecache/g/%zz", 400, "escape"),
        ("GET", "/_geecache/g/%", 400, "escape"),
        ("GET", "/_geecache/%ff/k", 400, "escape"),
        ("GET", "/_geecache/g/%ff", 400, "UTF-8"),
        ("GET", &long, 400, "65535"),
        ("GET", "/_geecache/nobody/k", 404, "no group \"nobody\""),
        ("GET", "/_geecache//k", 404, "no group \"\""),
        ("POST", "/_geecache/g/k", 405, "GET or HEAD"),
        ("get", "/_geecache/g/k", 405, "GET or HEAD"),
        ("", "/_geecache/g/k", 405, "GET or HEAD"),
    ] {
        let head = shell.core.question(method, path).expect("a peer's path");
        assert_eq!(head.get(0).as_f64(), Some(f64::from(status)), "{method} {path:.40}");
        assert!(head.get(2).as_string().expect("a text").contains(said), "{method} {path:.40}");
        assert!(json(&head.get(1)).contains(r#"["cache-control","no-store"]"#));
        assert_eq!(json(&head.get(1)).contains(r#"["allow","GET, HEAD"]"#), status == 405);
        assert!(!json(&head.get(1)).contains("geecache-outcome"));
    }
}

#[wasm_bindgen_test]
fn heads_of_answers() {
    let shell = shell();
    let head = |head: Array| json(&head);
    let bytes = r#"["cache-control","no-store"],["content-type","application/octet-stream"]"#;
    assert_eq!(head(shell.core.reply(0, -1.0, String::new())), format!("[200,[{bytes}],null]"));
    assert_eq!(
        head(shell.core.reply(0, 0.0, String::new())),
        format!(r#"[200,[{bytes},["geecache-fresh-ms","0"]],null]"#)
    );
    assert_eq!(
        head(shell.core.reply(0, 1500.9, String::new())),
        format!(r#"[200,[{bytes},["geecache-fresh-ms","1500"]],null]"#)
    );
    assert_eq!(head(shell.core.reply(0, f64::NAN, String::new())), format!("[200,[{bytes}],null]"));
    let text = r#"["cache-control","no-store"],["content-type","text/plain; charset=utf-8"]"#;
    assert_eq!(
        head(shell.core.reply(1, -1.0, String::new())),
        format!(r#"[404,[{text},["geecache-outcome","absent"]],"there is no such key"]"#)
    );
    for failed in [2, 3, u32::MAX] {
        assert_eq!(
            head(shell.core.reply(failed, -1.0, "away: žluť".to_owned())),
            format!(r#"[500,[{text},["geecache-outcome","load-failed"]],"away: žluť"]"#)
        );
    }
}
