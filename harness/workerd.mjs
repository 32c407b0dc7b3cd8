// Workers in real workerd: their bundles, their configuration, their process. A peer is one worker in a process of its own.
import { mkdir, mkdtemp, readdir, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @type {{ default: string }} the path of the program */
const workerd = createRequire(import.meta.url)("workerd");

const PACKAGE_FOLDER = fileURLToPath(new URL("../pkg/", import.meta.url));
const WORKER = fileURLToPath(new URL("../www/worker.js", import.meta.url));
const COMPATIBILITY_DATE = "2026-04-01";

/**
 * What a worker runs with.
 * @typedef {object} WorkerOptions
 * @property {string} [worker] file of the worker's entry module; default: the demo's
 * @property {(peer: import("./cluster.mjs").PeerPlace) => Record<string, unknown>} [bindings] what is in its `env`:
 *   strings as they are, everything else as JSON; default: SELF, PEERS and ORIGIN
 * @property {string} [packageFolder] where the built `geecache-edge` lies; default: `pkg/`
 * @property {string} [compatibilityDate] default: "2026-04-01"
 * @property {string[]} [compatibilityFlags] default: none
 */

/**
 * A kind of peer for `startCluster`: a worker in a workerd process of its own. Bundled once for all such peers of a cluster.
 * @param {WorkerOptions} [options]
 * @returns {import("./cluster.mjs").PeerKind}
 */
export function workerdPeer({
  worker = WORKER,
  bindings = ({ self, peers, origin }) => ({ SELF: self, PEERS: peers, ORIGIN: origin }),
  packageFolder = PACKAGE_FOLDER,
  compatibilityDate = COMPATIBILITY_DATE,
  compatibilityFlags = [],
} = {}) {
  /** @type {WeakMap<import("./processes.mjs").ProcessGroup, Promise<string>>} the folder of each cluster's bundle */
  const bundles = new WeakMap();
  return async (place) => {
    const { processes, letter, port } = place;
    const bundled = bundles.get(processes) ?? bundle(worker, packageFolder, processes.folder);
    bundles.set(processes, bundled);
    const service = { folder: await bundled, port, bindings: bindings(place), compatibilityDate, compatibilityFlags };
    return (await startWorkerd(processes, `peer ${letter} (workerd)`, { [letter]: service })).child;
  };
}

/**
 * One worker of a process.
 * @typedef {object} Service
 * @property {string} folder its bundle, as `bundle` gave it
 * @property {number} [port] where it listens on 127.0.0.1, 0 for any port that is free; default: only other workers reach it
 * @property {Record<string, unknown>} [bindings] what is in its `env`: strings as they are, everything else as JSON
 * @property {Record<string, string>} [services] the names of workers of this process, by their names in its `env`
 * @property {string} [compatibilityDate] default: "2026-04-01"
 * @property {string[]} [compatibilityFlags] default: none
 */

/**
 * Starts one process with these workers, and resolves when it listens on every port.
 * @param {import("./processes.mjs").ProcessGroup} processes
 * @param {string} title what to call it in messages
 * @param {Record<string, Service>} services by name
 * @returns {Promise<{ child: import("./processes.mjs").Child, ports: Record<string, number> }>}
 */
export async function startWorkerd(processes, title, services) {
  const file = join(await mkdtemp(join(processes.folder, "workerd-")), "config.capnp");
  await writeFile(file, await configuration(dirname(file), services));
  // On the control descriptor workerd tells that it listens: no other program on that port can pass for it.
  const child = processes.start(title, workerd.default, ["serve", "--control-fd=1", file]);
  const listening = Object.keys(services).filter((name) => services[name].port !== undefined);
  /** @param {string} output */
  const portsIn = (output) => {
    const events = [...output.matchAll(/^{"event":"listen".*}$/gm)].map(([line]) => JSON.parse(line));
    return events.length < listening.length
      ? undefined
      : Object.fromEntries(events.map(({ socket, port }) => [socket, port]));
  };
  const ports = await child.until(`it to listen for ${listening.join(", ")}`, portsIn);
  return { child, ports };
}

/**
 * Bundles as a deployment tool would: the package by its name, under the export condition "workerd", its
 * .wasm beside the bundle.
 * @param {string} worker @param {string} packageFolder @param {string} scratch
 * @returns {Promise<string>} a new folder in `scratch`, with the bundle under `modules`
 */
export async function bundle(worker, packageFolder, scratch) {
  const folder = await mkdtemp(join(scratch, "worker-"));
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await symlink(packageFolder, join(folder, "node_modules", "geecache-edge"));
  await build({
    entryPoints: { worker },
    outdir: join(folder, "modules"),
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
    external: ["cloudflare:*", "node:*"],
    nodePaths: [join(folder, "node_modules")],
    logLevel: "silent",
  }).catch((cause) => {
    throw new Error(`Could not bundle ${worker} with the package in ${packageFolder}; is it built ("make package")?`, {
      cause,
    });
  });
  return folder;
}

/**
 * @param {string} folder where the configuration will lie, since it embeds by relative paths
 * @param {Record<string, Service>} services
 * @returns {Promise<string>} a workerd configuration in Cap'n Proto's text format
 */
async function configuration(folder, services) {
  const names = Object.keys(services);
  const workers = await Promise.all(names.map((name) => workerIn(folder, services[name])));
  const sockets = names.filter((name) => services[name].port !== undefined);
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ${names.map((name, i) => `(name = ${quote(name)}, worker = ${workers[i]})`).join(",\n    ")},
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [
    ${sockets.map((name) => `(name = ${quote(name)}, address = "127.0.0.1:${services[name].port}", http = (), service = ${quote(name)})`).join(",\n    ")}
  ],
);
`;
}

/** @param {string} folder @param {Service} service @returns {Promise<string>} */
async function workerIn(
  folder,
  { folder: from, bindings = {}, services = {}, compatibilityDate = COMPATIBILITY_DATE, compatibilityFlags = [] },
) {
  const files = (await readdir(join(from, "modules"))).filter((name) => name !== "worker.js");
  const modules = ["worker.js", ...files].map((name) => {
    const kind = name.endsWith(".wasm") ? "wasm" : "esModule";
    return `(name = ${quote(name)}, ${kind} = embed ${quote(relative(folder, join(from, "modules", name)))})`;
  });
  const env = Object.entries(bindings).map(([name, value]) =>
    typeof value === "string"
      ? `(name = ${quote(name)}, text = ${quote(value)})`
      : `(name = ${quote(name)}, json = ${quote(quote(value))})`,
  );
  for (const [name, service] of Object.entries(services))
    env.push(`(name = ${quote(name)}, service = ${quote(service)})`);
  return `(
      modules = [
        ${modules.join(",\n        ")}
      ],
      bindings = [
        ${env.join(",\n        ")}
      ],
      compatibilityDate = ${quote(compatibilityDate)},
      compatibilityFlags = [${compatibilityFlags.map((flag) => quote(flag)).join(", ")}],
    )`;
}

/** @param {unknown} value */
function quote(value) {
  return JSON.stringify(value);
}
