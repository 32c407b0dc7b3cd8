// The demo: a map of tiles served by a cluster of caches. `make demo` runs it.
//
//   node www/demo.mjs          prints the page's address and runs until Ctrl-C
//   ONCE=1 node www/demo.mjs   plays a scripted round instead; exit status 0 if all went right
//   PORT=8080                  the page's port; default: any that is free
//   PEERS=go                   the last of the three peers is a GeeCache in Go
import { goPeer, whyNoGo } from "../harness/go.mjs";
import { startCluster } from "../harness/cluster.mjs";
import { servePage } from "./page_server.mjs";
import { playRound } from "./scenario/round.mjs";
import { workerdPeer } from "../harness/workerd.mjs";

/**
 * With few peers GeeCache's ring can deal very unevenly, and how it deals depends on the peers' names. These ports,
 * where they are free, give each of three peers a fair part of the map, and the same part at every start.
 */
const FAIR_PORTS = [30201, 30302, 30403];

const withGo = process.env.PEERS === "go";
if (withGo && whyNoGo()) {
  console.error(`No demo with Go: ${whyNoGo()}.`);
  process.exit(1);
}

const begin = performance.now();
const worker = workerdPeer();
const cluster = await startCluster({
  ports: FAIR_PORTS,
  peers: [worker, worker, withGo ? goPeer("geecache", "tiles") : worker],
});
const seconds = ((performance.now() - begin) / 1000).toFixed(1);
console.log(
  `An origin and ${withGo ? "two peers in workerd and one in Go" : "three peers in workerd"} started in ${seconds} s.`,
);

if (process.env.ONCE) {
  process.exitCode = (await playRound(cluster, console.log)) ? 0 : 1;
  await cluster.stop();
} else {
  const url = await servePage(cluster, Number(process.env.PORT ?? 0));
  for (const peer of cluster.peers) console.log(`  peer ${peer.letter}  ${peer.url}`);
  console.log(`  origin  ${cluster.origin}\n\nThe map: ${url}\n\nCtrl-C ends it all.`);
  process.once("exit", (status) => {
    console.log("\nStopped: the origin, the peers, the page.");
    if (status === 130) process.exitCode = 0; // Ctrl-C is how it is meant to end
  });
}
