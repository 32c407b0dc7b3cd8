// Kinds of peers for a mixed cluster: real Go nodes, and ours in Node and in workerd.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { workerdPeer } from "./workerd.mjs";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SOURCES = fileURLToPath(new URL("./go/", import.meta.url));
const PROGRAMS = `${ROOT}.cache/go-nodes`;
/** Where Debian puts groupcache and what it needs. */
const GO_PACKAGES = "/usr/share/gocode";

/** What each wire's Go node is built from. @type {Record<string, string[]>} */
const BUILDS = {
  groupcache: ["node.go", "groupcache.go"],
  geecache: ["node.go", "geecache.go"],
  "geecache-proto": ["-ldflags", "-X main.wire=proto", "node.go", "geecache.go"],
};

/** Why there can be no Go nodes, or undefined where there can. */
export function whyNoGo() {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
  } catch {
    return "there is no Go here: install Debian's golang-go and golang-github-golang-groupcache-dev";
  }
  return existsSync(`${GO_PACKAGES}/src/github.com/golang/groupcache`)
    ? undefined
    : "Go has no groupcache: install Debian's golang-github-golang-groupcache-dev";
}

/**
 * A Go node that speaks a wire; it is built where it was not yet, with Debian's packages and no network.
 * @param {string} wire @param {string} [group]
 * @returns {import("./cluster.mjs").PeerKind}
 */
export function goPeer(wire, group = "main") {
  const program = `${PROGRAMS}/${wire}`;
  mkdirSync(PROGRAMS, { recursive: true });
  const env = {
    ...process.env,
    GO111MODULE: "off",
    GOPATH: GO_PACKAGES,
    GOCACHE: `${ROOT}.cache/go`,
    GOPROXY: "off",
    GOFLAGS: "",
  };
  const [last] = BUILDS[wire].slice(-1);
  const flags = BUILDS[wire].slice(0, -2);
  execFileSync("go", ["build", "-o", program, ...flags, "node.go", last], {
    cwd: SOURCES,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return async ({ letter, self, peers, origin, processes }) => {
    const child = processes.start(`peer ${letter} (Go, ${wire})`, program, [
      "-self",
      self,
      "-peers",
      peers.join(","),
      "-origin",
      origin,
      "-group",
      group,
    ]);
    await child.until("it to answer", () => fetch(`${self}/stats`).then(({ ok }) => ok || undefined));
    return child;
  };
}

/** Ours in Node. @param {string} wire @returns {import("./cluster.mjs").PeerKind} */
export function nodePeer(wire) {
  const program = fileURLToPath(new URL("../tests/interop/workers/node.mjs", import.meta.url));
  return async ({ letter, self, peers, origin, processes }) => {
    const env = JSON.stringify({ SELF: self, PEERS: peers, ORIGIN: origin, WIRE: wire });
    const child = processes.start(`peer ${letter} (Node, ${wire})`, process.execPath, [program, env]);
    await child.until("it to listen", (output) => output.includes("listening") || undefined);
    return child;
  };
}

/** Ours in workerd. @param {string} wire @returns {import("./cluster.mjs").PeerKind} */
export function ourWorkerdPeer(wire) {
  return workerdPeer({
    worker: fileURLToPath(new URL("../tests/interop/workers/workerd.js", import.meta.url)),
    bindings: ({ self, peers, origin }) => ({ SELF: self, PEERS: peers, ORIGIN: origin, WIRE: wire }),
  });
}
