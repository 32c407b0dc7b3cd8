// The worker in each README passes the type check and runs.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { transform } from "esbuild";

const root = resolve(import.meta.dirname, "../..");
await mkdir(join(root, ".cache"), { recursive: true });
const scratch = await mkdtemp(join(root, ".cache/readme-"));
await mkdir(join(scratch, "node_modules"));
await symlink(join(root, "pkg"), join(scratch, "node_modules/geecache-edge"), "dir");
after(() => rm(scratch, { recursive: true }));

test("README.md: the worker passes the type check", async () => {
  const [, source] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(root, "README.md"), "utf8")) ?? [];
  await writeFile(join(scratch, "worker.ts"), source ?? "");
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2024", "dom"],
    module: "nodenext",
    types: [],
    skipLibCheck: false,
  };
  await writeFile(join(scratch, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["worker.ts"] }));
  await writeFile(join(scratch, "package.json"), '{ "type": "module" }');
  execFileSync(join(root, "node_modules/typescript-7/bin/tsc"), ["-p", scratch], {
    stdio: ["ignore", "inherit", "inherit"],
  });
});

for (const readme of ["README.md", "pkg-template/README.md"]) {
  test(`${readme}: the worker runs`, async () => {
    const [, source] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(root, readme), "utf8")) ?? [];
    assert.ok(source?.includes("export default"), "it has a worker");
    const { code } = await transform(source, { loader: "ts" });
    const file = join(scratch, `${readme.replaceAll("/", "-")}.mjs`);
    await writeFile(file, code);
    const worker = (await import(pathToFileURL(file).href)).default;

    // Without a network every key is loaded locally.
    const fetched = globalThis.fetch;
    globalThis.fetch = () => Promise.reject(new TypeError("no network"));
    try {
      let finds = 0;
      const env = {
        DB: { find: async (/** @type {string} */ id) => (finds++, id === "tom" ? { id, name: "Tom" } : null) },
      };
      const ctx = { waitUntil() {} };
      const ask = (/** @type {string} */ path) => worker.fetch(new Request(`https://fra.example.net${path}`), env, ctx);
      for (let turn = 0; turn < 2; turn++) {
        const answer = await ask("/tom");
        assert.deepEqual(await answer.json(), { id: "tom", name: "Tom" });
      }
      assert.equal(finds, 1, "the second answer came from memory");
      assert.equal((await ask("/nobody")).status, 404);
      const peer = await ask("/_geecache/users/tom");
      assert.deepEqual([peer.status, await peer.json()], [200, { id: "tom", name: "Tom" }]);
    } finally {
      globalThis.fetch = fetched;
    }
  });
}
