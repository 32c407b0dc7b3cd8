// Builds the npm package: crate -> wasm -> glue -> minified JavaScript with types. Prints the sizes and fails above their limits.
// Skips each part whose inputs have not changed.
// Usage, with .cache/env.sh sourced: node scripts/package.mjs [--out DIR] [--features LIST] [--types | --docs DIR]
//   --features  extra cargo features, for builds that only tests use; their sizes have no limit
//   --types     only check the types
//   --docs      only write the API reference, by TypeDoc, into DIR; warnings are errors
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const WASM_GZIP_MAX_BYTES = 52 * 1024;
const JS_GZIP_MAX_BYTES = 11 * 1024;
const CRATE = "geecache_edge";
// The inputs of the build. setup writes the compiler's version into target/wasm/.toolchain.
const INPUTS = [
  "Cargo.toml",
  "Cargo.lock",
  "src",
  "pkg-template",
  "scripts/package.mjs",
  "package-lock.json",
  "LICENSE",
  "target/wasm/.toolchain",
];
// Parts of the template that only the build needs.
const TEMPLATE_ONLY = ["src", "tsconfig.json", "node_modules"];
// Entry points of the API reference. Every runtime's entry has the exports of index.ts.
const DOCUMENTED = ["index.ts", "entry/slim.ts", "entry/testing.ts", "entry/observe.ts"];
const BINDGEN_FLAGS = [
  "--target",
  "web",
  // Without it the glue holds `new URL("x.wasm", import.meta.url)`, which breaks workerd and makes bundlers emit a second copy of
  // the wasm.
  "--omit-default-module-path",
  // Adds __wbg_reset_state(), which replaces the instance after a trap.
  "--experimental-reset-state-function",
  "--remove-name-section",
  "--remove-producers-section",
];
// With opt-level 2 this is smaller and faster than opt-level "z": LLVM inlines only where the code shrinks.
const RUSTFLAGS = ["-Cllvm-args=-inline-threshold=10"];
// The --enable flags are the features that rustc enables for wasm32: wasm-opt rejects code that uses others, and must not add any.
const WASM_OPT_FLAGS = [
  "-Oz",
  // Addresses below 1024 are the far end of the stack, which rustc puts first, so offsets may be folded into loads and stores.
  "--low-memory-unused",
  // Inlines a function with one caller only if it is tiny: similar code side by side compresses better.
  "--one-caller-inline-max-function-size",
  "50",
  "--enable-bulk-memory",
  "--enable-bulk-memory-opt",
  "--enable-multivalue",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-reference-types",
  "--enable-sign-ext",
  "--strip-debug",
  "--strip-producers",
  "--strip-target-features",
  // The names hold hashes, which gzip cannot compress. Prints the old and new names.
  "--minify-imports-and-exports-and-modules",
];
/** @satisfies {import("esbuild").BuildOptions} */
const ESBUILD = /** @type {const} */ ({
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  legalComments: "none",
  chunkNames: "shared-[hash]",
});
// A second pass over the output of esbuild still makes it smaller.
const TERSER = /** @type {const} */ ({ module: true, ecma: 2022 });

/**
 * wasm-opt's table of renamed imports and exports.
 * @typedef {{ imports: [module: string, name: string, short: string][], exports: [name: string, short: string][] }} Renamed
 */

const root = resolve(import.meta.dirname, "..");
const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: "pkg" },
    features: { type: "string", default: "" },
    types: { type: "boolean", default: false },
    docs: { type: "string" },
  },
});
const out = resolve(root, options.out);
const template = join(root, "pkg-template");
const work = join(root, ".cache/package", options.features || "default");
const glue = join(work, "glue");

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env */
const run = (command, args, env = {}) =>
  execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } });
/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/** @param {string} path @returns {string[]} */
function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}

/** @param {string[]} paths @param {unknown[]} more */
function hashOf(paths, ...more) {
  const hash = createHash("sha256").update(JSON.stringify(more));
  for (const path of paths.flatMap((path) => filesUnder(resolve(root, path))))
    hash.update(`\0${relative(root, path)}\0`).update(readFileSync(path));
  return hash.digest("hex");
}

/**
 * Runs `build` unless the last successful run had the same inputs, and returns its result.
 * @template T
 * @param {string} name @param {string[]} inputs @param {() => boolean} isThere @param {() => T | Promise<T>} build
 * @returns {Promise<T>}
 */
async function unlessUnchanged(name, inputs, isThere, build) {
  const stamp = join(work, `${name}.json`);
  const hash = hashOf(inputs, name, out, options.features, rustEnv());
  const last = existsSync(stamp) ? readJson(stamp) : undefined;
  if (last?.hash === hash && isThere()) return last.result;
  rmSync(stamp, { force: true });
  const result = await build();
  writeFileSync(stamp, JSON.stringify({ hash, result }));
  return result;
}

/** Environment of cargo: flags, and the compiler whose std is built for size if setup could build one. */
function rustEnv() {
  const { CARGO_ENCODED_RUSTFLAGS: given, PACKAGE_RUSTC: RUSTC, PACKAGE_RUSTFLAGS: sizeFlags = "" } = process.env;
  const flags = [...(given ? given.split("\x1f") : []), ...RUSTFLAGS, ...(RUSTC ? sizeFlags.split(" ") : [])];
  return { CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"), ...(RUSTC && { RUSTC, RUSTC_BOOTSTRAP: "1" }) };
}

/** Builds the crate into core.wasm and glue.js with their types, in the work folder. */
function buildGlue() {
  const features = ["--features", ["npm", ...(options.features ? [options.features] : [])].join()];
  run(
    "cargo",
    // The crate is a plain library that programs link. Only the package needs a wasm module.
    [
      "rustc",
      "--quiet",
      "--locked",
      "--release",
      "--lib",
      "--crate-type",
      "cdylib",
      "--target",
      "wasm32-unknown-unknown",
      ...features,
    ],
    rustEnv(),
  );
  const built = join(
    process.env.CARGO_TARGET_DIR ?? join(root, "target"),
    "wasm32-unknown-unknown/release",
    `${CRATE}.wasm`,
  );
  rmSync(glue, { recursive: true, force: true });
  run("wasm-bindgen", [...BINDGEN_FLAGS, "--out-name", "glue", "--out-dir", glue, built]);
  const renamed = JSON.parse(
    execFileSync("wasm-opt", [...WASM_OPT_FLAGS, join(glue, "glue_bg.wasm"), "-o", join(glue, "core.wasm")], {
      cwd: root,
      encoding: "utf8",
    }),
  );
  for (const name of ["glue_bg.wasm", "glue_bg.wasm.d.ts"]) rmSync(join(glue, name), { force: true });
  removeInstanceChecks(join(glue, "glue.js"));
  useShortNames(join(glue, "glue.js"), renamed);
  writeFileSync(join(glue, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(glue, "core.d.wasm.ts"), "declare const module: WebAssembly.Module;\nexport default module;\n");
  writeFileSync(
    join(glue, "core-inline.js"),
    `export default ${JSON.stringify(readFileSync(join(glue, "core.wasm")).toString("base64"))};\n`,
  );
  writeFileSync(
    join(glue, "core-inline.d.ts"),
    "/** core.wasm in base64. */\ndeclare const base64: string;\nexport default base64;\n",
  );
}

/**
 * Removes the check in each method that its object's instance is current: `Core` in core/core.ts has checked it already.
 * @param {string} path
 */
function removeInstanceChecks(path) {
  const guard =
    /if \(this\.__wbg_inst !== undefined && this\.__wbg_inst !== __wbg_instance_id\) \{\s+throw new Error\('Invalid stale object from previous Wasm instance'\);\s+\}/g;
  const js = readFileSync(path, "utf8");
  if (!guard.test(js)) throw new Error("wasm-bindgen's glue has no instance checks: see removeInstanceChecks");
  writeFileSync(path, js.replace(guard, ""));
}

/**
 * Replaces the names that wasm-opt shortened, and exports the linear memory.
 * @param {string} path @param {Renamed} renamed
 */
function useShortNames(path, { imports, exports }) {
  const modules = new Set(imports.map(([module]) => module));
  if (modules.size !== 1)
    throw new Error(`wasm-bindgen's glue imports from ${modules.size} modules instead of one: see useShortNames`);
  let js = readFileSync(path, "utf8");
  /** @param {string} from @param {string} to */
  const replace = (from, to) => {
    if (!js.includes(from)) throw new Error(`wasm-bindgen's glue does not contain ${from}: see useShortNames`);
    js = js.replaceAll(from, to);
  };
  replace(JSON.stringify([...modules][0]), '"a"');
  for (const [, name, short] of imports) replace(`        ${name}:`, `        ${short}:`);
  for (const [name, short] of exports) js = js.replace(new RegExp(`\\bwasm\\.${name}\\b`, "g"), `wasm.${short}`);
  const memory = exports.find(([name]) => name === "memory")?.[1];
  if (!memory) throw new Error("wasm-bindgen's glue exports no memory: see useShortNames");
  writeFileSync(path, `${js}export const linearMemory = () => wasm.${memory};\n`);
  appendFileSync(path.replace(/js$/, "d.ts"), "\nexport function linearMemory(): WebAssembly.Memory;\n");
}

/**
 * Writes a tsconfig.json that joins the sources and the generated types, and returns its path.
 * @param {string} name @param {object} emit
 */
function writeTsconfig(name, emit) {
  const src = join(template, "src");
  const compilerOptions = {
    strict: true,
    allowArbitraryExtensions: true,
    rootDir: src,
    // The package has the generated files beside the compiled sources.
    rootDirs: [src, glue],
    typeRoots: [join(root, "node_modules/@types")],
    ...emit,
  };
  const path = join(work, name);
  writeFileSync(path, JSON.stringify({ extends: join(template, "tsconfig.json"), compilerOptions, include: [src] }));
  return path;
}

/**
 * Checks the types of the sources, and writes their declarations into a folder if one is given.
 * @param {string} [declarationDir]
 */
function compileTypes(declarationDir) {
  const emit = declarationDir
    ? { declaration: true, emitDeclarationOnly: true, outDir: declarationDir, noEmit: false }
    : { noEmit: true };
  run("tsc", ["-p", writeTsconfig("tsconfig.json", emit)]);
}

/**
 * Writes the API reference of the entry points that users import.
 * @param {string} to
 */
function writeDocs(to) {
  const src = join(template, "src");
  const config = join(work, "typedoc.json");
  const typedoc = {
    name: "geecache-edge",
    tsconfig: writeTsconfig("tsconfig.docs.json", { noEmit: true }),
    basePath: src,
    entryPoints: DOCUMENTED.map((path) => join(src, path)),
    readme: join(template, "README.md"),
    out: resolve(root, to),
    treatWarningsAsErrors: true,
    // Links into a repository need one with a remote.
    disableSources: true,
    excludeInternal: true,
    // index.ts exports it under its own name, with its documentation.
    intentionallyNotExported: ["core/protocol.ts:ErrorCode"],
    logLevel: "Warn",
  };
  writeFileSync(config, JSON.stringify(typedoc));
  run("typedoc", ["--options", config]);
}

/**
 * Bundles every entry in src/entry/, with their common code in shared chunks.
 * @param {string} to
 */
async function bundle(to) {
  const { build } = await import("esbuild");
  const src = join(template, "src");
  const entryPoints = readdirSync(join(src, "entry"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(src, "entry", name));
  /** @type {import("esbuild").Plugin} */
  const generated = {
    name: "generated",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.\/glue\.js$/ }, () => ({ path: join(glue, "glue.js") }));
      // These stay files. Their path is not rewritten, so only entries, which keep their relative place, may import them.
      onResolve({ filter: /^\.\.\/core(-inline\.js|\.wasm)$/ }, ({ path }) => ({ path, external: true }));
    },
  };
  await build({
    ...ESBUILD,
    entryPoints,
    outbase: src,
    outdir: to,
    external: ["node:*", "cloudflare:*"],
    plugins: [generated],
  });
  const { minify } = await import("terser");
  for (const path of filesUnder(to).filter((path) => path.endsWith(".js"))) {
    const { code } = await minify(readFileSync(path, "utf8"), TERSER);
    if (code === undefined) throw new Error(`terser made nothing of ${relative(to, path)}`);
    writeFileSync(path, code);
  }
}

async function buildPackage() {
  const next = `${out}.new`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  compileTypes(next);
  await bundle(next);
  for (const name of readdirSync(template).filter((name) => !TEMPLATE_ONLY.includes(name)))
    cpSync(join(template, name), join(next, name), { recursive: true });
  for (const name of ["core.wasm", "glue.d.ts", "core-inline.js"]) cpSync(join(glue, name), join(next, name));
  if (existsSync(join(root, "LICENSE"))) cpSync(join(root, "LICENSE"), join(next, "LICENSE"));

  const crateVersion = /^version = "(.*)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))?.[1];
  const { version } = readJson(join(next, "package.json"));
  if (version !== crateVersion)
    throw new Error(
      `pkg-template/package.json says version ${version}, Cargo.toml says ${crateVersion}: make them the same`,
    );

  const gzipBytes = (/** @type {string} */ path) => gzipSync(readFileSync(path), { level: 9 }).length;
  // A worker loads one entry and the shared chunks. The inlined wasm counts as wasm, not as JavaScript.
  const inFolder = (/** @type {string} */ folder) =>
    filesUnder(folder)
      .filter((path) => path.endsWith(".js") && !path.endsWith("core-inline.js"))
      .map(gzipBytes);
  const shared =
    inFolder(next).reduce((sum, bytes) => sum + bytes, 0) -
    inFolder(join(next, "entry")).reduce((sum, bytes) => sum + bytes, 0);
  const entry = Math.max(
    ...["inline", "node", "slim", "workerd"].map((name) => gzipBytes(join(next, "entry", `${name}.js`))),
  );
  const sizes = { wasm: gzipBytes(join(next, "core.wasm")), js: shared + entry };
  rmSync(out, { recursive: true, force: true });
  renameSync(next, out);
  return sizes;
}

async function main() {
  mkdirSync(work, { recursive: true });
  const crateInputs = INPUTS.filter((path) => path !== "pkg-template");
  await unlessUnchanged("glue", crateInputs, () => existsSync(join(glue, "core-inline.js")), buildGlue);
  if (options.types) return compileTypes();
  if (options.docs) return writeDocs(options.docs);
  const sizes = await unlessUnchanged("package", INPUTS, () => existsSync(join(out, "package.json")), buildPackage);
  /** @param {string} part @param {number} bytes @param {number} max */
  const line = (part, bytes, max) =>
    `  ${part.padEnd(11)} ${String(bytes).padStart(6)} bytes gzip, limit ${max}${bytes > max ? "  TOO LARGE" : ""}`;
  console.log(`package: ${relative(root, out)}/`);
  const std = process.env.PACKAGE_RUSTC
    ? ""
    : ", with the prebuilt std: no std for size was built (for the reason: rm .cache/setup.stamp; make setup)";
  console.log(line("wasm", sizes.wasm, WASM_GZIP_MAX_BYTES) + std);
  console.log(line("JavaScript", sizes.js, JS_GZIP_MAX_BYTES));
  // With the prebuilt std the package is good enough for tests, but not for publishing.
  const isLarge = (sizes.wasm > WASM_GZIP_MAX_BYTES && process.env.PACKAGE_RUSTC) || sizes.js > JS_GZIP_MAX_BYTES;
  if (!options.features && isLarge) throw new Error("the package is larger than its limits");
}

main().catch((error) => {
  // A failed tool has printed the reason already.
  console.error(`package: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
});
