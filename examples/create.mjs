// Copies an example to a new folder, as a separate project that depends on the package built in this clone (`make package`).
// A Worker's copy gets a `.dev.vars` with random secrets for `wrangler dev`.
// Usage: node examples/create.mjs EXAMPLE FOLDER [--published]
//   --published  depend on the published package
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";

/** Files that an example's commands create in its folder. */
const LEFTOVERS = new Set(["node_modules", ".wrangler", ".dev.vars", "worker-configuration.d.ts"]);

const here = import.meta.dirname;
const built = resolve(here, "../pkg");
const examples = readdirSync(here).filter((name) => existsSync(join(here, name, "package.json")));

/** @param {string | undefined} example @param {string | undefined} folder @param {boolean} isPublished */
function create(example, folder, isPublished) {
  if (!example || !folder) throw new Error("Usage: node examples/create.mjs EXAMPLE FOLDER [--published]");
  if (!examples.includes(example))
    throw new Error(`There is no example ${example}: choose one of ${examples.join(", ")}.`);
  const target = resolve(folder);
  if (existsSync(target) && readdirSync(target).length > 0)
    throw new Error(`${target} is not empty: choose a new folder.`);
  if (!isPublished && !existsSync(join(built, "package.json")))
    throw new Error("The package is not built: run `make package` first, or add --published.");

  const from = join(here, example);
  cpSync(from, target, { recursive: true, filter: (path) => !LEFTOVERS.has(relative(from, path)) });
  if (!isPublished) dependOnBuilt(target);
  createSecrets(target);
  const commands = /```sh\n([\s\S]*?)```/.exec(readFileSync(join(target, "README.md"), "utf8"))?.[1] ?? "";
  console.log(`Created ${target}. Next:\n\ncd ${relative(process.cwd(), target) || "."}\n${commands}`);
}

/**
 * Packs the built package into the folder, and makes its package.json depend on the tarball.
 * @param {string} target
 */
function dependOnBuilt(target) {
  const pack = ["pack", built, "--loglevel=error", "--pack-destination", target];
  const filename = execFileSync("npm", pack, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  const path = join(target, "package.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  manifest.dependencies["geecache-edge"] = `file:${filename}`;
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Copies `.dev.vars.example`, if there is one, to `.dev.vars` with a random value for each variable.
 * @param {string} target
 */
function createSecrets(target) {
  const template = join(target, ".dev.vars.example");
  if (!existsSync(template)) return;
  const secrets = readFileSync(template, "utf8").replace(
    /^(\w+)=.*$/gm,
    (_, name) => `${name}=${randomBytes(32).toString("base64url")}`,
  );
  writeFileSync(join(target, ".dev.vars"), secrets, { mode: 0o600 });
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { published: { type: "boolean", default: false } },
  });
  create(positionals[0], positionals[1], values.published);
} catch (error) {
  console.error(`create: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
