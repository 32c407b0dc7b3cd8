// Workers in real workerd: bundling, configuration, processes.
import { mkdir, mkdtemp, readdir, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @type {{ default: string }} the path of the program */
const workerd = createRequire(import.meta.url)("workerd");
export const WORKERD = workerd.default;

const PACKAGE_FOLDER = fileURLToPath(new URL("../pkg/", import.meta.url));
const COMPATIBILITY_DATE = "2026-04-01";

/**
 * @typedef {object} WorkerOptions
 * @property {string} worker file of the worker's entry module
 * @property {(peer: import("./cluster.mjs").PeerConfig) => Record<string, unknown>} [bindings] its `env`: strings as
 *   they are, other values as JSON; default: SELF, PEERS and ORIGIN
 */

/**
 * A kind of peer: a worker in a workerd process of its own. The bundle is built once per cluster.
 * @param {WorkerOptions} options
 * @returns {import("./cluster.mjs").PeerKind}
 */
export function workerdPeer({
  worker,
  bindings = ({ self, peers, origin }) => ({ SELF: self, PEERS: peers, ORIGIN: origin }),
}) {
  /** @type {WeakMap<import("./processes.mjs").ProcessGroup, Promise<string>>} the folder of each cluster's bundle */
  const bundles = new WeakMap();
  return async (config) => {
    const { processes, letter, port } = config;
    const bundled = bundles.get(processes) ?? bundle(worker, PACKAGE_FOLDER, processes.folder);
    bundles.set(processes, bundled);
    const service = { folder: await bundled, port, bindings: bindings(config) };
    return (await startWorkerd(processes, `peer ${letter} (workerd)`, { [letter]: service })).child;
  };
}

/**
 * One worker of a process.
 * @typedef {object} Service
 * @property {string} folder its bundle, as returned by `bundle`
 * @property {number} [port] its port on 127.0.0.1, 0 for any free port; default: reachable by other workers only
 * @property {Record<string, unknown>} [bindings] its `env`: strings as they are, other values as JSON
 * @property {Record<string, string>} [services] service bindings: the name in its `env` to the name of the worker
 * @property {string} [compatibilityDate] default: "2026-04-01"
 * @property {string[]} [compatibilityFlags] default: none
 */

/**
 * Starts one process with these workers, and resolves when it listens on every port.
 * @param {import("./processes.mjs").ProcessGroup} processes
 * @param {string} title for messages
 * @param {Record<string, Service>} services by name
 * @returns {Promise<{ child: import("./processes.mjs").Child, ports: Record<string, number> }>}
 */
export async function startWorkerd(processes, title, services) {
  const file = join(await mkdtemp(join(processes.folder, "workerd-")), "config.capnp");
  await writeFile(file, await configuration(dirname(file), services));
  // workerd reports on the control descriptor when it listens. Polling the port could reach another program.
  const child = processes.start(title, WORKERD, ["serve", "--control-fd=1", file]);
  const listening = Object.keys(services).filter((name) => services[name].port !== undefined);
  const portsIn = (/** @type {string} */ output) => {
    const events = [...output.matchAll(/^{"event":"listen".*}$/gm)].map(([line]) => JSON.parse(line));
    return events.length < listening.length
      ? undefined
      : Object.fromEntries(events.map(({ socket, port }) => [socket, port]));
  };
  const ports = await child.until(`it to listen for ${listening.join(", ")}`, portsIn);
  return { child, ports };
}

/**
 * Bundles a worker like a deployment tool: the package by its name under the export condition "workerd", and its
 * .wasm next to the bundle.
 * @param {string} worker
 * @param {string} packageFolder
 * @param {string} scratch
 * @returns {Promise<string>} a new folder in `scratch`, with the bundle in `modules`
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
 * @param {string} folder the configuration's folder, because it embeds modules by relative path
 * @param {Record<string, Service>} services
 * @returns {Promise<string>} a workerd configuration in Cap'n Proto's text format
 */
async function configuration(folder, services) {
  const names = Object.keys(services);
  const workers = await Promise.all(names.map((name) => workerConfiguration(folder, services[name])));
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
async function workerConfiguration(
  folder,
  { folder: source, bindings = {}, services = {}, compatibilityDate = COMPATIBILITY_DATE, compatibilityFlags = [] },
) {
  const files = (await readdir(join(source, "modules"))).filter((name) => name !== "worker.js");
  const modules = ["worker.js", ...files].map((name) => {
    const type = name.endsWith(".wasm") ? "wasm" : "esModule";
    return `(name = ${quote(name)}, ${type} = embed ${quote(relative(folder, join(source, "modules", name)))})`;
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
