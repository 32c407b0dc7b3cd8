// Faults on the wire: altered requests and responses, forged responses, and requests of strangers.
import { AUTH_HEADER, FRESH_HEADER, OUTCOME_HEADER, OUTCOME_NOT_FOUND } from "./names.mjs";
import { SECRETS } from "./plan.mjs";
import { Context, observe, PlainHeaders, promised, runIn } from "./runtime.mjs";

const MAX_BYTES = 64 << 10;

/** @param {import("./random.mjs").Rng} rng */
function oddPath(rng) {
  const odd = ["", "scores", "scores/%zz", "scores/%", "scores%20%26%20more/", "nobody/x", "../x/y", "a/b/c"];
  return (rng.chance(90) ? "/_geecache/" : "/") + rng.pick(odd);
}

/**
 * A request that is altered on its way.
 *
 * @param {import("./world.mjs").World} world
 * @param {import("./types.js").Question} question
 * @returns {import("./types.js").Question}
 */
export function alterQuestion({ rng, network, seen }, question) {
  let { path, auth } = question;
  const kind = rng.below(4);
  if (kind === 0) path = oddPath(rng);
  else if (kind === 1) path = rng.pick(network.questions).path;
  else if (kind === 2 || auth === undefined) auth = undefined;
  else {
    const at = rng.below(auth.length);
    auth = auth.slice(0, at) + rng.pick(["0", "7", "f", "x"]) + auth.slice(at + 1);
  }
  const isAltered = question.truth.isAltered || path !== question.path || auth !== question.auth;
  seen.altered += 1;
  return { ...question, path, auth, truth: { ...question.truth, isAltered } };
}

/**
 * Alters a response on its way. Without a secret only by faults that befall bytes by chance: anyone on an open network can
 * deceive.
 *
 * @param {import("./world.mjs").World} world
 * @param {import("./types.js").Question & { ask: import("./types.js").Ask }} question
 * @param {import("./types.js").Said} said
 */
export async function alterAnswer(world, { ask, path, auth }, said) {
  const { rng, network, seen, plan, trace } = world;
  const isSigned = ask.truth.secret !== undefined;
  seen.altered += 1;
  const kind = rng.below(isSigned ? 11 : 6);
  trace(() => `the answer to ${path} is altered, kind ${kind}`);
  if (kind === 0 && said.body && said.body.length > 0) said.body[rng.below(said.body.length)] ^= 1 << rng.below(8);
  else if (kind === 1 && said.body) said.body = said.body.subarray(0, rng.below(said.body.length + 1));
  else if (kind === 2) {
    const others = network.answers.filter((other) => isSigned || other.path !== ask.path);
    if (others.length > 0) replace(said, rng.pick(others).said);
  } else if (kind === 3) said.body = Buffer.from(rng.bytes(40));
  else if (kind === 4) said.fate = "is endless";
  else if (kind === 5) {
    said.status = rng.pick([204, 301, 302, 307, 308, 418, 500, 503]);
    const isFollowed = said.status > 300 && said.status < 400 && ask.redirect !== "manual";
    const other = network.answers.find((other) => other.path !== ask.path && other.said.status === 200);
    // A redirect to another key, on a peer that adds no headers.
    if (isFollowed && other) replace(said, { ...other.said, headers: new PlainHeaders() });
  } else if (kind === 6) said.headers.delete(AUTH_HEADER);
  else if (kind === 7) said.headers.set(FRESH_HEADER, "99999999");
  else if (kind === 8) {
    said.status = 404;
    said.headers.set(OUTCOME_HEADER, OUTCOME_NOT_FOUND);
  } else if (kind > 8) replace(said, await forged(world, plan, { path, auth, ask }));
}

/**
 * @param {import("./types.js").Said} said
 * @param {{ status: number, headers: PlainHeaders | [string, string][], body: Uint8Array | null }} other
 */
function replace(said, { status, headers, body }) {
  Object.assign(said, { status, headers: new PlainHeaders(headers), body: body && Uint8Array.from(body) });
}

/**
 * A well-formed response of a node that does not know the secret.
 *
 * @param {import("./world.mjs").World} world
 * @param {import("./types.js").Plan} plan
 * @param {{ path: string, auth: string | undefined, ask: import("./types.js").Ask }} question
 */
async function forged(world, plan, { path, auth, ask }) {
  const { rng, lib } = world;
  const peers = Array.from({ length: plan.nodes }, (_, at) => `http://node-${at}`);
  const stranger = { at: -1, secrets: [], clock: () => ask.node.clock() };
  const context = new Context(stranger, "call");
  const response = await runIn(context, () => {
    const liar = lib.createPool({ self: peers[0], peers });
    for (const name of new Set(plan.keys.map(({ group }) => group)))
      liar.group(name, { maxBytes: MAX_BYTES, load: () => rng.bytes(30) });
    const headers = new PlainHeaders(auth === undefined ? [] : [[AUTH_HEADER, auth]]);
    return liar.handle(/** @type {any} */ ({ url: `http://node-0${path}`, method: "GET", headers }));
  });
  const { status = 200, pairs = [], bytes = new Uint8Array() } = /** @type {any} */ (response ?? {});
  return { status, headers: pairs, body: bytes };
}

/**
 * A request of a stranger, who knows neither the secret nor the protocol.
 *
 * @param {import("./world.mjs").World} world
 * @param {number} to
 */
export function stranger(world, to) {
  const { rng, lib, network, plan, nodes, seen } = world;
  const { group, name } = rng.pick(plan.keys);
  const isOpen = plan.secrets.length === 0;
  const secret = rng.chance(50) ? undefined : SECRETS[2];
  const kind = rng.below(5);
  const node = { at: undefined, secrets: secret === undefined ? [] : [secret], clock: () => nodes[to].clock() };
  const context = new Context(node, "call");
  // Its request is caught on its way, changed, and delivered by hand.
  const post = (/** @type {string} */ url, /** @type {any} */ init) => {
    const question = /** @type {import("./types.js").Question} */ ({
      to,
      from: undefined,
      ask: undefined,
      path: url.slice(url.indexOf("/", 8)),
    });
    question.auth = new PlainHeaders(Object.entries(init.headers)).get(AUTH_HEADER) ?? undefined;
    question.truth = { secret, signedAt: node.clock(), isAltered: false, isForwarded: false };
    if (kind === 0) {
      question.truth.isForwarded = isOpen;
      question.auth = `${"00".repeat(12)}02`;
    } else if (kind === 1) {
      question.truth.isAltered = true;
      question.path = oddPath(rng);
    } else if (kind === 2) question.auth = undefined;
    else if (kind === 3) question.auth = "no signature at all";
    seen.strangers += 1;
    world.clock.after(0, () => network.arrives(question));
    return promised((_, reject) => reject(new TypeError("nobody answers a stranger")));
  };
  const asked = runIn(context, () => {
    const peers = nodes.map(({ name }) => name);
    const pool = lib.createPool({ peers, connect: () => ({ fetch: post }), ...(secret && { secret }) });
    return pool.group(group, { maxBytes: MAX_BYTES, failover: 0, load: () => undefined }).get(name);
  });
  observe(
    asked,
    () => context.die(),
    () => context.die(),
  );
}
