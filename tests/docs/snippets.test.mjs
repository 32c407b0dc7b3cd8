// The documents' snippets: TypeScript type-checks, marked programs print the text after them, and the workers of the
// quick starts serve requests.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { transform } from "esbuild";
import { blocksOf, DOCUMENTS, root } from "./documents.mjs";

/** @typedef {import("./documents.mjs").Block} Block */

mkdirSync(join(root, ".cache"), { recursive: true });
const scratch = mkdtempSync(join(root, ".cache/docs-"));
mkdirSync(join(scratch, "node_modules"));
symlinkSync(join(root, "pkg"), join(scratch, "node_modules/geecache-edge"), "dir");
writeFileSync(join(scratch, "package.json"), '{ "type": "module" }');
after(() => rmSync(scratch, { recursive: true }));

const fileOf = (/** @type {string} */ path, /** @type {Block} */ { line }) => `${path.replaceAll(/\W/g, "-")}-${line}`;
const snippets = DOCUMENTS.flatMap((path) =>
  blocksOf(path)
    .map((block, at, all) => ({ path, block, next: all[at + 1] }))
    .filter(({ block }) => block.language === "ts"),
);

test("fenced blocks: every one names a language that is checked", () => {
  // rustdoc compiles a block without a language as Rust.
  const known = ["ts", "rust", "sh", "text", "json", "mermaid"];
  for (const path of DOCUMENTS)
    for (const { language, line } of blocksOf(path))
      assert.ok(known.includes(language), `${path}:${line}: the language ${JSON.stringify(language)}`);
});

test("Rust blocks: every document with one, is included in the crate's doc tests", () => {
  const library = readFileSync(join(root, "src/lib.rs"), "utf8");
  const withRust = DOCUMENTS.filter((path) => blocksOf(path).some(({ language }) => language === "rust"));
  assert.deepEqual(
    withRust.filter((path) => !library.includes(`include_str!("../${path}")`)),
    [],
  );
});

test("TypeScript snippets: all documents, types are right under strict", () => {
  assert.ok(snippets.length >= 8);
  for (const { path, block } of snippets) writeFileSync(join(scratch, `${fileOf(path, block)}.ts`), block.code);
  copyFileSync(join(import.meta.dirname, "ambient.d.ts.txt"), join(scratch, "ambient.d.ts"));
  const compilerOptions = {
    strict: true,
    noEmit: true,
    noImplicitOverride: true,
    exactOptionalPropertyTypes: true,
    target: "es2022",
    lib: ["es2024", "dom", "dom.iterable"],
    module: "nodenext",
    // The package and its users need none.
    types: [],
    skipLibCheck: false,
  };
  const include = ["*.ts"];
  writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  execFileSync(process.execPath, [join(root, "node_modules/typescript/lib/tsc.js"), "-p", scratch], {
    stdio: ["ignore", "inherit", "inherit"],
  });
});

for (const { path, block, next } of snippets.filter(({ block }) => block.flags.includes("run"))) {
  test(`${path}:${block.line}: run in Node, prints the text that follows`, async () => {
    assert.equal(next?.language, "text", "a text block follows");
    const { code } = await transform(block.code, { loader: "ts" });
    const file = join(scratch, `${fileOf(path, block)}-run.mjs`);
    writeFileSync(file, code);
    assert.equal(execFileSync(process.execPath, [file], { encoding: "utf8" }), next.code);
  });
}

/** Imports a snippet that matches as a module, with Durable Objects as Workers have them. @param {string} path @param {RegExp} pattern */
async function workerOf(path, pattern) {
  const found = snippets.filter(({ path: of, block }) => of === path && pattern.test(block.code));
  assert.equal(found.length, 1, `${path} has one such worker`);
  const { code } = await transform(found[0]?.block.code ?? "", { loader: "ts" });
  const workers = "export class DurableObject { constructor(ctx, env) { Object.assign(this, { ctx, env }); } }";
  writeFileSync(join(scratch, "workers.mjs"), workers);
  const file = join(scratch, `worker-${path.replaceAll(/\W/g, "-")}-${found[0]?.block.line}.mjs`);
  writeFileSync(file, code.replace('"cloudflare:workers"', '"./workers.mjs"'));
  return import(pathToFileURL(file).href);
}

/** A fetch of the global scope for the length of a test. @param {import("node:test").TestContext} t @param {typeof fetch} fetches */
function globalFetch(t, fetches) {
  const original = globalThis.fetch;
  globalThis.fetch = fetches;
  t.after(() => (globalThis.fetch = original));
}

const ctx = { waitUntil() {} };
const TOM = { id: "tom", name: "Tom" };

/**
 * A worker at https://fra.example.net loads a key once, has no other, and serves peers with the secret alone.
 * @param {(request: Request) => Promise<Response>} serve
 * @param {string} secret
 * @param {() => number} loads
 */
async function servesPeersAndCallers(serve, secret, loads) {
  const ask = (/** @type {string} */ path) => serve(new Request(`https://fra.example.net${path}`));
  for (let turn = 0; turn < 2; turn++) assert.deepEqual(await (await ask("/tom")).json(), TOM);
  assert.equal(loads(), 1, "the second response came from memory");
  assert.equal((await ask("/nobody")).status, 404);

  const before = loads();
  const unsigned = await ask("/_geecache/users/tom");
  assert.deepEqual([unsigned.status, loads()], [401, before], "an unsigned request reads and loads nothing");

  const { createPool, json } = await import(pathToFileURL(join(root, "pkg/entry/node.js")).href);
  const peer = createPool({
    peers: ["https://fra.example.net", "https://ams.example.net"],
    ring: "balanced",
    secret,
    connect: (/** @type {string} */ name) => ({
      fetch: (/** @type {string} */ url, /** @type {RequestInit} */ init) =>
        name === "https://fra.example.net"
          ? serve(new Request(url, init))
          : Promise.reject(new TypeError("there is no network here")),
    }),
  });
  const load = () => assert.fail("the peer has the value");
  const users = peer.group("users", { maxBytes: 65_536, codec: json(), load });
  const { value, source } = await users.getEntry("tom");
  assert.deepEqual([value, source], [TOM, "peer"]);
  assert.equal(loads(), before);
  assert.equal(peer.stats().ringMismatches, 0, "both have one ring");
}

test("pkg-template/README.md: its worker, serves callers and signed peers", async (t) => {
  globalFetch(t, () => Promise.reject(new TypeError("there is no network here")));
  const { default: worker } = await workerOf("pkg-template/README.md", /export default/);
  let loads = 0;
  const find = async (/** @type {string} */ id) => (loads++, id === "tom" ? TOM : null);
  const env = { DB: { find }, PEER_SECRET: "a secret" };
  await servesPeersAndCallers(
    (request) => worker.fetch(request, env, ctx),
    "a secret",
    () => loads,
  );
});

test("README.md: its server with URLs, serves callers and signed peers, and wants a secret", async (t) => {
  const { SELF, SECRET } = process.env;
  t.after(() => {
    for (const [name, value] of Object.entries({ SELF, SECRET }))
      value === undefined ? delete process.env[name] : (process.env[name] = value);
  });
  delete process.env.SECRET;
  await assert.rejects(() => workerOf("README.md", /process\.env/), /SECRET/);

  Object.assign(process.env, { SELF: "https://fra.example.net", SECRET: "a secret" });
  globalFetch(t, () => Promise.reject(new TypeError("there is no network here")));
  let loads = 0;
  const findUser = async (/** @type {string} */ id) => (loads++, id === "tom" ? TOM : undefined);
  Object.assign(globalThis, { findUser });
  // The failed import is remembered by its URL.
  const again = await transform(
    snippets.find(({ path, block }) => path === "README.md" && /process\.env/.test(block.code))?.block.code ?? "",
    { loader: "ts" },
  );
  writeFileSync(join(scratch, "server.mjs"), again.code);
  const { default: server } = await import(pathToFileURL(join(scratch, "server.mjs")).href);
  await servesPeersAndCallers(
    (request) => server.fetch(request),
    "a secret",
    () => loads,
  );
});

test("README.md: its Durable Objects, load a key once for two isolates, and serve signed requests alone", async () => {
  const { Shard, default: worker } = await workerOf("README.md", /DurableObject/);
  let loads = 0;
  const objects = new Map();
  const env = {
    PEER_SECRET: "a secret",
    DB: { find: async (/** @type {string} */ id) => (loads++, id === "tom" ? TOM : null) },
    SHARD: {
      getByName(/** @type {string} */ name) {
        if (!objects.has(name)) objects.set(name, new Shard({ id: { name }, waitUntil() {} }, env));
        const fetch = (/** @type {string} */ url, /** @type {RequestInit} */ init) =>
          objects.get(name).fetch(new Request(url, init));
        return { fetch };
      },
    },
  };
  const ask = (/** @type {string} */ path) => worker.fetch(new Request(`https://a.example${path}`), env, ctx);
  for (let turn = 0; turn < 2; turn++) assert.deepEqual(await (await ask("/tom")).json(), TOM);
  assert.deepEqual([loads, objects.size], [1, 1], "one object owns the key, and the isolate keeps a hot copy");
  assert.equal((await ask("/nobody")).status, 404);
  const unsigned = await [...objects.values()][0].fetch(new Request("https://a.example/_geecache/users/tom"));
  assert.equal(unsigned.status, 401);
});
