// Builds the npm package: crate -> wasm -> glue -> minified JavaScript with types -> sizes, checked against their limits. Does nothing if nothing changed.
// Usage, with .cache/env.sh sourced: node scripts/package.mjs [--out DIR] [--features LIST] [--types]
//   --features  cargo features, for builds that tests need; sizes are then printed and not checked
//   --types     check the types only
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
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
// The inputs of the build. target/wasm/.toolchain identifies the compiler.
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
// Parts of the template that serve the build alone.
const TEMPLATE_ONLY = ["src", "tsconfig.json", "node_modules"];
const BINDGEN_FLAGS = [
  "--target",
  "web",
  // No new URL("x.wasm", import.meta.url) in the glue: it breaks workerd and makes bundlers emit a second copy of the wasm.
  "--omit-default-module-path",
  // Adds __wbg_reset_state(), which replaces the instance after a trap.
  "--experimental-reset-state-function",
  "--remove-name-section",
  "--remove-producers-section",
];
// With opt-level 2, smaller and faster than opt-level "z": only what shrinks is inlined.
const RUSTFLAGS = ["-Cllvm-args=-inline-threshold=10"];
// wasm-opt refuses code with features that are not enabled, and must not use newer ones: these are rustc's for wasm32.
const WASM_OPT_FLAGS = [
  "-Oz",
  // rustc puts the stack first, so no address is below 1024, and offsets can be folded into loads and stores.
  "--low-memory-unused",
  // Functions with one caller stay functions unless they are tiny: similar code compresses better.
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
  // Names with hashes do not compress. Prints the new name of each.
  "--minify-imports-and-exports-and-modules",
];
const ESBUILD = {
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  legalComments: "none",
  chunkNames: "shared-[hash]",
};
// Minifies esbuild's output once more.
const TERSER = { module: true, ecma: 2022 };

const root = resolve(import.meta.dirname, "..");
const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: "pkg" },
    features: { type: "string", default: "" },
    types: { type: "boolean", default: false },
  },
});
const out = resolve(root, options.out);
const template = join(root, "pkg-template");
const work = join(root, ".cache/package", options.features || "default");
const glue = join(work, "glue");
const run = (command, args, env = {}) =>
  execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } });
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}

function hashOf(paths, ...more) {
  const hash = createHash("sha256").update(JSON.stringify(more));
  for (const path of paths.flatMap((path) => filesUnder(resolve(root, path))))
    hash.update(`\0${relative(root, path)}\0`).update(readFileSync(path));
  return hash.digest("hex");
}

/** Runs `build` unless its last success had the same inputs. Returns its result. */
async function unlessUnchanged(name, inputs, isThere, build) {
  const stamp = join(work, `${name}.json`);
  const hash = hashOf(inputs, name, out, options.features, rustEnv());
  const last = existsSync(stamp) ? readJson(stamp) : undefined;
  if (last?.hash === hash && isThere()) return last.result;
  rmSync(stamp, { force: true });
  const result = (await build()) ?? null;
  writeFileSync(stamp, JSON.stringify({ hash, result }));
  return result;
}

/** Cargo's environment: flags, and the compiler whose std is built for size, if set-up made one. */
function rustEnv() {
  const { CARGO_ENCODED_RUSTFLAGS: given, PACKAGE_RUSTC: RUSTC, PACKAGE_RUSTFLAGS: sizeFlags } = process.env;
  const flags = [...(given ? given.split("\x1f") : []), ...RUSTFLAGS, ...(RUSTC ? sizeFlags.split(" ") : [])];
  return { CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"), ...(RUSTC && { RUSTC, RUSTC_BOOTSTRAP: "1" }) };
}

/** Builds the crate into core.wasm and glue.js with their types, in the work folder. */
function buildGlue() {
  const features = ["--features", ["npm", ...(options.features ? [options.features] : [])].join()];
  run(
    "cargo",
    // The crate is a plain library, which programs can link. Only the package builds a module.
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
  leaveOutGuards(join(glue, "glue.js"));
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

/** Removes each method's check that its object's instance is current: `Core` in core/core.ts has made it before. */
function leaveOutGuards(path) {
  const guard =
    /if \(this\.__wbg_inst !== undefined && this\.__wbg_inst !== __wbg_instance_id\) \{\s+throw new Error\('Invalid stale object from previous Wasm instance'\);\s+\}/g;
  const js = readFileSync(path, "utf8");
  if (!guard.test(js)) throw new Error("wasm-bindgen's glue does not guard its objects: see leaveOutGuards");
  writeFileSync(path, js.replace(guard, ""));
}

/** Replaces the names that wasm-opt changed, and exports the memory. */
function useShortNames(path, { imports, exports }) {
  const modules = new Set(imports.map(([module]) => module));
  if (modules.size !== 1)
    throw new Error(`wasm-bindgen's glue imports from ${modules.size} modules instead of one: see useShortNames`);
  let js = readFileSync(path, "utf8");
  const replace = (from, to) => {
    if (!js.includes(from)) throw new Error(`wasm-bindgen's glue does not hold ${from}: see useShortNames`);
    js = js.replaceAll(from, to);
  };
  replace(JSON.stringify([...modules][0]), '"a"');
  for (const [, name, short] of imports) replace(`        ${name}:`, `        ${short}:`);
  for (const [name, short] of exports) js = js.replace(new RegExp(`\\bwasm\\.${name}\\b`, "g"), `wasm.${short}`);
  const memory = exports.find(([name]) => name === "memory")[1];
  writeFileSync(path, `${js}export const linearMemory = () => wasm.${memory};\n`);
  appendFileSync(path.replace(/js$/, "d.ts"), "\nexport function linearMemory(): WebAssembly.Memory;\n");
}

/** Checks the sources together with the generated types. Writes declarations to `declarationDir` if it is given. */
function compileTypes(declarationDir) {
  const src = join(template, "src");
  const emit = declarationDir
    ? { declaration: true, emitDeclarationOnly: true, outDir: declarationDir, noEmit: false }
    : { noEmit: true };
  // With rootDirs, the generated files are next to the sources, as in the package.
  const compilerOptions = {
    strict: true,
    allowArbitraryExtensions: true,
    rootDir: src,
    rootDirs: [src, glue],
    typeRoots: [join(root, "node_modules/@types")],
    ...emit,
  };
  const config = join(work, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ extends: join(template, "tsconfig.json"), compilerOptions, include: [src] }));
  run("tsc", ["-p", config]);
}

/** Bundles every entry of src/entry/, with shared chunks. */
async function bundle(to) {
  const { build } = await import("esbuild");
  const src = join(template, "src");
  const entryPoints = readdirSync(join(src, "entry"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(src, "entry", name));
  const generated = {
    name: "generated",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.\/glue\.js$/ }, () => ({ path: join(glue, "glue.js") }));
      // Stays a file of its own. The path is kept as written, so only an entry, whose folder is the same, may import it.
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
  for (const path of filesUnder(to).filter((path) => path.endsWith(".js")))
    writeFileSync(path, (await minify(readFileSync(path, "utf8"), TERSER)).code);
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

  const gzipBytes = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
  // A worker loads one entry and the shared chunks. Inlined wasm counts as wasm. Shared chunks of other entries count, too.
  const inFolder = (folder) =>
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
  const sizes = await unlessUnchanged("package", INPUTS, () => existsSync(join(out, "package.json")), buildPackage);
  const line = (name, bytes, max) =>
    `  ${name.padEnd(11)} ${String(bytes).padStart(6)} bytes gzip, limit ${max}${bytes > max ? "  TOO LARGE" : ""}`;
  console.log(`package: ${relative(root, out)}/`);
  const std = process.env.PACKAGE_RUSTC
    ? ""
    : ", with the prebuilt std: there is none built for size (rm .cache/setup.stamp; make setup says why)";
  console.log(line("wasm", sizes.wasm, WASM_GZIP_MAX_BYTES) + std);
  console.log(line("JavaScript", sizes.js, JS_GZIP_MAX_BYTES));
  // With the prebuilt std the package serves tests and is not published, so its wasm may be larger.
  const isLarge = (sizes.wasm > WASM_GZIP_MAX_BYTES && process.env.PACKAGE_RUSTC) || sizes.js > JS_GZIP_MAX_BYTES;
  if (!options.features && isLarge) throw new Error("the package is larger than its limits");
}

main().catch((error) => {
  // A failed tool has already reported its error.
  console.error(`package: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
});
