// The demo: a map of tiles, served by a cluster of caches. `make demo` runs it.
//
//   node www/demo.mjs          prints the page's address and runs until Ctrl-C
//   ONCE=1 node www/demo.mjs   plays a scripted round instead; exit status 0 if every check passes
//   PORT=8080                  the page's port; default: any free port
//   PEERS=go                   the last of the three peers is a GeeCache node in Go
import { fileURLToPath } from "node:url";
import { startCluster } from "../harness/cluster.mjs";
import { goPeer, whyNoGo } from "../harness/go.mjs";
import { workerdPeer } from "../harness/workerd.mjs";
import { startOrigin } from "./origin/client.mjs";
import { servePage } from "./page_server.mjs";
import { playRound } from "./scenario/round.mjs";

/**
 * A ring of few peers can be very uneven, depending on their names. With these ports each of three peers owns a fair
 * share of the map, and the same share after every start.
 */
const FAIR_PORTS = [30201, 30302, 30403];

const withGo = process.env.PEERS === "go";
if (withGo && whyNoGo()) {
  console.error(`No demo with Go: ${whyNoGo()}.`);
  process.exit(1);
}

const start = performance.now();
const worker = workerdPeer({ worker: fileURLToPath(new URL("./worker.js", import.meta.url)) });
const cluster = await startCluster({
  origin: startOrigin,
  ports: FAIR_PORTS,
  peers: [worker, worker, withGo ? goPeer("geecache", "tiles") : worker],
});
const seconds = ((performance.now() - start) / 1000).toFixed(1);
const peers = withGo ? "two peers in workerd and one in Go" : "three peers in workerd";
console.log(`An origin and ${peers} started in ${seconds} s.`);

if (process.env.ONCE) {
  process.exitCode = (await playRound(cluster, console.log)) ? 0 : 1;
  await cluster.stop();
} else {
  const url = await servePage(cluster, Number(process.env.PORT ?? 0));
  for (const peer of cluster.peers) console.log(`  peer ${peer.letter}  ${peer.url}`);
  console.log(`  origin  ${cluster.origin}\n\nThe map: ${url}\n\nPress Ctrl-C to stop.`);
  process.once("exit", (status) => {
    console.log("\nStopped the origin, the peers and the page.");
    if (status === 130) process.exitCode = 0; // Ctrl-C is the regular end.
  });
}
