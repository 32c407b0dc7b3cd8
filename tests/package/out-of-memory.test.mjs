// Memory that ends: with a bound on linear memory far below the budget, everything is answered still, and what found no room
// is counted.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { createPool, init } from "../../pkg/entry/slim.js";

// Not of support.mjs, which imports the entry for Node and its wasm.
const text = (bytes) => bytes && new TextDecoder().decode(bytes.subarray(0, 4_000));
const bytes = (string) => new TextEncoder().encode(string);

const PAGE = 65_536;
const PAGES_MORE = 40;

/** A number as LEB128, and one read at a place. */
const leb = (number) => (number < 128 ? [number] : [(number & 127) | 128, ...leb(number >>> 7)]);
function read(wasm, at) {
  let [number, shift] = [0, 0];
  for (;;) {
    const byte = wasm[at++];
    number |= (byte & 127) << shift;
    shift += 7;
    if (byte < 128) return [number, at];
  }
}

/** The packaged wasm, whose memory may grow by so many pages: its memory section has a bound put in. */
function bounded(wasm, more) {
  for (let at = 8; at < wasm.length; ) {
    const [size, begins] = read(wasm, at + 1);
    if (wasm[at] === 5) {
      assert.deepEqual([...wasm.subarray(begins, begins + 2)], [1, 0], "one memory, without a bound");
      const [pages] = read(wasm, begins + 2);
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

init(new WebAssembly.Module(bounded(readFileSync(new URL("../../pkg/core.wasm", import.meta.url)), PAGES_MORE)));

test("a budget far above what memory there is: all is answered, what found no room is counted", async () => {
  const pool = createPool();
  const load = (key) => bytes(key.padEnd(3_000, "."));
  const group = pool.group("g", { maxBytes: 64 * 1024 * 1024, load });
  for (let i = 0; i < 4_000; i++) assert.equal(text(await group.get(`key ${i}`)), `key ${i}`.padEnd(3_000, "."));
  const { refused, usedBytes, entries } = group.stats();
  assert.ok(refused > 0, "memory has ended");
  assert.ok(entries > 100 && usedBytes < (PAGES_MORE + 1) * PAGE, `${entries} entries in ${usedBytes} bytes`);
  // What is there is served still, and what comes makes room for itself.
  assert.equal(group.set("again", bytes("v")), true);
  assert.equal(text(group.peek("again")), "v");
});

test("values, keys and peers' answers larger than what is left cost nobody anything", async () => {
  const pool = createPool({
    peers: ["b"],
    connect: () => ({ fetch: async () => new Response(new Uint8Array(6_000_000)) }),
  });
  const asking = pool.group("peers", {
    maxBytes: 64 * 1024 * 1024,
    maxEntryBytes: 8_000_000,
    load: () => bytes("own"),
  });
  for (let i = 0; i < 20; i++)
    assert.equal(text(await asking.get(`k${i}`)), "own", "there is no room for the peer's answer");
  pool.setPeers([]);
  const large = pool.group("large", {
    maxBytes: 64 * 1024 * 1024,
    maxEntryBytes: 8_000_000,
    load: () => new Uint8Array(6_000_000),
  });
  for (let i = 0; i < 20; i++) {
    assert.equal((await large.get("x".repeat(60_000) + i)).length, 6_000_000);
    assert.equal(
      (await pool.handle(new Request(`http://h/_geecache/large/k${i}`))).status,
      500,
      "too large to be handed on",
    );
  }
  assert.ok(large.stats().refused > 0);
});

test("even a call that traps for want of memory costs one request", async () => {
  const pools = [];
  let refusals = 0;
  // Each pool takes a scratch area of a page: in the end there is none for the next.
  for (let i = 0; i < 2 * PAGES_MORE; i++) {
    try {
      pools.push(createPool());
    } catch (thrown) {
      assert.equal(thrown.code, "ERR_TRAP");
      refusals += 1;
    }
  }
  assert.ok(pools.length > 10);
  for (const pool of pools.slice(-3)) {
    const group = pool.group("g", { maxBytes: 8_192, load: (key) => bytes(key) });
    assert.equal(text(await group.get("k")), "k");
    assert.equal(text(await group.get("k")), "k");
  }
  assert.ok(refusals > 0 && refusals < PAGES_MORE, `${refusals} of them trapped`);
});
