// Copies an example to a new folder, as a project of its own that depends on the package built in this clone (`make package`).
// Usage: node examples/create.mjs EXAMPLE FOLDER [--published]
//   --published  depend on the package in the registry
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";

/** Files that running an example leaves in its folder. */
const LEFTOVERS = new Set(["node_modules", ".wrangler", ".dev.vars", "worker-configuration.d.ts"]);

const here = import.meta.dirname;
const built = resolve(here, "../pkg");
const examples = readdirSync(here).filter((name) => existsSync(join(here, name, "package.json")));

function create(example, folder, isPublished) {
  if (!example || !folder) throw new Error("Usage: node examples/create.mjs EXAMPLE FOLDER [--published]");
  if (!examples.includes(example))
    throw new Error(`There is no example ${example}: take one of ${examples.join(", ")}.`);
  const target = resolve(folder);
  if (existsSync(target) && readdirSync(target).length > 0)
    throw new Error(`${target} is not empty: name a new folder.`);
  if (!isPublished && !existsSync(join(built, "package.json")))
    throw new Error("There is no package to put beside it: run `make package` first, or give --published.");

  const from = join(here, example);
  cpSync(from, target, { recursive: true, filter: (path) => !LEFTOVERS.has(relative(from, path)) });
  if (!isPublished) dependOnBuilt(target);
  const [, commands] = /```sh\n([\s\S]*?)```/.exec(readFileSync(join(target, "README.md"), "utf8"));
  console.log(`Made ${target}. Next:\n\ncd ${relative(process.cwd(), target) || "."}\n${commands}`);
}

/** Packs the built package into the folder, and makes its package.json depend on the tarball. */
function dependOnBuilt(target) {
  const pack = ["pack", built, "--loglevel=error", "--pack-destination", target];
  const filename = execFileSync("npm", pack, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  const path = join(target, "package.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  manifest.dependencies["geecache-edge"] = `file:${filename}`;
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { published: { type: "boolean", default: false } },
  });
  create(positionals[0], positionals[1], values.published);
} catch (error) {
  console.error(`create: ${error.message}`);
  process.exitCode = 1;
}
