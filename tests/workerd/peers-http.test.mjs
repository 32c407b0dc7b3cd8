// Three workers in processes of their own, peers by plain HTTP on loopback; a broken one is a TCP server on its port.
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { startCluster } from "../../harness/cluster.mjs";
import { testPeers } from "./peers.mjs";
import { eventually } from "../../harness/requests.mjs";

/** What a broken peer does once it is asked. @type {Record<string, (socket: import("node:net").Socket, question: string) => unknown>} */
const SABOTAGE = {
  hangs: () => {},
  "hangs up": (socket) => socket.destroy(),
  "resets the connection": (socket) => socket.resetAndDestroy(),
  "speaks no HTTP": (socket) => socket.end("\x15\x03\x01\x00\x02\x02\x46\xff\xfe not a status line\r\n\r\n"),
  "answers HTML": (socket) =>
    socket.end("HTTP/1.1 500 Oops\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<h1>Oops</h1>"),
  "answers another 404": (socket) => socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone"),
  redirects: (socket, question) =>
    socket.end(
      question.includes("/elsewhere")
        ? "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother"
        : "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
    ),
  "breaks off": (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it"),
  "breaks off between chunks": (socket) =>
    socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
  "sends an endless body": (socket) =>
    pour(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", `4000\r\n${"x".repeat(0x4000)}\r\n`),
  "sends an endless head": (socket) => pour(socket, "HTTP/1.1 200 OK\r\n", `x-more: ${"x".repeat(1000)}\r\n`),
  "sends a byte now and then": (socket) =>
    trickle(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
};

testPeers(
  async (origin) => {
    const cluster = await startCluster({
      origin: origin.url,
      worker: fileURLToPath(new URL("./workers/node.js", import.meta.url)),
    });
    /** @type {import("node:net").Server | undefined} */
    let impostor;
    const connections = new Set();
    const peerOf = (/** @type {import("./peers.mjs").Node} */ { url }) =>
      /** @type {import("../../harness/cluster.mjs").Peer} */ (cluster.peers.find((peer) => peer.url === url));
    return {
      nodes: cluster.peers.map(({ url }) => ({ name: url, url })),
      async sabotage(node, how) {
        await peerOf(node).kill();
        if (how === "is killed") return;
        impostor = createServer((socket) => {
          connections.add(socket.on("error", () => {}).once("close", () => connections.delete(socket)));
          socket.once("data", (question) => SABOTAGE[how](socket, question.toString("latin1")));
        });
        await once(impostor.listen(Number(new URL(node.url).port), "127.0.0.1"), "listening");
      },
      async mend(node) {
        // Whoever has given a peer up has closed the connection too, or it would pour for ever.
        await eventually("the askers to hang up", () => connections.size === 0);
        await new Promise((done) => (impostor ? impostor.close(done) : done(undefined)));
        impostor = undefined;
        await peerOf(node).revive();
      },
      async stop() {
        for (const socket of connections) socket.destroy();
        impostor?.close();
        await cluster.stop();
      },
    };
  },
  ["is killed", ...Object.keys(SABOTAGE)],
);

/** Writes without end, as fast as the other side reads. @param {import("node:net").Socket} socket @param {string} head @param {string} again */
function pour(socket, head, again) {
  socket.write(head);
  const more = () => {
    while (!socket.destroyed && socket.write(again));
  };
  socket.on("drain", more);
  more();
}

/** @param {import("node:net").Socket} socket @param {string} head @param {string} again */
function trickle(socket, head, again) {
  socket.write(head);
  const drops = setInterval(() => socket.write(again), 20);
  socket.once("close", () => clearInterval(drops));
}
