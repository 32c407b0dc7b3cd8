// The options wire and ring, and what groupcache-v3's peers tell a node to keep and to forget.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { createPool } from "../../pkg/entry/node.js";
import { adapt, bytes, counting, keyOf, refused, serve, text } from "./support.mjs";

const golden = (name) => JSON.parse(gunzipSync(readFileSync(new URL(`../golden/${name}.json.gz`, import.meta.url))));
const WIRES = ["geecache", "geecache-proto", "groupcache", "groupcache-v3"];
const V3 = "http://peer.test/_groupcache/g/";

function node(options = {}, group = {}) {
  const pool = createPool(options);
  const loader = counting();
  const it = pool.group("g", { maxBytes: 64 * 1024, ...group, load: loader.load });
  const tell = (method, path, body, headers = body && { "content-length": String(body.length) }) =>
    pool.handle(new Request(V3 + path, { method, body, headers })).then(({ status }) => status);
  return { pool, group: it, loader, tell };
}

test("an unknown wire or ring is refused by its name", async () => {
  for (const wire of ["", "Geecache", "groupcache-v2", 7, {}, ["geecache"]])
    await refused("ERR_OPTION", () => createPool({ wire }), /option wire .*groupcache-v3/);
  for (const ring of ["", "even", "geecache", true])
    await refused("ERR_OPTION", () => createPool({ ring }), /option ring .*balanced/);
  for (const options of [{ wire: undefined }, { wire: null }, { ring: null }]) createPool(options);
});

test("every owner of the other rings is the frozen one", () => {
  const { keys_hex, rings } = golden("ring-placements");
  const keys = keys_hex
    .map((hex) => Buffer.from(hex, "hex"))
    .map((key) => (Buffer.from(key.toString()).equals(key) && key.length > 0 ? key.toString() : undefined));
  let owners = 0;
  for (const { placement, peers, replicas, owners: expected } of rings) {
    const options = placement === "balanced" ? { ring: "balanced" } : { wire: placement };
    const pool = createPool({ ...options, peers, replicas, connect: () => ({ fetch }) });
    for (const [k, key] of keys.entries()) {
      if (key === undefined) continue;
      if (pool.owner(key) !== peers[expected[k]])
        assert.equal(pool.owner(key), peers[expected[k]], `${placement} ${key}`);
      owners++;
    }
  }
  assert.ok(owners > 10_000, `${owners} owners compared`);
});

test("two nodes ask each other over each wire, under its base path, on either ring", async (t) => {
  for (const wire of WIRES)
    for (const ring of [undefined, "balanced"]) {
      const pools = [];
      const servers = await Promise.all(
        [0, 1].map((i) => serve(t, (req, res) => adapt((request) => pools[i].handle(request), req, res))),
      );
      const peers = servers.map(({ url }) => url);
      const loaders = [0, 1].map((i) => {
        pools[i] = createPool({ self: peers[i], peers, wire, ring });
        const loader = counting((key) => (key.startsWith("none") ? undefined : bytes(key)));
        return { ...loader, group: pools[i].group("g", { maxBytes: 64 * 1024, ttlMs: 60_000, load: loader.load }) };
      });
      for (const prefix of ["a b+c", "none"]) {
        const key = keyOf(pools[0], peers[1], prefix);
        const { value, source } = await loaders[0].group.getEntry(key);
        assert.deepEqual([text(value), source], [prefix === "none" ? undefined : key, "peer"], wire);
        assert.equal(loaders[0].total(), 0, `${wire}: the owner loaded, and it was final`);
      }
      const [answer] = await Promise.all([
        fetch(`${peers[0]}/${wire.startsWith("geecache") ? "_geecache" : "_groupcache"}/g/x`),
      ]);
      assert.equal(answer.status, 200);
    }
});

test("groupcache-v3 asks peers that are named host:port", async (t) => {
  const { url } = await serve(t, (_, res) =>
    res.writeHead(200, { "content-type": "application/x-protobuf" }).end(Buffer.from("0a033633301800", "hex")),
  );
  const { host } = new URL(url);
  const { group } = node({ wire: "groupcache-v3", peers: [host] });
  assert.equal(text(await group.get("Tom")), "630");
  await refused("ERR_OPTION", () => createPool({ wire: "groupcache", peers: [host] }), /not a URL/);
  await refused("ERR_OPTION", () => createPool({ wire: "groupcache-v3", peers: ["not a host"] }), /not a URL/);
});

test("a PUT of v3's is kept until it expires, by its message's key", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  for (const row of golden("wires").v3.set) {
    const { group, tell } = node({ wire: "groupcache-v3" });
    assert.equal(await tell("PUT", "any", Buffer.from(row.body_hex, "hex")), 200);
    const left = row.expire === 0 ? Infinity : Math.trunc(row.expire / 1e6) - Date.now();
    const expected = left > 0 ? Buffer.from(row.value_hex, "hex") : undefined;
    assert.deepEqual(group.peek(row.key) && Buffer.from(group.peek(row.key)), expected, JSON.stringify(row));
  }
});

test("DELETE and _remove-keys forget here, and what is no change is refused", async () => {
  const { group, tell, loader } = node({ wire: "groupcache-v3" });
  for (const key of ["a b", "x", "y", "ключ"]) await group.get(key);
  assert.equal(await tell("DELETE", "a%20b"), 200);
  assert.equal(group.peek("a b"), undefined);
  assert.equal(await tell("POST", "_remove-keys/", bytes('{"group":"g","keys":["x","ключ","\\u003c"]}')), 200);
  assert.deepEqual([group.peek("x"), group.peek("ключ"), text(group.peek("y"))], [undefined, undefined, "y!"]);
  for (const [method, path, body, status] of [
    ["POST", "_remove-keys/", bytes("no JSON"), 400],
    ["POST", "_remove-keys/", bytes('{"keys":7}'), 400],
    ["POST", "_remove-keys/", bytes('{"keys":[7]}'), 400],
    ["POST", "other", bytes("{}"), 405],
    ["PUT", "k", bytes("\n\xff"), 400],
    ["PATCH", "k", bytes("x"), 405],
    ["PUT", "k", new Uint8Array(700_000), 413],
  ])
    assert.equal(await tell(method, path, body), status, `${method} ${path}`);
  assert.equal(await tell("PUT", "k", bytes("x"), {}), 413, "a body without a length may have no end");
  assert.equal(loader.total(), 4);
  assert.equal(text(group.peek("y")), "y!");
});

test("other wires take no changes, and no wire takes them beside a secret", async () => {
  for (const options of [
    ...WIRES.slice(0, 3).map((wire) => ({ wire, basePath: "/_groupcache/" })),
    { wire: "groupcache-v3", secret: "s" },
  ]) {
    const { group, tell } = node(options);
    await group.get("k");
    for (const [method, path, body] of [
      ["DELETE", "k"],
      ["PUT", "k", Buffer.from("12016b1a0178", "hex")],
      ["POST", "_remove-keys/", bytes('{"keys":["k"]}')],
    ]) {
      assert.equal(await tell(method, path, body), options.secret ? 401 : 405, `${method} ${JSON.stringify(options)}`);
    }
    assert.equal(text(group.peek("k")), "k!");
  }
});
