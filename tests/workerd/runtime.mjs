// Workers of the tests in workerd processes, and the oldest and newest compatibility dates under test.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ProcessGroup } from "../../harness/processes.mjs";
import { bundle, startWorkerd, WORKERD } from "../../harness/workerd.mjs";

const PACKAGE_FOLDER = fileURLToPath(new URL("../../pkg/", import.meta.url));
const DAY_MS = 24 * 60 * 60 * 1000;

/** A compatibility date from before workerd handled promises of other requests. */
export const OLDEST_DATE = "2024-09-01";

/** The newest compatibility date that the installed workerd accepts: a week after its release. */
export const NEWEST_DATE = new Date(Date.parse(releaseDate()) + 7 * DAY_MS).toISOString().slice(0, 10);

function releaseDate() {
  return execFileSync(WORKERD, ["--version"], { encoding: "utf8" }).split(/\s/)[1];
}

/** A group of workerd processes that end together. */
export class Workers {
  #processes = new ProcessGroup();
  /** @type {Map<string, Promise<string>>} */
  #bundles = new Map();

  /** Bundles a worker of `workers/`, once. @param {string} name @param {string} [packageFolder] */
  bundle(name, packageFolder = PACKAGE_FOLDER) {
    const id = `${name} ${packageFolder}`;
    const file = fileURLToPath(new URL(`./workers/${name}.js`, import.meta.url));
    const bundled = this.#bundles.get(id) ?? bundle(file, packageFolder, this.#processes.folder);
    this.#bundles.set(id, bundled);
    return bundled;
  }

  /** Starts one process. @param {Record<string, import("../../harness/workerd.mjs").Service>} services */
  async start(services) {
    const title = `workerd with ${Object.keys(services).join(", ")}`;
    const { child, ports } = await startWorkerd(this.#processes, title, services);
    /** @type {Record<string, string>} */
    const urls = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `http://127.0.0.1:${port}`]));
    return { child, urls };
  }

  /** Kills every process and resolves when all have exited. */
  stop() {
    return this.#processes.stop();
  }
}
