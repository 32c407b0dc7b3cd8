// Three workers in processes of their own that are peers by HTTP on loopback. To sabotage one, a TCP server takes its port.
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { startCluster } from "../../harness/cluster.mjs";
import { eventually } from "../../harness/waiting.mjs";
import { workerdPeer } from "../../harness/workerd.mjs";
import { testPeers } from "./peers.mjs";

/** @typedef {import("node:net").Socket} Socket */

/** The behaviour of the server in place of a peer, after it receives a request. @type {Record<string, (socket: Socket, request: string) => unknown>} */
const SABOTAGES = {
  hangs: () => {},
  "closes the connection": (socket) => socket.destroy(),
  "resets the connection": (socket) => socket.resetAndDestroy(),
  "does not speak HTTP": (socket) => socket.end("\x15\x03\x01\x00\x02\x02\x46\xff\xfe not a status line\r\n\r\n"),
  "responds with HTML": (socket) =>
    socket.end("HTTP/1.1 500 Oops\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<h1>Oops</h1>"),
  "responds with a foreign 404": (socket) => socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone"),
  redirects: (socket, request) =>
    socket.end(
      request.includes("/elsewhere")
        ? "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother"
        : "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
    ),
  "aborts the body": (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it"),
  "aborts the body between chunks": (socket) =>
    socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
  "sends an endless body": (socket) =>
    flood(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", `4000\r\n${"x".repeat(0x4000)}\r\n`),
  "sends endless headers": (socket) => flood(socket, "HTTP/1.1 200 OK\r\n", `x-more: ${"x".repeat(1000)}\r\n`),
  "trickles the body": (socket) =>
    trickle(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
};

testPeers(
  async (origin) => {
    const kind = workerdPeer({ worker: fileURLToPath(new URL("./workers/node.js", import.meta.url)) });
    const cluster = await startCluster({ origin: origin.url, peers: [kind, kind, kind] });
    /** @type {import("node:net").Server | undefined} */
    let impostor;
    /** @type {Set<Socket>} */
    const connections = new Set();
    const peerOf = (/** @type {import("./peers.mjs").Node} */ { url }) =>
      /** @type {import("../../harness/cluster.mjs").Peer} */ (cluster.peers.find((peer) => peer.url === url));
    return {
      nodes: cluster.peers.map(({ url }) => ({ name: url, url })),
      async sabotage(node, sabotage) {
        await peerOf(node).kill();
        if (sabotage === "is killed") return;
        impostor = createServer((socket) => {
          connections.add(socket.on("error", () => {}).once("close", () => connections.delete(socket)));
          socket.once("data", (request) => SABOTAGES[sabotage](socket, request.toString("latin1")));
        });
        await once(impostor.listen(Number(new URL(node.url).port), "127.0.0.1"), "listening");
      },
      async repair(node) {
        // A requester must close its connection when it gives up, or an endless response would never stop.
        await eventually("the requesters to disconnect", () => connections.size === 0);
        await new Promise((resolve) => (impostor ? impostor.close(resolve) : resolve(undefined)));
        impostor = undefined;
        await peerOf(node).start();
      },
      async stop() {
        for (const socket of connections) socket.destroy();
        impostor?.close();
        await cluster.stop();
      },
    };
  },
  ["is killed", ...Object.keys(SABOTAGES)],
);

/** Writes without end, as fast as the requester reads. @param {Socket} socket @param {string} head @param {string} repeated */
function flood(socket, head, repeated) {
  socket.write(head);
  const write = () => {
    while (!socket.destroyed && socket.write(repeated));
  };
  socket.on("drain", write);
  write();
}

/** Writes without end, slowly. @param {Socket} socket @param {string} head @param {string} repeated */
function trickle(socket, head, repeated) {
  socket.write(head);
  const timer = setInterval(() => socket.write(repeated), 20);
  socket.once("close", () => clearInterval(timer));
}
