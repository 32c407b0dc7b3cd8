//! `FetchPeer` over stub fetchers: the request that is sent, and the result of each response.

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{asked, js, json};

/// A fetcher whose `fetch(url, init)` is this body.
fn fetcher(body: &str) -> JsValue {
    js(&["({ asked: [], async fetch(url, init) { this.asked.push(url); ", body, " } })"].concat())
}

/// Asks this fetcher, with a timeout of a minute and a limit of 100 bytes. Returns the result as JSON.
async fn came(fetcher: &JsValue) -> String {
    asked(fetcher, "http://peer", b"k", 60_000.0, 100).await
}

/// Asserts that the peer counts as failed, with this message.
async fn failed(fetcher: &JsValue, said: &str) {
    let came = came(fetcher).await;
    assert!(came.starts_with(r#"["peerFailed",""#) && came.contains(said), "expected {said:?}, got {came}");
}

#[wasm_bindgen_test]
async fn request_has_url_method_and_signal() {
    let fetcher = fetcher("this.init = init; return new Response('v');");
    for origin in ["http://peer:80", "http://peer:80/", "https://peer/below/"] {
        assert_eq!(asked(&fetcher, origin, "a_b/ž%+".as_bytes(), 1_000.0, 100).await, r#"["value","v",-1]"#);
    }
    let field = super::support::field;
    let key = "/_geecache/g/a_b%2F%C5%BE%25%2B";
    assert_eq!(
        json(&field(&fetcher, "asked")),
        format!(r#"["http://peer:80{key}","http://peer:80{key}","https://peer/below{key}"]"#)
    );
    let init = field(&fetcher, "init");
    assert_eq!(field(&init, "method").as_string().as_deref(), Some("GET"));
    assert_eq!(field(&init, "redirect").as_string().as_deref(), Some("manual"));
    assert!(field(&init, "signal").is_object());
}

#[wasm_bindgen_test]
async fn key_that_no_url_carries_is_not_requested() {
    let fetcher = fetcher("return new Response('another key');");
    let long = vec![b'x'; 7_000];
    for key in [&b"."[..], b"..", &long] {
        let came = asked(&fetcher, "http://peer", key, 1_000.0, 100).await;
        assert!(came.contains("no URL can carry the key"), "{came}");
    }
    assert_eq!(json(&super::support::field(&fetcher, "asked")), "[]");
}

#[wasm_bindgen_test]
async fn response_is_read_by_status_and_outcome() {
    let response = |status: &str, headers: &str, body: &str| {
        fetcher(
            &["return new Response(", body, ", { status: ", status, ", headers: {", headers, "} });"]
                .concat(),
        )
    };
    for (status, headers, body, expected) in [
        ("200", "", "'v'", r#"["value","v",-1]"#),
        ("200", "", "''", r#"["value","",-1]"#),
        ("200", "", "null", r#"["value","",-1]"#),
        ("200", "'geecache-fresh-ms': '1500'", "'v'", r#"["value","v",1500]"#),
        ("200", "'Geecache-Fresh-Ms': '0'", "'v'", r#"["value","v",0]"#),
        ("200", "'geecache-fresh-ms': 'soon'", "'v'", r#"["value","v",0]"#),
        ("200", "'geecache-fresh-ms': '-1'", "'v'", r#"["value","v",0]"#),
        ("200", "'geecache-fresh-ms': ''", "'v'", r#"["value","v",0]"#),
        ("200", "'geecache-fresh-ms': '99999999999999999999'", "'v'", r#"["value","v",0]"#),
        ("200", "'geecache-outcome': 'not-found'", "'v'", r#"["value","v",-1]"#),
        ("404", "'geecache-outcome': 'not-found'", "'x'", r#"["notFound"]"#),
        ("500", "'geecache-outcome': 'ERR_LOAD'", "'away'", r#"["loadFailed","away","ERR_LOAD"]"#),
        ("500", "'geecache-outcome': 'ERR_TIMEOUT'", "'late'", r#"["loadFailed","late","ERR_TIMEOUT"]"#),
        (
            "500",
            "'geecache-outcome': 'not-transferable'",
            "'x'",
            r#"["notTransferable","the value is larger than the peer's maxEntryBytes"]"#,
        ),
        ("500", "'geecache-outcome': 'ERR_LOAD'", "new Uint8Array([255])", r#"["loadFailed","","ERR_LOAD"]"#),
        ("500", "'geecache-outcome': 'ERR_LOAD'", "null", r#"["loadFailed","","ERR_LOAD"]"#),
    ] {
        assert_eq!(came(&response(status, headers, body)).await, expected, "{status} {headers} {body}");
    }
    for (status, headers) in [
        ("404", ""),
        ("404", "'geecache-outcome': 'ERR_LOAD'"),
        ("404", "'geecache-outcome': 'Not-Found '.repeat(2)"),
        ("500", ""),
        ("500", "'geecache-outcome': 'not-found'"),
        ("503", "'geecache-outcome': 'ERR_LOAD'"),
        ("201", ""),
        ("301", "location: '/x'"),
        ("307", "location: '/x'"),
        ("400", ""),
        ("502", ""),
    ] {
        failed(&response(status, headers, "'<h1>'"), &["responded with status ", status].concat()).await;
    }
}

#[wasm_bindgen_test]
async fn opaque_redirect_is_a_failure() {
    failed(&fetcher("return Response.error();"), "status 0").await;
}

#[wasm_bindgen_test]
async fn body_is_read_up_to_max_entry_bytes() {
    let fill = |bytes: &str| fetcher(&["return new Response('x'.repeat(", bytes, "));"].concat());
    assert!(came(&fill("100")).await.starts_with(r#"["value","#));
    failed(&fill("101"), "larger than maxEntryBytes").await;
    let endless = fetcher(
        "const it = this; it.given = 0;
         return new Response(new ReadableStream({ pull(c) { it.given++; c.enqueue(new Uint8Array(30)); }, cancel() { it.cancelled = true; } }));",
    );
    failed(&endless, "larger than maxEntryBytes").await;
    assert_eq!(super::support::field(&endless, "cancelled"), true);
    assert!(super::support::field(&endless, "given").as_f64().expect("a count") < 10.0);
}

#[wasm_bindgen_test]
async fn body_in_pieces_is_joined() {
    let body = "return new Response(new ReadableStream({ start(c) { for (const piece of ['a', '', 'bc', 'd']) c.enqueue(new TextEncoder().encode(piece)); c.close(); } }));";
    assert_eq!(came(&fetcher(body)).await, r#"["value","abcd",-1]"#);
}

#[wasm_bindgen_test]
async fn malformed_fetcher_is_a_failed_peer_and_no_trap() {
    let headers = "status: 200, headers: new Headers()";
    for (body, said) in [
        ("throw new TypeError('away');", "could not be reached: away"),
        ("throw undefined;", "could not be reached"),
        ("throw 'a text';", "could not be reached"),
        ("throw { get message() { throw 7; } };", "could not be reached"),
        ("return undefined;", "gave no response"),
        ("return null;", "gave no response"),
        ("return 7;", "gave no response"),
        ("return {};", "broke off"),
        (&format!("return {{ {headers}, body: 'text' }};"), "broke off"),
        (
            &format!("return {{ {headers}, body: {{ getReader() {{ throw new Error('locked'); }} }} }};"),
            "broke off: locked",
        ),
        (&format!("return {{ {headers}, body: {{ getReader() {{}} }} }};"), "broke off"),
        (
            &format!(
                "return {{ {headers}, body: {{ getReader: () => ({{ read() {{ throw new Error('cut'); }} }}) }} }};"
            ),
            "broke off: cut",
        ),
        (&format!("return {{ {headers}, body: {{ getReader: () => ({{ read() {{}} }}) }} }};"), "broke off"),
        (
            &format!(
                "return {{ {headers}, body: {{ getReader: () => ({{ read: () => ({{ value: 'text' }}) }}) }} }};"
            ),
            "broke off",
        ),
        (&format!("return {{ {headers}, get body() {{ throw new Error('no body'); }} }};"), "no body"),
        ("return { headers: new Headers(), body: null };", "status 0"),
        ("return { status: 'text', body: null };", "status 0"),
        ("return { status: 404, body: null };", "status 404"),
        ("return { status: 404, headers: { get() { throw 7; } }, body: null };", "status 404"),
        ("const used = new Response('x'); await used.text(); return used;", "broke off"),
        (
            "return new Response(new ReadableStream({ start(c) { c.error(new Error('cut')); } }));",
            "broke off: cut",
        ),
        (
            "return new Response(new ReadableStream({ start(c) { c.enqueue('text'); c.close(); } }));",
            "broke off",
        ),
        (
            "return new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(99)), cancel: () => Promise.reject(1) }));",
            "larger",
        ),
    ] {
        failed(&fetcher(body), said).await;
    }
    for no_fetcher in
        ["null", "undefined", "7", "{}", "{ fetch: 7 }", "{ get fetch() { throw new Error('no'); } }"]
    {
        failed(&js(no_fetcher), "could not be reached").await;
    }
}

#[wasm_bindgen_test]
async fn fetch_without_a_promise_is_accepted() {
    assert_eq!(came(&js("({ fetch: () => new Response('v') })")).await, r#"["value","v",-1]"#);
    let thenable = "({ fetch: () => ({ then(resolve) { resolve(new Response('v')); } }) })";
    assert_eq!(came(&js(thenable)).await, r#"["value","v",-1]"#);
}

#[wasm_bindgen_test]
async fn signal_ends_a_fetch_that_listens() {
    let fetcher = fetcher(
        // A signal's own timer does not keep Node from ending.
        "const alive = setInterval(() => {}, 1_000);
         return new Promise((_, reject) => init.signal.addEventListener('abort', () => { clearInterval(alive); reject(init.signal.reason); }));",
    );
    let came = asked(&fetcher, "http://peer", b"k", 20.0, 100).await;
    assert!(came.starts_with(r#"["peerFailed","#) && came.contains("could not be reached"), "{came}");
}
