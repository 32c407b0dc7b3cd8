// Coalescing that survives its leader: on old and new compatibility dates, with the flag about promises of other
// requests on and off, however the leader is cut off, and with every way to keep its work alive.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Origin } from "../../harness/origin.mjs";
import {
  ask,
  assertValue,
  counters,
  eventually,
  get,
  NEWEST_DATE,
  OLDEST_DATE,
  open,
  openGet,
  Workers,
} from "../../harness/requests.mjs";

const FOLLOWERS = 50;
const TIMEOUT = { timeout: 60_000 };

const FLAG = "handle_cross_request_promise_resolution";
const RUNTIMES = [
  { date: OLDEST_DATE, flags: [FLAG], said: "the flag turned on" },
  { date: OLDEST_DATE, flags: [], said: "the flag off" },
  { date: NEWEST_DATE, flags: [], said: "the flag on" },
  { date: NEWEST_DATE, flags: [`no_${FLAG}`], said: "the flag turned off" },
];

/** Each with the origin's loads when the leader is cut off. */
const CONTEXTS = /** @type {const} */ ([
  { ctx: "given", loads: 1, said: "with ctx.waitUntil" },
  { ctx: "none", loads: 1, said: "with the waitUntil of cloudflare:workers" },
  { ctx: "inert", loads: 2, said: "without waitUntil" },
]);

/** How to lead a load of a key, and how to cut the leader off. @typedef {(key: string, ctx: string) => { hangUp: () => void, gone: Promise<unknown> }} Lead */

describe("leaders", { concurrency: RUNTIMES.length }, () => {
  for (const { date, flags, said } of RUNTIMES) {
    describe(`compatibility date ${date}, ${said}`, { concurrency: false }, () => testLeaders(date, flags));
  }
});

/** @param {string} compatibilityDate @param {string[]} flags */
function testLeaders(compatibilityDate, flags) {
  /** @type {Workers} */ let workers;
  /** @type {Origin} */ let origin;
  let [cache, caller] = ["", ""];
  let keys = 0;
  const freshKey = () => `key ${keys++}`;

  before(async () => {
    [origin, workers] = [await Origin.start(), new Workers()];
    // enable_request_signal changes nothing but that the worker hears when its client hangs up, and the test can wait for that.
    const runtime = { compatibilityDate, compatibilityFlags: [...flags, "enable_request_signal"] };
    const { urls } = await workers.start({
      cache: {
        ...runtime,
        folder: await workers.bundle("node"),
        port: 0,
        bindings: { SELF: "cache", ORIGIN: origin.url },
      },
      caller: {
        ...runtime,
        folder: await workers.bundle("caller"),
        port: 0,
        bindings: { ORIGIN: origin.url },
        services: { CACHE: "cache" },
      },
    });
    [cache, caller] = [urls.cache, urls.caller];
  });
  after(async () => {
    await workers?.stop();
    origin.close();
  });

  /** @type {Record<string, Lead>} */
  const WAYS = {
    "a TCP reset"(key, ctx) {
      const { answer, hangUp } = openGet(cache, key, { ctx });
      return { hangUp, gone: assert.rejects(answer) };
    },
    "an aborted binding call"(key, ctx) {
      origin.hold(`gate ${key}`);
      const { answer } = open(`${caller}/get?${new URLSearchParams({ key, ctx, gate: key })}`);
      return {
        hangUp: () => origin.release(`gate ${key}`),
        gone: answer.then(({ text }) => assert.equal(text, "AbortError")),
      };
    },
  };

  for (const [way, lead] of Object.entries(WAYS)) {
    for (const { ctx, loads, said } of CONTEXTS) {
      test(
        `leader cut off by ${way}, ${said}: ${FOLLOWERS} of ${FOLLOWERS} answered, ${loads} load(s)`,
        TIMEOUT,
        async () => {
          const key = freshKey();
          const leader = await takeOff(lead, key, ctx);
          const followers = await follow(key, ctx);
          await cut(key, ctx, [leader]);
          origin.release(key);
          for (const { answer } of followers) assertValue(await answer, key);
          assert.equal(origin.loads(key).length, loads);
          await assertKept(key);
        },
      );
    }
  }

  for (const { ctx, loads, said } of CONTEXTS) {
    test(
      `leader and three followers cut off, ${said}: all the others answered, ${loads} load(s)`,
      TIMEOUT,
      async () => {
        const key = freshKey();
        const leader = await takeOff(WAYS["a TCP reset"], key, ctx);
        const followers = await follow(key, ctx);
        const unlucky = [0, 20, 49].map((i) => followers[i]);
        const gone = unlucky.map(({ answer, hangUp }) => ({ hangUp, gone: assert.rejects(answer) }));
        await cut(key, ctx, [leader, ...gone]);
        origin.release(key);
        for (const follower of followers) if (!unlucky.includes(follower)) assertValue(await follower.answer, key);
        assert.equal(origin.loads(key).length, loads);
        await assertKept(key);
      },
    );

    test(`leader cut off with nobody behind, ${said}: the next request is answered`, TIMEOUT, async () => {
      const key = freshKey();
      const leader = await takeOff(WAYS["a TCP reset"], key, ctx);
      await cut(key, ctx, [leader], false);
      const next = get(cache, key, { ctx });
      if (ctx === "inert") await origin.arrived(key, 2);
      origin.release(key);
      assertValue(await next, key);
      assert.equal(origin.loads(key).length, loads);
      await assertKept(key);
    });

    test(
      `an origin that never answers, ${said}: every caller gets ERR_TIMEOUT, one load, and the next is answered`,
      TIMEOUT,
      async () => {
        const key = freshKey();
        origin.hold(key);
        const callers = Array.from({ length: FOLLOWERS }, () => get(cache, key, { ctx, group: "brief" }));
        for (const { code, text } of await Promise.all(callers)) assert.equal(code, "ERR_TIMEOUT", text);
        assert.equal(origin.loads(key).length, 1);
        await origin.cutOff(key, 1);
        // Without waitUntil the leader's answer may end its request before the load's own deadline ends the flight.
        if (ctx !== "inert")
          await eventually("the flight to end", async () => (await counters(cache, "brief")).flights === 0);
        origin.release(key);
        assertValue(await get(cache, key, { ctx, group: "brief" }), key);
      },
    );
  }

  test("a caller's own deadline ends its wait, and neither the load nor the others'", TIMEOUT, async () => {
    for (const { ctx, loads } of CONTEXTS) {
      const key = freshKey();
      origin.hold(key);
      const hasty = openGet(cache, key, { ctx, deadlineMs: 300 });
      await origin.arrived(key, 1);
      const { joins } = await counters(cache);
      const patient = [get(cache, key, { ctx }), get(cache, key, { ctx })];
      const hastyToo = get(cache, key, { ctx, deadlineMs: 1 });
      await eventually("the others to join", async () => (await counters(cache)).joins >= joins + 3);
      assert.equal((await hasty.answer).code, "ERR_TIMEOUT");
      assert.equal((await hastyToo).code, "ERR_TIMEOUT");
      // The answered leader's work ends with it where nothing keeps it alive.
      await origin.arrived(key, loads);
      origin.release(key);
      for (const answer of await Promise.all(patient)) assertValue(answer, key);
      assert.equal(origin.loads(key).length, loads);
    }
  });

  test(
    "callers who wait for less than a leader's silence takes to show are answered all the same",
    TIMEOUT,
    async () => {
      for (const deadlineMs of [50, 250]) {
        const key = freshKey();
        origin.hold(key);
        const how = { ctx: "inert", deadlineMs };
        assert.equal((await get(cache, key, how)).code, "ERR_TIMEOUT");
        await origin.cutOff(key, 1);
        origin.release(key);
        await eventually("one of them to lead", async () => (await get(cache, key, how)).status === 200);
        await assertKept(key);
      }
    },
  );

  test("a failed load is everybody's error, and the next request loads again", TIMEOUT, async () => {
    const key = freshKey();
    origin.answer(key, 500);
    origin.hold(key);
    const leader = openGet(cache, key);
    await origin.arrived(key, 1);
    const followers = await follow(key, "given");
    origin.release(key);
    for (const { answer } of [leader, ...followers]) assert.equal((await answer).code, "ERR_LOAD");
    assert.equal(origin.loads(key).length, 1);
    origin.mend(key);
    assertValue(await get(cache, key), key);
  });

  test("a request that burns CPU meanwhile takes nothing over", TIMEOUT, async () => {
    const key = freshKey();
    const { lostFlights } = await counters(cache);
    origin.hold(key);
    const leader = openGet(cache, key);
    await origin.arrived(key, 1);
    const followers = await follow(key, "given");
    await ask(`${cache}/burn?ms=700`);
    origin.release(key);
    for (const { answer } of [leader, ...followers]) assertValue(await answer, key);
    assert.equal(origin.loads(key).length, 1);
    assert.equal((await counters(cache)).lostFlights, lostFlights);
  });

  /** Leads a load, up to where the origin holds it back. @param {Lead} lead @param {string} key @param {string} ctx */
  async function takeOff(lead, key, ctx) {
    origin.hold(key);
    const leader = lead(key, ctx);
    await origin.arrived(key, 1);
    return leader;
  }

  /** Starts followers, up to where they have joined. @param {string} key @param {string} ctx */
  async function follow(key, ctx) {
    const { joins } = await counters(cache);
    const followers = Array.from({ length: FOLLOWERS }, () => openGet(cache, key, { ctx }));
    await eventually("the followers to join", async () => (await counters(cache)).joins === joins + FOLLOWERS);
    assert.equal(origin.loads(key).length, 1);
    return followers;
  }

  /**
   * Cuts requests off, the leader first, up to where workerd has taken note, and to where the load has a new leader if it needs one.
   * @param {string} key @param {string} ctx @param {ReturnType<Lead>[]} requests @param {boolean} [isFollowed]
   */
  async function cut(key, ctx, requests, isFollowed = true) {
    const { hungUp } = await ask(`${cache}/stats`);
    for (const { hangUp } of requests) hangUp();
    await Promise.all(requests.map(({ gone }) => gone));
    await eventually(
      "workerd to take note",
      async () => (await ask(`${cache}/stats`)).hungUp === hungUp + requests.length,
    );
    if (ctx !== "inert") return assert.equal(origin.loads(key)[0].cutOff, false, "waitUntil keeps the load alive");
    await origin.cutOff(key, 1);
    if (isFollowed) await origin.arrived(key, 2);
  }

  /** The key is in memory, and no flight of it in the air. @param {string} key */
  async function assertKept(key) {
    const answer = await get(cache, key);
    assertValue(answer, key);
    assert.equal(answer.source, "memory");
    const { flights } = await counters(cache);
    assert.equal(flights, 0);
  }
}
