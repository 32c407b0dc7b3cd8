// Mutants of the shell: small faults put into its TypeScript, each with the invariant that must catch it.
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "../..");
const source = join(root, "pkg-template/src");
const glue = join(root, ".cache/package/default/glue");
const work = join(root, ".cache/shell-mutants");

/**
 * Each mutant replaces one text, which must stand exactly once in all of the sources; white space is not compared.
 * Where the sources change, change the anchor with them.
 * A mutant that hardly shows has a harsher plan for the runs of chaos.
 *
 * @type {import("./types.js").Mutant[]}
 */
export const MUTANTS = [
  {
    name: "a leader never sends a heartbeat",
    from: "if (!this.#core.heartbeat(this.#group, flight)) led.onPeerLeft();",
    to: "",
    caughtBy: "one-load",
  },
  {
    name: "a list of peers that changes is ignored by flights",
    from: "led.onPeerLeft();",
    to: "undefined;",
    caughtBy: "in-time",
  },
  {
    name: "a follower never watches its leader",
    from: "const isLed = () => this.#core.watch(this.#group, flight);",
    to: "const isLed = () => true;",
    caughtBy: "answered",
  },
  {
    name: "waitUntil is not called",
    from: "(context ?? ambientContext)?.waitUntil(led.result);",
    to: "",
    caughtBy: "one-load",
  },
  { name: "a follower has no deadline", from: "settle(onTimeout());", to: "", caughtBy: "in-time" },
  {
    name: "a wait has no deadline",
    from: "const timer = setTimeout(() => resolve(onTimeout()), Math.max(0, ms));",
    to: "const timer = 0;",
    caughtBy: "in-time",
  },
  {
    name: "a peer is waited for beyond its timeout",
    from: "withTimeout(task.timeoutMs, asking,",
    to: "withTimeout(1e9, asking,",
    caughtBy: "in-time",
  },
  { name: "callers share one array", from: "result.value.slice()", to: "result.value", caughtBy: "whole" },
  {
    name: "the loader's array is not copied",
    from: "return new Uint8Array(encoded);",
    to: "return encoded;",
    caughtBy: "whole",
  },
  { name: "a follower's timer is never cleared", from: "clearInterval(checks);", to: "", caughtBy: "at-rest" },
  { name: "a leader's timer is never cleared", from: "clearInterval(heartbeat);", to: "", caughtBy: "at-rest" },
  {
    name: "the timer of a wait is never cleared",
    from: ".finally(() => clearTimeout(timer))",
    to: "",
    caughtBy: "counted",
  },
  {
    name: "a request to a peer is never aborted",
    from: "signal: AbortSignal.timeout(task.timeoutMs),",
    to: "",
    caughtBy: "in-time",
  },
  { name: "a load is never aborted", from: "abort.abort(error);", to: "", caughtBy: "in-time" },
  {
    name: "a redirect is followed",
    from: 'redirect: "manual",',
    to: "",
    caughtBy: "right-value",
    harsher: { lies: 60, secrets: [] },
  },
  {
    name: "a listener's error reaches the caller",
    from: "// A listener's error fails no lookup.",
    to: "throw new Error('a listener failed');",
    caughtBy: "sound",
  },
  {
    name: "a lookup that is retried counts twice",
    from: "Date.now(), fromPeer, true)",
    to: "Date.now(), fromPeer, false)",
    caughtBy: "counted",
  },
  {
    name: "a peer's freshness is ignored",
    from: "RESPONSE_HEADERS.map((name) => headers.get(name))",
    to: "RESPONSE_HEADERS.map((name) => (/fresh/.test(name) ? null : headers.get(name)))",
    caughtBy: "right-value",
  },
  {
    name: "a peer's answer has no bound",
    from: "if (bytes > maxBytes)",
    to: "if (false)",
    caughtBy: "at-rest",
    harsher: { brokenBodies: 60 },
  },
  {
    name: "a peer request is taken for a caller's",
    from: "return this.#lookups.lookUp(key, scope, true);",
    to: "return this.#lookups.lookUp(key, scope, false);",
    caughtBy: "no-forward",
  },
  {
    name: "an error does not reach a leader's followers",
    from: "kind: Outcome.LoadFailed, error: asError(thrown) }; } }",
    to: 'kind: Outcome.NotFound, source: "loader" }; } }',
    caughtBy: "right-value",
  },
  {
    name: "a failing waitUntil ends the flight",
    from: "// The context of a request that has ended keeps nothing alive; followers notice by the heartbeat.",
    to: "throw new Error('waitUntil failed');",
    caughtBy: "sound",
  },
  {
    name: "a hit's value is read after the listener ran",
    from: "return { step, value: scratch.value(), freshMs: scratch.slot(Slot.FreshMs) };",
    to: "return { step, get value() { return scratch.value(); }, get freshMs() { return scratch.slot(Slot.FreshMs); } };",
    caughtBy: "right-value",
  },
  {
    name: "a stale copy after a failure is read after the listener ran",
    from: "case Step.Stale: return { step, value: scratch.value() };",
    to: "case Step.Stale: return { step, get value() { return scratch.value(); } };",
    caughtBy: "right-value",
    harsher: { fails: 30, meddles: 30, options: { ttlMs: 20, staleWhileRevalidateMs: 0, staleIfErrorMs: 20_000 } },
  },
  {
    name: "a task is read after the listener ran",
    from: "return { step, flight, attempt: scratch.slot(Slot.Attempt), timeoutMs: scratch.slot(Slot.TimeoutMs), peer };",
    to: "return { step, flight, peer, get attempt() { return scratch.slot(Slot.Attempt); }, get timeoutMs() { return scratch.slot(Slot.TimeoutMs); } };",
    caughtBy: "counted",
  },
  {
    name: "a peer's value is read after the step was carried out",
    from: "return { kind, value: scratch.value(), freshMs: scratch.slot(Slot.FreshMs), next };",
    to: "return { kind, get value() { return scratch.value(); }, freshMs: scratch.slot(Slot.FreshMs), next };",
    caughtBy: "whole",
    harsher: { meddles: 30 },
  },
  {
    name: "headers are read while the core is called",
    from: "const values = RESPONSE_HEADERS.map((name) => headers.get(name));",
    to: "const values = RESPONSE_HEADERS.map(() => ''); for (const at of values.keys()) Object.defineProperty(values, at, { get: () => headers.get(RESPONSE_HEADERS[at]) });",
    caughtBy: "sound",
  },
  {
    name: "secrets are read while the core is called",
    from: 'return copied(typeof this.#secret === "function" ? (this.#secret(env) ?? null) : this.#secret);',
    to: 'return typeof this.#secret === "function" ? (this.#secret(env) ?? null) : this.#secret;',
    caughtBy: "sound",
  },
  {
    name: "a late response is taken for that of the current attempt",
    from: "task = next;",
    to: "task = Object.assign(task, next);",
    caughtBy: "counted",
    harsher: { heedless: 100, slow: 30, setsClocks: false },
  },
  {
    name: "a lost flight is taken for a finished one",
    from: "case Step.Retry: case Step.Superseded: return undefined;",
    to: "case Step.Retry: case Step.Superseded: return result as FlightResult;",
    caughtBy: "sound",
  },
  {
    name: "a breaker is reported at the end of the flight",
    from: "this.#emitter?.emitChanges(this.#id, this.#group, peer);",
    to: "",
    caughtBy: "counted",
  },
  {
    name: "the breaker of a peer that left closes without an event",
    from: "this.#emitter?.emitLeft(names);",
    to: "",
    caughtBy: "counted",
    harsher: { nodes: 6, lost: 60, lies: 0, brokenBodies: 0, setsClocks: false, events: 60, lastsMs: 20_000 },
  },
  {
    name: "a peer that has left is waited for",
    from: "(led.onPeerLeft = () => resolve(undefined))",
    to: "(led.onPeerLeft = () => void resolve)",
    caughtBy: "in-time",
  },
];

const filesUnder = (/** @type {string} */ folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));

/**
 * The text as a pattern to which all white space is alike.
 *
 * @param {string} text
 */
function patternOf(text) {
  const words = text.split(/\s+/).map((word) => word.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
  return new RegExp(words.join("\\s*"), "g");
}

/**
 * The file that holds the mutant's anchor. Throws unless there is exactly one.
 *
 * @param {import("./types.js").Mutant} mutant
 */
export function anchorOf({ name, from }) {
  const hits = filesUnder(source).flatMap((path) => {
    const found = readFileSync(path, "utf8").match(patternOf(from)) ?? [];
    return found.map(() => path);
  });
  if (hits.length !== 1)
    throw new Error(
      `the mutant "${name}" needs its anchor once and finds it ${hits.length} times: change it in tests/shell/mutants.mjs: ${from}`,
    );
  return hits[0];
}

/**
 * Builds the package with one mutant in it. Returns the folder.
 *
 * @param {import("./types.js").Mutant} mutant
 * @param {number} at
 */
export async function buildMutant(mutant, at) {
  const path = anchorOf(mutant);
  const out = join(work, String(at));
  /** @type {import("esbuild").Plugin} */
  const mutated = {
    name: "mutant",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /\/glue\.js$/ }, () => ({ path: join(glue, "glue.js") }));
      onLoad({ filter: /\.ts$/ }, (args) => {
        if (args.path !== path) return undefined;
        const text = readFileSync(path, "utf8").replace(patternOf(mutant.from), () => mutant.to);
        return { contents: text, loader: "ts" };
      });
    },
  };
  mkdirSync(join(out, "entry"), { recursive: true });
  copyFileSync(join(glue, "core.wasm"), join(out, "core.wasm"));
  await build({
    entryPoints: [join(source, "entry/slim.ts")],
    outfile: join(out, "entry/slim.js"),
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    logLevel: "error",
    plugins: [mutated],
  });
  return out;
}
