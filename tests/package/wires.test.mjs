// The options wire and ring, and the changes that groupcache-v3 peers send: PUT, DELETE, _remove-keys.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { createPool } from "../../pkg/entry/node.js";
import { assertFails, bytes, countingLoader, keyOwnedBy, mockClock, respond, serve, text } from "./support.mjs";

const golden = (/** @type {string} */ name) =>
  JSON.parse(gunzipSync(readFileSync(new URL(`../golden/${name}.json.gz`, import.meta.url))).toString());
const WIRES = /** @type {const} */ (["geecache", "geecache-proto", "groupcache", "groupcache-v3"]);
const V3 = "http://peer.test/_groupcache/g/";

/**
 * A node; `send` sends it a request of groupcache-v3 and returns the status.
 * @param {import("../../pkg/index.js").PoolOptions<any>} [options]
 */
function node(options) {
  const pool = createPool(options);
  const loader = countingLoader();
  const it = pool.group("g", { maxBytes: 64 * 1024, load: loader.load });
  /** @type {(method: string, path: string, body?: Uint8Array<ArrayBuffer>, headers?: HeadersInit) => Promise<number | undefined>} */
  const send = async (method, path, body, headers = body && { "content-length": String(body.length) }) => {
    const init = { method, ...(body && { body }), ...(headers && { headers }) };
    return (await pool.handle(new Request(V3 + path, init)))?.status;
  };
  return { pool, group: it, loader, send };
}

test("wire and ring options: an unknown value is ERR_OPTION with the known ones", async () => {
  for (const wire of /** @type {any[]} */ (["", "Geecache", "groupcache-v2", 7, {}, ["geecache"]]))
    await assertFails("ERR_OPTION", () => createPool({ wire }), /option wire .*groupcache-v3/);
  for (const ring of /** @type {any[]} */ (["", "even", "geecache", true]))
    await assertFails("ERR_OPTION", () => createPool({ ring }), /option ring .*balanced/);
  for (const options of [{ wire: undefined }, { wire: null }, { ring: null }]) createPool(/** @type {any} */ (options));
});

test("owner: equal to the golden file for every ring placement", () => {
  const { keys_hex, rings } = golden("ring-placements");
  const keys = keys_hex

    .map((/** @type {string} */ hex) => Buffer.from(hex, "hex"))

    .map((/** @type {Buffer} */ key) =>
      Buffer.from(key.toString()).equals(key) && key.length > 0 ? key.toString() : undefined,
    );
  let owners = 0;
  for (const { placement, peers, replicas, owners: expected } of rings) {
    /** @type {import("../../pkg/index.js").PoolOptions} */
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

test("each wire on each ring: two nodes answer each other under the wire's base path", async (t) => {
  for (const wire of WIRES)
    for (const options of /** @type {const} */ ([{}, { ring: "balanced" }])) {
      /** @type {import("./support.mjs").Pool[]} */
      const pools = [];
      const servers = await Promise.all(
        [0, 1].map((i) => serve(t, (req, res) => respond(async (request) => pools[i]?.handle(request), req, res))),
      );
      const peers = servers.map(({ url }) => url);
      const [a, b] = peers.map((self) => {
        const pool = createPool({ self, peers, wire, ...options });
        pools.push(pool);
        const loader = countingLoader((key) => (key.startsWith("none") ? undefined : bytes(key)));
        return { ...loader, pool, group: pool.group("g", { maxBytes: 64 * 1024, ttlMs: 60_000, load: loader.load }) };
      });
      assert.ok(a && b);
      for (const prefix of ["a b+c", "none"]) {
        const key = keyOwnedBy(a.pool, String(peers[1]), prefix);
        const { value, source } = await a.group.getEntry(key);
        assert.deepEqual([text(value), source], [prefix === "none" ? undefined : key, "peer"], wire);
        assert.equal(a.total(), 0, `${wire}: the owner's result is final`);
      }
      const answer = await fetch(`${peers[0]}/${wire.startsWith("geecache") ? "_geecache" : "_groupcache"}/g/x`);
      assert.equal(answer.status, 200);
    }
});

test("groupcache-v3: peers may be named host:port", async (t) => {
  const { url } = await serve(
    t,
    (_, res) =>
      void res.writeHead(200, { "content-type": "application/x-protobuf" }).end(Buffer.from("0a033633301800", "hex")),
  );
  const { host } = new URL(url);
  const { group } = node({ wire: "groupcache-v3", peers: [host] });
  assert.equal(text(await group.get("Tom")), "630");
  await assertFails("ERR_OPTION", () => createPool({ wire: "groupcache", peers: [host] }), /not a URL/);
  await assertFails("ERR_OPTION", () => createPool({ wire: "groupcache-v3", peers: ["not a host"] }), /not a URL/);
});

test("groupcache-v3 PUT: cached under the message's key until it expires", async (t) => {
  mockClock(t);
  for (const row of golden("wires").v3.set) {
    const { group, send } = node({ wire: "groupcache-v3" });
    assert.equal(await send("PUT", "any", Buffer.from(row.body_hex, "hex")), 200);
    const left = row.expire === 0 ? Infinity : Math.trunc(row.expire / 1e6) - Date.now();
    const expected = left > 0 ? Buffer.from(row.value_hex, "hex") : undefined;
    const cached = group.peek(row.key);
    assert.deepEqual(cached && Buffer.from(cached), expected, JSON.stringify(row));
  }
});

test("groupcache-v3 DELETE and _remove-keys: remove entries on this node; invalid changes are 4xx", async () => {
  const { group, send, loader } = node({ wire: "groupcache-v3" });
  for (const key of ["a b", "x", "y", "ключ"]) await group.get(key);
  assert.equal(await send("DELETE", "a%20b"), 200);
  assert.equal(group.peek("a b"), undefined);
  assert.equal(await send("POST", "_remove-keys/", bytes('{"group":"g","keys":["x","ключ","\\u003c"]}')), 200);
  assert.deepEqual([group.peek("x"), group.peek("ключ"), text(group.peek("y"))], [undefined, undefined, "y!"]);
  for (const [method, path, body, status] of /** @type {[string, string, Uint8Array<ArrayBuffer>, number][]} */ ([
    ["POST", "_remove-keys/", bytes("no JSON"), 400],
    ["POST", "_remove-keys/", bytes('{"keys":7}'), 400],
    ["POST", "_remove-keys/", bytes('{"keys":[7]}'), 400],
    ["POST", "other", bytes("{}"), 405],
    ["PUT", "k", bytes("\n\xff"), 400],
    ["PATCH", "k", bytes("x"), 405],
    ["PUT", "k", new Uint8Array(700_000), 413],
  ]))
    assert.equal(await send(method, path, body), status, `${method} ${path}`);
  assert.equal(await send("PUT", "k", bytes("x"), {}), 413, "a body without a length could be endless");
  assert.equal(loader.total(), 4);
  assert.equal(text(group.peek("y")), "y!");
});

test("groupcache-v3 _remove-keys: bodies written by Go remove every key that they list", async () => {
  const rows = golden("wires").v3.remove_keys.filter((/** @type {any} */ row) => row.keys !== null);
  assert.ok(rows.length > 2);
  for (const row of rows) {
    const { group, send } = node({ wire: "groupcache-v3" });
    const keys = row.keys.filter((/** @type {string} */ key) => key !== "");
    for (const key of [...keys, "stays"]) await group.get(key);
    assert.equal(await send("POST", "_remove-keys/", bytes(row.body)), 200, row.body);
    for (const key of keys) assert.equal(group.peek(key), undefined, row.body);
    assert.equal(text(group.peek("stays")), "stays!", row.body);
  }
});

test("other wires, and every wire with a secret: changes are 405 or 401", async () => {
  /** @type {import("../../pkg/index.js").PoolOptions[]} */
  const pools = [
    ...WIRES.slice(0, 3).map((wire) => ({ wire, basePath: "/_groupcache/" })),
    { wire: "groupcache-v3", secret: "s" },
  ];
  for (const options of pools) {
    const { group, send } = node(options);
    await group.get("k");
    for (const [method, path, body] of /** @type {[string, string, Uint8Array<ArrayBuffer>?][]} */ ([
      ["DELETE", "k"],
      ["PUT", "k", Buffer.from("12016b1a0178", "hex")],
      ["POST", "_remove-keys/", bytes('{"keys":["k"]}')],
    ])) {
      assert.equal(await send(method, path, body), options.secret ? 401 : 405, `${method} ${JSON.stringify(options)}`);
    }
    assert.equal(text(group.peek("k")), "k!");
  }
});
