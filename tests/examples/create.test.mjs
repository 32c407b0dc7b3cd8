// The command that copies an example: the copy, and its errors.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Project, root, scratch } from "./support.mjs";

const EXAMPLES = readdirSync(join(root, "examples"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "replay")
  .map(({ name }) => name);
const create = (/** @type {string[]} */ ...args) =>
  spawnSync(process.execPath, [join(root, "examples/create.mjs"), ...args], { encoding: "utf8" });
const dependency = (/** @type {string} */ folder) =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).dependencies["geecache-edge"];

test("create, every example: the copy contains the package, and README.md lists the example", () => {
  assert.ok(EXAMPLES.length >= 6);
  const readme = readFileSync(join(root, "README.md"), "utf8");
  for (const example of EXAMPLES) {
    const project = new Project(example, `copy-${example}`);
    const [, tarball] = /^file:(.*\.tgz)$/.exec(dependency(project.folder)) ?? [];
    assert.ok(tarball && readdirSync(project.folder).includes(tarball), example);
    assert.ok(project.commands.length > 0);
    assert.ok(readme.includes(`(examples/${example})`), `README.md links ${example}`);
  }
});

test("create --published: the copy depends on the version of this clone, without the package", () => {
  const { version } = JSON.parse(readFileSync(join(root, "pkg/package.json"), "utf8"));
  for (const example of EXAMPLES) {
    const folder = join(scratch, `published-${example}`);
    const { status, stderr } = create(example, folder, "--published");
    assert.equal(status, 0, stderr);
    assert.equal(dependency(folder), `^${version}`);
    assert.ok(!readdirSync(folder).some((name) => name.endsWith(".tgz")));
  }
});

test("create, a Worker with peers: the copy has a random secret of its own in a file that git ignores", () => {
  const workers = EXAMPLES.filter((example) => existsSync(join(root, "examples", example, ".dev.vars.example")));
  assert.deepEqual(workers, ["workers-durable-objects", "workers-service-bindings"]);
  const secrets = new Set();
  for (const example of workers) {
    const source = join(root, "examples", example);
    assert.match(readFileSync(join(source, ".dev.vars.example"), "utf8"), /^PEER_SECRET=$/m, "no secret is committed");
    const names = [".dev.vars", ".dev.vars.one", ".dev.vars.example"].map((name) => join(source, name));
    const ignored = execFileSync("git", ["-C", root, "check-ignore", "--no-index", ...names], { encoding: "utf8" });
    assert.deepEqual(ignored.trim().split("\n"), names.slice(0, 2));
    for (const copy of ["first", "second"]) {
      const folder = join(scratch, `${copy}-${example}`);
      assert.equal(create(example, folder, "--published").status, 0);
      const [, secret] = /^PEER_SECRET=([\w-]{43})$/m.exec(readFileSync(join(folder, ".dev.vars"), "utf8")) ?? [];
      assert.ok(secret, `${example}: .dev.vars has a secret`);
      secrets.add(secret);
    }
  }
  assert.equal(secrets.size, 2 * workers.length);
});

test("create, wrong arguments: fails with a reason, and writes nothing", () => {
  const full = join(scratch, "full");
  mkdirSync(full);
  writeFileSync(join(full, "file"), "");
  const cases = [
    { args: [], message: /Usage/ },
    { args: ["bun"], message: /Usage/ },
    { args: ["no-such", join(scratch, "none")], message: /no example no-such: choose one of bun, / },
    { args: ["bun", full], message: /is not empty/ },
    { args: ["bun", join(scratch, "none"), "--odd"], message: /--odd/ },
  ];
  for (const { args, message } of cases) {
    const { status, stderr } = create(...args);
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
  assert.deepEqual(readdirSync(full), ["file"]);
  assert.ok(!readdirSync(scratch).includes("none"));
});
