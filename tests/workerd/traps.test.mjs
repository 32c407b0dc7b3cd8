// Traps in wasm, injected in a build for it: a trap fails the request that hits it, and no other.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Origin } from "../../harness/origin.mjs";
import { assertValue, fetchJson, get, groupStats, startRequest } from "../../harness/requests.mjs";
import { goRing, unusedKeys } from "../../harness/ring.mjs";
import { eventually } from "../../harness/waiting.mjs";
import { Workers } from "./runtime.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TRAPS_FOLDER = ".cache/pkg-traps";
const NAMES = ["one", "two"];
const ring = goRing(NAMES);

/** The numbers in `src/wasm/bindings/injected_traps.rs`: a trap at once, or in a later call. */
const AT_ONCE = 0;
const END_OF_LOAD = 2;
const LATER = { "begin, the start of a lookup": 1, "told, the end of a load": END_OF_LOAD, "ask, a peer request": 3 };

/** @type {Workers} */ let workers;
/** @type {Origin} */ let origin;
let url = "";

before(async () => {
  // No-op if the build is up to date.
  execFileSync(
    "sh",
    ["-c", `. .cache/env.sh && exec node scripts/package.mjs --features injected-traps --out ${TRAPS_FOLDER}`],
    { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] },
  );
  [origin, workers] = [await Origin.start(), new Workers()];
  const folder = await workers.bundle("node", ROOT + TRAPS_FOLDER);
  const services = Object.fromEntries(NAMES.map((name) => [name, name]));
  const node = (/** @type {string} */ name) => ({
    folder,
    port: 0,
    services,
    bindings: { SELF: name, PEERS: NAMES, ORIGIN: origin.url, BOUND: true },
  });
  url = (await workers.start({ one: node("one"), two: node("two") })).urls.one;
});
after(async () => {
  await workers?.stop();
  origin?.close();
});

const TIMEOUT = { timeout: 60_000 };

/** The traps so far. Each was followed by a new instance. */
async function trapCount() {
  const { traps, instances } = await fetchJson(`${url}/stats`);
  assert.equal(instances, 1 + traps);
  return traps;
}

/** @param {number} kind */
function inject(kind) {
  return startRequest(`${url}/fault?kind=${kind}`).response;
}

test("call that traps: it gets ERR_TRAP, the next one works on a new instance", TIMEOUT, async () => {
  const before = await trapCount();
  const [key, other] = unusedKeys("one", ring, 2);
  assertValue(await get(url, key), key);
  const response = await inject(AT_ONCE);
  assert.equal(response.code, "ERR_TRAP");
  assert.match(response.text, /RuntimeError/, "the trap is its cause");
  assert.equal(await trapCount(), before + 1);
  // The cached entries are lost. Group, peers and options are restored.
  for (const lookup of [key, other]) assertValue(await get(url, lookup), lookup);
  assert.deepEqual([origin.loads(key).length, origin.loads(other).length], [2, 1]);
  assert.equal((await get(url, key)).source, "memory");
  const [remote] = unusedKeys("two", ring, 1);
  assert.equal((await get(url, remote)).source, "peer");
  assert.equal((await groupStats(url)).maxBytes, 1024 * 1024);
});

for (const [where, kind] of Object.entries(LATER)) {
  test(`trap in ${where}: that lookup gets the value or ERR_TRAP, the next one the value`, TIMEOUT, async () => {
    const before = await trapCount();
    const [trapped, next] = unusedKeys("two", ring, 2);
    assert.equal((await inject(kind)).text, "armed");
    assertValueOrTrap(await get(url, trapped), trapped);
    assert.equal(await trapCount(), before + 1, "the lookup hit the trap");
    for (const key of [next, trapped]) assertValue(await get(url, key), key);
    assert.equal((await get(url, next)).source, "memory");
    assert.equal(await trapCount(), before + 1);
  });

  test(`trap in ${where}, among 20 concurrent requests: each gets the value or ERR_TRAP`, TIMEOUT, async () => {
    // A new instance, whose counters start at 0.
    await inject(AT_ONCE);
    const before = await trapCount();
    const keys = [...unusedKeys("one", ring, 3), ...unusedKeys("two", ring, 3)];
    const held = keys.slice(0, -1);
    for (const key of held) origin.hold(key);
    // Two requests for each of five keys: five leaders, five followers.
    const early = [...held, ...held].map((key) => ({ key, response: get(url, key) }));
    await Promise.all(held.map((key) => origin.received(key, 1)));
    await eventually("the followers to join", async () => (await groupStats(url)).coalesced === 5);
    assert.equal((await inject(kind)).text, "armed");
    // Again, now into the trap, and with a key that is not in flight, so that a peer request is sent.
    const late = [...keys.slice(1), ...keys.slice(2)].map((key) => ({ key, response: get(url, key) }));
    if (kind !== END_OF_LOAD) await eventually("the trap", async () => (await trapCount()) > before);
    for (const key of held) origin.release(key);
    for (const { key, response } of [...early, ...late]) assertValueOrTrap(await response, key);
    assert.equal(await trapCount(), before + 1, "one trap for all requests that hit it");
    for (const key of keys) assertValue(await get(url, key), key);
    assert.equal((await groupStats(url)).flights, 0);
    for (const key of keys)
      assert.ok(origin.loads(key).length <= 3, `${key} was loaded ${origin.loads(key).length} times`);
  });
}

/** @param {import("../../harness/requests.mjs").NodeResponse} response @param {string} key */
function assertValueOrTrap(response, key) {
  if (response.code !== "ERR_TRAP") assertValue(response, key);
}
