// The documents' commands: each names a target, script, test, example, feature or file that exists.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { blocksOf, DOCUMENTS, proseOf, root, spansOf } from "./documents.mjs";

const text = (/** @type {string} */ path) => readFileSync(join(root, path), "utf8");
const exists = (/** @type {string} */ path) => existsSync(join(root, path));
const MAKEFILE = text("Makefile");
const CARGO = text("Cargo.toml");
const TARGETS = [...MAKEFILE.matchAll(/^([a-z-]+):/gm)].map(([, target]) => target);
/** Where a variable that a command sets may be read. */
const READERS = [
  MAKEFILE,
  ...["scripts", "tests", "benches", "src/store", "www"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(sh|mjs|rs)$/.test(name) && !name.includes("node_modules"))
      .map((name) => text(join(folder, name))),
  ),
].join("\n");

const features = (/** @type {string} */ list) =>
  list.split(",").every((feature) => new RegExp(`^${feature} = \\[`, "m").test(CARGO));
const namedIn = (/** @type {string} */ table, /** @type {string} */ name) =>
  CARGO.includes(`[[${table}]]\nname = "${name}"`);

/** Cargo's options that name something, and whether it exists. @type {Record<string, (name: string) => boolean>} */
const CARGO_NAMES = {
  "--test": (name) => exists(`tests/${name}/main.rs`) || namedIn("test", name),
  "--example": (name) => exists(`examples/${name}.rs`) || exists(`examples/${name}/main.rs`),
  "--bench": (name) => exists(`benches/${name}.rs`),
  "--features": features,
};

/** @param {string[]} words @param {string} folder the document's */
function isCargo([subcommand = "", ...rest], folder) {
  if (!["add", "bench", "deny", "doc", "publish", "run", "test"].includes(subcommand)) return false;
  if (subcommand === "add") return rest.every((word) => word === "--path" || CARGO.includes(`name = "${word}"`));
  return rest.every((word, at) => {
    const names = CARGO_NAMES[word];
    return names === undefined || names(rest[at + 1] ?? "") || folder === "";
  });
}

/** A script of the package.json beside the document. @param {string} folder @param {string | undefined} name */
const isScript = (folder, name = "") => {
  const manifest = join(folder, "package.json");
  const tasks = join(folder, "deno.json");
  const { scripts = {} } = exists(manifest) ? JSON.parse(text(manifest)) : {};
  return Object.hasOwn(scripts, name) || (exists(tasks) && text(tasks).includes(`"${name}"`));
};

/** Whether a command names only things that exist; undefined: not one of ours. @param {string} command @param {string} path the document's */
function isRight(command, path) {
  const folder = dirname(path) === "." ? "." : dirname(path);
  const words = command.trim().split(/\s+/);
  while (/^[A-Z_]+=/.test(words[0] ?? "")) {
    const [name = ""] = (words.shift() ?? "").split("=");
    const readers = folder.startsWith("examples/")
      ? readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
          .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
          .map((file) => text(join(folder, file)))
          .join("\n")
      : READERS;
    if (!new RegExp(`\\b${name}\\b`).test(readers)) return false;
  }
  const [program, ...rest] = words;
  switch (program) {
    case "make":
      return rest.every((word) =>
        /^[A-Z]+=/.test(word) ? READERS.includes(word.split("=")[0] ?? "") : TARGETS.includes(word),
      );
    case "cargo":
      return isCargo(rest, folder);
    case "node": {
      const file = rest.find((word) => !word.startsWith("-")) ?? "";
      const [example] = file.endsWith("create.mjs") ? rest.slice(rest.indexOf(file) + 1) : [];
      // A pattern stands for the files of its folder.
      return (
        exists(file.includes("*") ? dirname(file) : file) &&
        (example === undefined || exists(`examples/${example}/package.json`))
      );
    }
    case "wasm-pack":
      return rest[0] === "test" && text("scripts/lib.sh").includes("wasm_pack");
    case "npm":
    case "bun":
    case "deno": {
      const [verb = "", name] = rest;
      if (program === "npm" && ["audit", "publish"].includes(verb)) return true;
      if (verb === "install") return name === undefined || name === JSON.parse(text("pkg-template/package.json")).name;
      return isScript(folder, verb === "run" || verb === "task" ? name : verb);
    }
    default:
      return undefined;
  }
}

/** A line of a shell block as commands, without its comment. @param {string} line */
const commandsIn = (line) =>
  line
    .replace(/(^|\s+)#.*$/, "")
    .split("&&")
    .map((command) => command.trim())
    .filter((command) => command !== "");

for (const path of DOCUMENTS) {
  test(`${path}: every command in a shell block, names things that exist`, () => {
    const wrong = blocksOf(path)
      .filter(({ language }) => language === "sh")
      .flatMap(({ code }) => code.split("\n").flatMap(commandsIn))
      .filter((command) => !isRight(command, path));
    assert.deepEqual(wrong, []);
  });
}

const everywhere = DOCUMENTS.flatMap((path) => spansOf(path).map((span) => ({ path, span })));
const listed = (/** @type {typeof everywhere} */ spans) => spans.map(({ path, span }) => `${path}: ${span}`);

test("commands in the text: all documents, name things that exist", () => {
  const ours = everywhere.filter(({ span }) => /^(make|cargo|node|npm) [\w-]/.test(span));
  assert.deepEqual(listed(ours.filter(({ span }) => !isRight(span, "README.md"))), []);
  const hasWrangler = existsSync(join(root, "node_modules/.bin/wrangler"));
  assert.ok(hasWrangler || everywhere.every(({ span }) => !span.startsWith("wrangler ")));
});

test("paths in the text: all documents but the changelog, exist", () => {
  const path = /^(src|tests|docs|examples|scripts|pkg-template|harness|fuzz|benches|www)\/[\w./-]*$/;
  const paths = everywhere.filter(({ path: of, span }) => of !== "CHANGELOG.md" && path.test(span));
  assert.deepEqual(listed(paths.filter(({ span }) => !exists(span))), []);
});

test("make targets: every one in the Makefile, is in CONTRIBUTING.md or only serves another", () => {
  const serving = ["help", "setup", "demo", "clean"];
  const documented = `${proseOf("CONTRIBUTING.md")}${blocksOf("CONTRIBUTING.md").map(({ code }) => code)}`;
  const others = TARGETS.filter((target) => !serving.includes(target ?? ""));
  assert.deepEqual(
    others.filter((target) => !documented.includes(`make ${target}`)),
    [],
  );
});
