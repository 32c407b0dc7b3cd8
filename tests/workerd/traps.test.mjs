// A trap in wasm, made on purpose in a build that can: it costs the request that meets it, and no other.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { Origin } from "../../harness/origin.mjs";
import {
  ask,
  assertValue,
  counters,
  eventually,
  freshKeys,
  get,
  open,
  ringOf,
  Workers,
} from "../../harness/requests.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FAULTS_FOLDER = ".cache/pkg-faults";
const NAMES = ["one", "two"];
const ring = ringOf(NAMES);

/** Where a trap can be put, as `fault` in `src/wasm.rs` numbers it. */
const FAULTS = {
  "begin, the first half of a look-up": 1,
  "told, the end of a load": 2,
  "ask, on the way to a peer": 3,
};

/** @type {Workers} */ let workers;
/** @type {Origin} */ let origin;
let url = "";

before(async () => {
  // Does nothing where nothing has changed.
  execFileSync(
    "sh",
    ["-c", `. .cache/env.sh && exec node scripts/package.mjs --features faults --out ${FAULTS_FOLDER}`],
    { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] },
  );
  [origin, workers] = [await Origin.start(), new Workers()];
  const folder = await workers.bundle("node", ROOT + FAULTS_FOLDER);
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

/** Traps so far, each of which has brought a fresh instance. */
async function traps() {
  const { traps, instances } = await ask(`${url}/stats`);
  assert.equal(instances, 1 + traps);
  return traps;
}

/** The next call of this kind traps. @param {number} kind */
async function arm(kind) {
  assert.equal((await open(`${url}/fault?kind=${kind}`).answer).text, "armed");
}

test("a call that traps is told so, and the next one works", TIMEOUT, async () => {
  const [key, other] = freshKeys("one", ring, 2);
  assertValue(await get(url, key), key);
  const answer = await open(`${url}/fault?kind=0`).answer;
  assert.equal(answer.code, "ERR_TRAP");
  assert.match(answer.text, /RuntimeError/, "its cause is the trap");
  assert.equal(await traps(), 1);
  // What the old instance kept is gone; group, peers and options are as they were.
  for (const asked of [key, other]) assertValue(await get(url, asked), asked);
  assert.deepEqual([origin.loads(key).length, origin.loads(other).length], [2, 1]);
  assert.equal((await get(url, key)).source, "memory");
  const [theirs] = freshKeys("two", ring, 1);
  assert.equal((await get(url, theirs)).source, "peer");
  assert.equal((await counters(url)).maxBytes, 1024 * 1024);
});

for (const [where, kind] of Object.entries(FAULTS)) {
  test(
    `a trap in ${where}: that look-up is answered by its own loader or gets ERR_TRAP, the next one is answered`,
    TIMEOUT,
    async () => {
      const before = await traps();
      const [hit, next] = freshKeys("two", ring, 2);
      await arm(kind);
      assertAnswered(await get(url, hit), hit);
      assert.equal(await traps(), before + 1, "the trap was met");
      for (const key of [next, hit]) assertValue(await get(url, key), key);
      assert.equal((await get(url, next)).source, "memory");
      assert.equal(await traps(), before + 1);
    },
  );

  test(`20 concurrent requests around a trap in ${where}: answers or ERR_TRAP, and none hangs`, TIMEOUT, async () => {
    // A fresh instance, so that its counters begin at 0.
    await open(`${url}/fault?kind=0`).answer;
    const before = await traps();
    const keys = [...freshKeys("one", ring, 3), ...freshKeys("two", ring, 3)];
    const shared = keys.slice(0, -1);
    for (const key of shared) origin.hold(key);
    // Two for each of five keys: five lead, five follow.
    const early = [...shared, ...shared].map((key) => ({ key, answer: get(url, key) }));
    await Promise.all(shared.map((key) => origin.arrived(key, 1)));
    await eventually("the followers to join", async () => (await counters(url)).joins === 5);
    await arm(kind);
    // The same again, now into the trap; a key that nobody loads yet has a peer asked.
    const late = [...keys.slice(1), ...keys.slice(2)].map((key) => ({ key, answer: get(url, key) }));
    if (kind !== 2) await eventually("the trap", async () => (await traps()) > before);
    for (const key of shared) origin.release(key);
    for (const { key, answer } of [...early, ...late]) assertAnswered(await answer, key);
    assert.equal(await traps(), before + 1, "one trap, however many met it");
    for (const key of keys) assertValue(await get(url, key), key);
    assert.equal((await counters(url)).flights, 0);
    for (const key of keys)
      assert.ok(origin.loads(key).length <= 3, `${key} was loaded ${origin.loads(key).length} times`);
  });
}

/** @param {import("../../harness/requests.mjs").Answer} answer @param {string} key */
function assertAnswered(answer, key) {
  if (answer.code !== "ERR_TRAP") assertValue(answer, key);
}
