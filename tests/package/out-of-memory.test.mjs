// Out of memory: linear memory is bounded far below maxBytes. Every request is still answered, and values without room are
// counted as rejected.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { createPool, init } from "../../pkg/entry/slim.js";

// Not from support.mjs, which imports the entry for Node and with it the unbounded wasm.
const text = (/** @type {Uint8Array | undefined} */ bytes) =>
  bytes && new TextDecoder().decode(bytes.subarray(0, 4_000));
const bytes = (/** @type {string} */ string) => new TextEncoder().encode(string);

const PAGE = 65_536;
/** How many pages linear memory may grow by. */
const EXTRA_PAGES = 40;

/** Encodes a number as LEB128. @param {number} number @returns {number[]} */
const leb = (number) => (number < 128 ? [number] : [(number & 127) | 128, ...leb(number >>> 7)]);

/** Reads a LEB128 number at an offset: the number, and the offset after it. @param {Uint8Array} wasm @param {number} at */
function read(wasm, at) {
  let number = 0;
  let shift = 0;
  for (;;) {
    const byte = wasm[at++] ?? assert.fail("the module ends within a number");
    number |= (byte & 127) << shift;
    shift += 7;
    if (byte < 128) return { number, end: at };
  }
}

/** Adds a maximum to the memory section, `more` pages above the initial size. @param {Uint8Array<ArrayBuffer>} wasm @param {number} more */
function bounded(wasm, more) {
  for (let at = 8; at < wasm.length; ) {
    const { number: size, end: begins } = read(wasm, at + 1);
    if (wasm[at] === 5) {
      assert.deepEqual([...wasm.subarray(begins, begins + 2)], [1, 0], "one memory, without a bound");
      const { number: pages } = read(wasm, begins + 2);
      const section = [1, 1, ...leb(pages), ...leb(pages + more)];
      return Buffer.concat([
        wasm.subarray(0, at),
        Buffer.from([5, ...leb(section.length), ...section]),
        wasm.subarray(begins + size),
      ]);
    }
    at = begins + size;
  }
  throw new Error("no memory section");
}

init(new WebAssembly.Module(bounded(readFileSync(new URL("../../pkg/core.wasm", import.meta.url)), EXTRA_PAGES)));

test("maxBytes above all memory: every lookup is answered, values without room are counted as rejected", async () => {
  const pool = createPool();
  const load = (/** @type {string} */ key) => bytes(key.padEnd(3_000, "."));
  const group = pool.group("g", { maxBytes: 64 * 1024 * 1024, load });
  for (let i = 0; i < 4_000; i++) assert.equal(text(await group.get(`key ${i}`)), `key ${i}`.padEnd(3_000, "."));
  const { rejected, usedBytes, entries } = group.stats();
  assert.ok(rejected > 0, "no memory is left");
  assert.ok(entries > 100 && usedBytes < (EXTRA_PAGES + 1) * PAGE, `${entries} entries in ${usedBytes} bytes`);
  // Cached entries are still served, and an insert evicts to make room.
  assert.equal(group.set("again", bytes("v")), true);
  assert.equal(text(group.peek("again")), "v");
});

test("values, keys and peer responses above the memory left: every lookup is answered", async () => {
  const pool = createPool({
    peers: ["b"],
    connect: () => ({ fetch: async () => new Response(new Uint8Array(6_000_000)) }),
  });
  const asking = pool.group("peers", {
    maxBytes: 64 * 1024 * 1024,
    maxEntryBytes: 8_000_000,
    load: () => bytes("own"),
  });
  for (let i = 0; i < 20; i++) assert.equal(text(await asking.get(`k${i}`)), "own", "no room for the peer's response");
  pool.setPeers([]);
  const large = pool.group("large", {
    maxBytes: 64 * 1024 * 1024,
    maxEntryBytes: 8_000_000,
    load: () => new Uint8Array(6_000_000),
  });
  for (let i = 0; i < 20; i++) {
    assert.equal((await large.get("x".repeat(60_000) + i))?.length, 6_000_000);
    assert.equal((await pool.handle(new Request(`http://h/_geecache/large/k${i}`)))?.status, 500, "not transferable");
  }
  assert.ok(large.stats().rejected > 0);
});

test("a trap for lack of memory: costs one request", async () => {
  const pools = [];
  let trapped = 0;
  // Each pool allocates a scratch area of a page, until no page is left for the next.
  for (let i = 0; i < 2 * EXTRA_PAGES; i++) {
    try {
      pools.push(createPool());
    } catch (thrown) {
      assert.equal(/** @type {any} */ (thrown).code, "ERR_TRAP");
      trapped += 1;
    }
  }
  assert.ok(pools.length > 10);
  for (const pool of pools.slice(-3)) {
    const group = pool.group("g", { maxBytes: 8_192, load: (key) => bytes(key) });
    assert.equal(text(await group.get("k")), "k");
    assert.equal(text(await group.get("k")), "k");
  }
  assert.ok(trapped > 0 && trapped < EXTRA_PAGES, `${trapped} calls trapped`);
});
