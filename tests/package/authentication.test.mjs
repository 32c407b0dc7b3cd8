// Only peers get in: signed questions, signed answers, two secrets at a time, and a 401 that tells nothing.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { bytes, counting, refused, text } from "./support.mjs";

const NAMES = ["http://a.test", "http://b.test"];
const MAX = { maxBytes: 64 * 1024 };

/** Two nodes that reach each other in memory, each with its secret; `wire` sees every exchange and may change it. */
function pair([secretOfA, secretOfB], wire = (asks) => asks()) {
  const nodes = {};
  const connect = (peer) => ({
    fetch: (url, init) => wire(() => nodes[peer].pool.handle(new Request(url, init), { env: peer }), url, init),
  });
  for (const [self, secret] of [
    [NAMES[0], secretOfA],
    [NAMES[1], secretOfB],
  ]) {
    const pool = createPool({ self, peers: NAMES, connect, ...(secret !== undefined && { secret }) });
    const loader = counting((key) => bytes(`${self} ${key}`));
    nodes[self] = { pool, loader, group: pool.group("g", { ...MAX, load: loader.load }) };
  }
  const [a, b] = NAMES.map((name) => nodes[name]);
  const key = Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => a.pool.owner(key) === NAMES[1]);
  return { a, b, key };
}

test("peers that share a secret answer each other", async () => {
  for (const secrets of [
    ["s", "s"],
    ["s", ["new", "s"]],
    [
      ["s", "new"],
      ["new", "s"],
    ],
    [() => "s", () => ["s"]],
    [(env) => (env ?? { env: "s" }).env.slice(0, 1), "s"],
  ]) {
    const { a, b, key } = pair(secrets);
    assert.equal(text(await a.group.get(key)), `${NAMES[1]} ${key}`);
    assert.deepEqual(
      [a.loader.total(), b.loader.total(), b.pool.stats().unauthorized, b.pool.stats().otherRings],
      [0, 1, 0, 0],
    );
  }
});

test("a secret can be exchanged for another without a gap", async () => {
  for (const secrets of [
    ["old", "old"],
    [["old", "new"], "old"],
    [
      ["old", "new"],
      ["old", "new"],
    ],
    [
      ["new", "old"],
      ["old", "new"],
    ],
    [
      ["new", "old"],
      ["new", "old"],
    ],
    ["new", ["new", "old"]],
    ["new", "new"],
  ]) {
    const { a, b, key } = pair(secrets);
    await a.group.get(key);
    const back = Array.from({ length: 100 }, (_, i) => `b${i}`).find((key) => a.pool.owner(key) === NAMES[0]);
    await b.group.get(back);
    assert.deepEqual([a.group.stats().peerHits, b.group.stats().peerHits], [1, 1], JSON.stringify(secrets));
  }
});

test("without the secret: 401, no load driven, nothing told, counted; the asker goes on down its ladder", async () => {
  for (const wrong of [undefined, "wrong", ["wrong", "s "]]) {
    const { a, b, key } = pair([wrong, "s"]);
    const entry = await a.group.getEntry(key);
    assert.deepEqual([text(entry.value), entry.source], [`${NAMES[0]} ${key}`, "loader"]);
    assert.deepEqual([b.loader.total(), b.group.stats().peerRequests, b.pool.stats().unauthorized], [0, 0, 1]);
  }
  const { b } = pair([undefined, "s"]);
  for (const [path, method] of [
    ["g/k", "GET"],
    ["g/k", "HEAD"],
    ["nobody/k", "GET"],
    ["g/%zz", "GET"],
    ["g/", "GET"],
    ["", "GET"],
    ["g/k", "DELETE"],
  ]) {
    const answer = await b.pool.handle(new Request(`http://b.test/_geecache/${path}`, { method }));
    assert.equal(answer.status, 401, path);
    assert.equal(await answer.text(), method === "HEAD" ? "" : "only signed questions are answered");
    assert.deepEqual(
      [
        answer.headers.get("cache-control"),
        answer.headers.get("geecache-outcome"),
        answer.headers.get("geecache-seal"),
      ],
      ["no-store", null, null],
    );
  }
});

test("a question that was overheard is good for half a minute and for nothing else", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  let overheard;
  const { a, b, key } = pair(["s", "s"], (asks, url, init) => ((overheard = { url, headers: init.headers }), asks()));
  await a.group.get(key);
  const replay = async (url = overheard.url) =>
    (await b.pool.handle(new Request(url, { headers: overheard.headers }))).status;
  assert.equal(await replay(), 200);
  assert.equal(await replay(overheard.url.replace("/g/k", "/g/x")), 401);
  t.mock.timers.setTime(1_700_000_030_000);
  assert.equal(await replay(), 200);
  t.mock.timers.setTime(1_700_000_030_001);
  assert.equal(await replay(), 401);
});

test("an answer that is not the peer's own is a failed peer", async () => {
  const changes = [
    ["a portal's page", () => new Response("<h1>Log in</h1>", { headers: { "content-type": "text/html" } })],
    ["unsigned", async (answer) => new Response(await answer.arrayBuffer(), { status: 200 })],
    ["altered", async (answer) => new Response((await answer.text()).replace("b.test", "x.test"), answer)],
    ["cut short", async (answer) => new Response((await answer.arrayBuffer()).slice(0, 3), answer)],
    [
      "no longer a value",
      async (answer) =>
        new Response(await answer.arrayBuffer(), {
          status: 404,
          headers: { ...Object.fromEntries(answer.headers), "geecache-outcome": "absent" },
        }),
    ],
    [
      "fresher",
      async (answer) =>
        new Response(await answer.arrayBuffer(), {
          headers: { ...Object.fromEntries(answer.headers), "geecache-fresh-ms": "9" },
        }),
    ],
  ];
  for (const [what, change] of changes) {
    const { a, key } = pair(["s", "s"], async (asks) => change(await asks()));
    assert.equal((await a.group.getEntry(key)).source, "loader", what);
    assert.equal(a.group.stats().peerFailures, 1, what);
  }
});

test("a secret that ought to be there and is not lets nobody in", async () => {
  for (const secret of [
    () => undefined,
    () => null,
    () => "",
    () => 7,
    () => {
      throw new Error("no such binding");
    },
  ]) {
    const { a, b, key } = pair([secret, secret]);
    assert.equal((await a.group.getEntry(key)).source, "loader", "peers cannot be asked");
    await assert.rejects(b.pool.handle(new Request("http://b.test/_geecache/g/k")), /secret|no such binding/);
    assert.equal(b.loader.total(), 0);
  }
  for (const secret of ["", [], ["a", ""], 7, null, {}])
    await refused("ERR_OPTION", () => createPool({ secret }), /secret/);
});

test("another list of peers is counted where it is seen, and everybody is answered", async () => {
  const { a, b, key } = pair([undefined, undefined]);
  b.pool.setPeers([...NAMES].reverse());
  await a.group.get(key);
  assert.deepEqual([a.pool.stats().otherRings, b.pool.stats().otherRings], [1, 1]);
});

test("a peer that is known to be down is passed over at once, and asked again after its cool-down", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  let asked = 0;
  let down = true;
  const { a, b, key } = pair(
    [undefined, undefined],
    (asks) => ((asked += 1), down ? Promise.reject(new TypeError("connection refused")) : asks()),
  );
  const get = async (i) => (await a.group.getEntry(`${key}${i}`)).source;
  const owned = Array.from({ length: 400 }, (_, i) => i).filter((i) => a.pool.owner(`${key}${i}`) === NAMES[1]);
  for (const i of owned.slice(0, 20)) assert.equal(await get(i), "loader");
  assert.deepEqual([asked, a.group.stats().passedOver], [5, 15]);
  t.mock.timers.setTime(1_700_000_001_000);
  down = false;
  assert.equal(await get(owned[20]), "peer");
  assert.equal(await get(owned[21]), "peer");
  assert.equal(b.loader.total(), 2);
});

test("nobody waits for a peer that has left", async () => {
  const { a, key } = pair([undefined, undefined], () => new Promise(() => {}));
  const waits = a.group.getEntry(key);
  a.pool.setPeers([NAMES[0]]);
  const [entry, late] = await Promise.all([waits, a.group.getEntry(key)]);
  assert.deepEqual([entry.source, late.source, a.loader.total()], ["loader", "flight", 1]);
});

test("after a peer that has left, the next one is asked in earnest", async () => {
  const fetches = {
    b: () => new Promise(() => {}),
    c: () => new Promise((answer) => setTimeout(answer, 150, new Response("theirs"))),
  };
  const pool = createPool({ peers: ["b", "c"], connect: (peer) => ({ fetch: fetches[peer] }) });
  const group = pool.group("g", { ...MAX, load: () => bytes("own") });
  const key = Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => pool.owner(key) === "b");
  const waits = group.getEntry(key);
  pool.setPeers(["c"]);
  // Longer than a beat: what was said of the first peer says nothing of this one.
  const { source, value } = await waits;
  assert.deepEqual([source, text(value), group.stats().peerFailures], ["peer", "theirs", 1]);
});
