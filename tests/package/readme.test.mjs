// The worker in each README runs as it stands there.
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

test("the worker of README.md has its types right", async () => {
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
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", scratch], { stdio: ["ignore", "inherit", "inherit"] });
});

for (const readme of ["README.md", "pkg-template/README.md"]) {
  test(`the worker of ${readme}`, async () => {
    const [, source] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(root, readme), "utf8")) ?? [];
    assert.ok(source?.includes("export default"), "there is a worker");
    const { code } = await transform(source, { loader: "ts" });
    const file = join(scratch, `${readme.replaceAll("/", "-")}.mjs`);
    await writeFile(file, code);
    const worker = (await import(pathToFileURL(file).href)).default;

    // The other peer is not there, so that every key is answered here.
    const fetched = globalThis.fetch;
    globalThis.fetch = () => Promise.reject(new TypeError("there is no network here"));
    try {
      let finds = 0;
      const env = { DB: { find: async (id) => (finds++, id === "tom" ? { id, name: "Tom" } : null) } };
      const ctx = { waitUntil() {} };
      const ask = (path) => worker.fetch(new Request(`https://fra.example.net${path}`), env, ctx);
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
