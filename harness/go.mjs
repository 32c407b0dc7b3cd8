// Real Go nodes: builds and starts them.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("./go/", import.meta.url));
const CACHE_FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));
const PROGRAMS = `${CACHE_FOLDER}go-nodes`;
/** The folder of Debian's Go packages: groupcache and its dependencies. */
const GO_PACKAGES = "/usr/share/gocode";

/** Arguments of `go build` for each wire's node. @type {Record<string, string[]>} */
const BUILDS = {
  groupcache: ["node.go", "groupcache.go"],
  geecache: ["node.go", "geecache.go"],
  "geecache-proto": ["-ldflags", "-X main.wire=proto", "node.go", "geecache.go"],
};

/** The reason why Go nodes cannot be built here; undefined if they can. */
export function whyNoGo() {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
  } catch {
    return "Go is not installed: install Debian's golang-go and golang-github-golang-groupcache-dev";
  }
  return existsSync(`${GO_PACKAGES}/src/github.com/golang/groupcache`)
    ? undefined
    : "groupcache is not installed: install Debian's golang-github-golang-groupcache-dev";
}

/**
 * A kind of peer: a Go node for one wire. Builds the node with Debian's packages and without network, unless the
 * build is up to date.
 * @param {string} wire
 * @param {string} [group]
 * @returns {import("./cluster.mjs").PeerKind}
 */
export function goPeer(wire, group = "main") {
  const program = `${PROGRAMS}/${wire}`;
  mkdirSync(PROGRAMS, { recursive: true });
  execFileSync("go", ["build", "-o", program, ...BUILDS[wire]], {
    cwd: SOURCES,
    env: {
      ...process.env,
      GO111MODULE: "off",
      GOPATH: GO_PACKAGES,
      GOCACHE: `${CACHE_FOLDER}go`,
      GOPROXY: "off",
      GOFLAGS: "",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return async ({ letter, self, peers, origin, processes }) => {
    const args = ["-self", self, "-peers", peers.join(), "-origin", origin, "-group", group];
    const child = processes.start(`peer ${letter} (Go, ${wire})`, program, args);
    await child.until("it to listen", () => fetch(`${self}/stats`).then(({ ok }) => ok || undefined));
    return child;
  };
}
