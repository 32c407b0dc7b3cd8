// Programs link the crate: a Rust Worker with the newest `worker` and an allocator of its own, and a WASI program.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const targetDir = join(root, "target/library");

/** Why nothing can be built for a target, or false. @param {string} target */
function missing(target) {
  const folder = execFileSync("rustc", ["--print", "target-libdir", "--target", target], { encoding: "utf8" }).trim();
  return existsSync(folder) ? false : `this compiler has no ${target}: rustup target add ${target}`;
}

/** Builds a program and returns its file. @param {string} program @param {string} target @param {string} file */
function build(program, target, file) {
  const manifest = join(root, "tests/library", program, "Cargo.toml");
  const args = [
    "build",
    "--quiet",
    "--locked",
    "--target",
    target,
    "--manifest-path",
    manifest,
    "--target-dir",
    targetDir,
  ];
  execFileSync("cargo", args, { stdio: ["ignore", "inherit", "inherit"] });
  return readFileSync(join(targetDir, target, "debug", file));
}

const unknown = "wasm32-unknown-unknown";
test("Rust Worker: links the crate, exports nothing of the npm package", { skip: missing(unknown) }, () => {
  const worker = new WebAssembly.Module(build("worker", unknown, "rust_worker.wasm"));
  const exports = WebAssembly.Module.exports(worker).map(({ name }) => name);
  assert.ok(
    exports.some((name) => name.startsWith("fetch_")),
    "the Worker's own handler is exported",
  );
  const ours = exports.filter((name) => /^(__wbindgen_describe_)?(core_|__wbg_core_)/.test(name));
  assert.deepEqual(ours, []);
});

const wasi = "wasm32-wasip2";
test("WASI program: links the crate without JavaScript", { skip: missing(wasi) }, () => {
  const program = build("wasip2", wasi, "wasi-program.wasm").toString("latin1");
  assert.ok(program.includes("wasi:cli/"), "it is a WASI component");
  assert.ok(!/wbindgen|__wbg_/.test(program), "nothing in it is wasm-bindgen's");
});
