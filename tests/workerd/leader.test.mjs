// Singleflight with a leader whose request is cancelled: on old and new compatibility dates, with the compatibility
// flag about promises of other requests on and off, for each way to cancel, and with and without `waitUntil`.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Origin } from "../../harness/origin.mjs";
import { assertValue, fetchJson, get, groupStats, startGet, startRequest } from "../../harness/requests.mjs";
import { eventually } from "../../harness/waiting.mjs";
import { NEWEST_DATE, OLDEST_DATE, Workers } from "./runtime.mjs";

const FOLLOWERS = 50;
const TIMEOUT = { timeout: 60_000 };

const FLAG = "handle_cross_request_promise_resolution";
const RUNTIMES = [
  { date: OLDEST_DATE, flags: [FLAG], title: "flag on" },
  { date: OLDEST_DATE, flags: [], title: "flag off by default" },
  { date: NEWEST_DATE, flags: [], title: "flag on by default" },
  { date: NEWEST_DATE, flags: [`no_${FLAG}`], title: "flag off" },
];

/** How a request keeps its work alive, and the number of loads if the leader is cancelled. */
const CONTEXTS = /** @type {const} */ ([
  { ctx: "given", loads: 1, title: "ctx.waitUntil" },
  { ctx: "none", loads: 1, title: "waitUntil of cloudflare:workers" },
  { ctx: "inert", loads: 2, title: "no waitUntil" },
]);

/**
 * A request that can be cancelled.
 * @typedef {object} Cancellable
 * @property {() => void} cancel
 * @property {Promise<unknown>} cancelled resolves when the client sees the request fail
 */
/** @typedef {(key: string, ctx: string) => Cancellable} Lead starts a request that leads the load of a key */

describe("leader", { concurrency: RUNTIMES.length }, () => {
  for (const { date, flags, title } of RUNTIMES) {
    describe(`compatibility date ${date}, ${title}`, { concurrency: false }, () => testLeaders(date, flags));
  }
});

/** @param {string} compatibilityDate @param {string[]} flags */
function testLeaders(compatibilityDate, flags) {
  /** @type {Workers} */ let workers;
  /** @type {Origin} */ let origin;
  let [cache, caller] = ["", ""];
  let nextKey = 0;
  const unusedKey = () => `key ${nextKey++}`;

  before(async () => {
    [origin, workers] = [await Origin.start(), new Workers()];
    // With enable_request_signal the worker counts clients that disconnect, which the tests wait for. It changes
    // nothing else.
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
    origin?.close();
  });

  /** @type {Lead} */
  const leadByTcp = (key, ctx) => {
    const { response, disconnect } = startGet(cache, key, { ctx });
    return { cancel: disconnect, cancelled: assert.rejects(response) };
  };
  /** @type {Lead} */
  const leadByBinding = (key, ctx) => {
    origin.hold(`gate ${key}`);
    const { response } = startRequest(`${caller}/get?${new URLSearchParams({ key, ctx, gate: key })}`);
    return {
      cancel: () => origin.release(`gate ${key}`),
      cancelled: response.then(({ text }) => assert.equal(text, "AbortError")),
    };
  };

  for (const { ctx, loads, title } of CONTEXTS) {
    for (const [how, lead] of Object.entries({ "TCP reset": leadByTcp, "aborted binding call": leadByBinding })) {
      test(
        `leader cancelled by ${how}, ${title}: all ${FOLLOWERS} followers get the value, ${loads} load(s)`,
        TIMEOUT,
        async () => {
          const key = unusedKey();
          const leader = await startLeader(lead, key, ctx);
          const followers = await startFollowers(key, ctx);
          await cancel(key, ctx, [leader]);
          origin.release(key);
          for (const { response } of followers) assertValue(await response, key);
          assert.equal(origin.loads(key).length, loads);
          await assertCached(key);
        },
      );
    }

    test(
      `leader and three followers cancelled, ${title}: the others get the value, ${loads} load(s)`,
      TIMEOUT,
      async () => {
        const key = unusedKey();
        const leader = await startLeader(leadByTcp, key, ctx);
        const followers = await startFollowers(key, ctx);
        const doomed = [0, 20, 49].map((i) => followers[i]);
        const requests = doomed.map(({ response, disconnect }) => ({
          cancel: disconnect,
          cancelled: assert.rejects(response),
        }));
        await cancel(key, ctx, [leader, ...requests]);
        origin.release(key);
        for (const follower of followers) if (!doomed.includes(follower)) assertValue(await follower.response, key);
        assert.equal(origin.loads(key).length, loads);
        await assertCached(key);
      },
    );

    test(
      `leader cancelled without followers, ${title}: the next request gets the value, ${loads} load(s)`,
      TIMEOUT,
      async () => {
        const key = unusedKey();
        const leader = await startLeader(leadByTcp, key, ctx);
        await cancel(key, ctx, [leader], false);
        const next = get(cache, key, { ctx });
        if (ctx === "inert") await origin.received(key, 2);
        origin.release(key);
        assertValue(await next, key);
        assert.equal(origin.loads(key).length, loads);
        await assertCached(key);
      },
    );

    test(
      `origin without response, ${title}: every caller gets ERR_TIMEOUT after one load, the next gets the value`,
      TIMEOUT,
      async () => {
        const key = unusedKey();
        origin.hold(key);
        const callers = Array.from({ length: FOLLOWERS }, () => get(cache, key, { ctx, group: "brief" }));
        for (const { code, text } of await Promise.all(callers)) assert.equal(code, "ERR_TIMEOUT", text);
        assert.equal(origin.loads(key).length, 1);
        await origin.aborted(key, 1);
        // Without waitUntil the leader's request can end before the deadline of the load ends the flight.
        if (ctx !== "inert")
          await eventually("the flight to end", async () => (await groupStats(cache, "brief")).flights === 0);
        origin.release(key);
        assertValue(await get(cache, key, { ctx, group: "brief" }), key);
      },
    );

    test(
      `caller's deadline passes, ${title}: its wait ends, the load and other callers continue, ${loads} load(s)`,
      TIMEOUT,
      async () => {
        const key = unusedKey();
        origin.hold(key);
        const hasty = startGet(cache, key, { ctx, deadlineMs: 300 });
        await origin.received(key, 1);
        const { requests } = await groupStats(cache);
        const patient = [get(cache, key, { ctx }), get(cache, key, { ctx })];
        const hastyFollower = get(cache, key, { ctx, deadlineMs: 1 });
        await eventually("all requests to begin", async () => (await groupStats(cache)).requests >= requests + 3);
        assert.equal((await hasty.response).code, "ERR_TIMEOUT");
        assert.equal((await hastyFollower).code, "ERR_TIMEOUT");
        // Without waitUntil the leader's load ends with its response, and a follower takes over.
        await origin.received(key, loads);
        origin.release(key);
        for (const response of await Promise.all(patient)) assertValue(response, key);
        assert.equal(origin.loads(key).length, loads);
      },
    );
  }

  test(
    "callers' deadlines shorter than the detection of a lost leader: a later caller gets the value",
    TIMEOUT,
    async () => {
      for (const deadlineMs of [50, 250]) {
        const key = unusedKey();
        origin.hold(key);
        const options = { ctx: "inert", deadlineMs };
        assert.equal((await get(cache, key, options)).code, "ERR_TIMEOUT");
        await origin.aborted(key, 1);
        origin.release(key);
        await eventually("a caller to lead", async () => (await get(cache, key, options)).status === 200);
        await assertCached(key);
      }
    },
  );

  test("failed load: every caller gets ERR_LOAD, the next request loads again", TIMEOUT, async () => {
    const key = unusedKey();
    origin.override(key, 500);
    origin.hold(key);
    const leader = startGet(cache, key);
    await origin.received(key, 1);
    const followers = await startFollowers(key, "given");
    origin.release(key);
    for (const { response } of [leader, ...followers]) assert.equal((await response).code, "ERR_LOAD");
    assert.equal(origin.loads(key).length, 1);
    origin.restore(key);
    assertValue(await get(cache, key), key);
  });

  test("isolate blocked by another request: heartbeats are missed, no follower takes over", TIMEOUT, async () => {
    const key = unusedKey();
    const { lostFlights } = await groupStats(cache);
    origin.hold(key);
    const leader = startGet(cache, key);
    await origin.received(key, 1);
    const followers = await startFollowers(key, "given");
    await fetchJson(`${cache}/burn?ms=700`);
    origin.release(key);
    for (const { response } of [leader, ...followers]) assertValue(await response, key);
    assert.equal(origin.loads(key).length, 1);
    assert.equal((await groupStats(cache)).lostFlights, lostFlights);
  });

  /** Resolves when the origin holds the leader's load. @param {Lead} lead @param {string} key @param {string} ctx */
  async function startLeader(lead, key, ctx) {
    origin.hold(key);
    const leader = lead(key, ctx);
    await origin.received(key, 1);
    return leader;
  }

  /** Resolves when the followers have joined the flight. @param {string} key @param {string} ctx */
  async function startFollowers(key, ctx) {
    const { coalesced } = await groupStats(cache);
    const followers = Array.from({ length: FOLLOWERS }, () => startGet(cache, key, { ctx }));
    await eventually(
      "the followers to join",
      async () => (await groupStats(cache)).coalesced === coalesced + FOLLOWERS,
    );
    assert.equal(origin.loads(key).length, 1);
    return followers;
  }

  /**
   * Cancels requests, the leader's first. Resolves when workerd has noticed, and when the new leader, if one is
   * needed, loads.
   * @param {string} key
   * @param {string} ctx
   * @param {Cancellable[]} requests
   * @param {boolean} [hasFollowers]
   */
  async function cancel(key, ctx, requests, hasFollowers = true) {
    const { disconnects } = await fetchJson(`${cache}/stats`);
    for (const request of requests) request.cancel();
    await Promise.all(requests.map(({ cancelled }) => cancelled));
    await eventually(
      "workerd to notice the disconnects",
      async () => (await fetchJson(`${cache}/stats`)).disconnects === disconnects + requests.length,
    );
    if (ctx !== "inert") {
      assert.equal(origin.loads(key)[0].aborted, false, "waitUntil keeps the load alive");
      return;
    }
    await origin.aborted(key, 1);
    if (hasFollowers) await origin.received(key, 2);
  }

  /** Asserts that the key is in memory and no flight is open. @param {string} key */
  async function assertCached(key) {
    const response = await get(cache, key);
    assertValue(response, key);
    assert.equal(response.source, "memory");
    const { flights } = await groupStats(cache);
    assert.equal(flights, 0);
  }
}
