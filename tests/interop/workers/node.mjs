// The node in Node, as a process: `node node.mjs BINDINGS`, where BINDINGS is JSON.
import { createServer } from "node:http";
import { createPool } from "../../../pkg/entry/node.js";
import { createHandler } from "./handler.js";

/** @type {import("./handler.js").Bindings} */
const bindings = JSON.parse(process.argv[2]);
const handle = createHandler(createPool, bindings);

const server = createServer({ maxHeaderSize: 64 * 1024 }, (incoming, outgoing) => {
  respond(incoming, outgoing).catch((error) => outgoing.destroy(error));
});
const { hostname, port } = new URL(bindings.SELF);
server.listen(Number(port), hostname, () => console.log("listening"));

/** @param {import("node:http").IncomingMessage} incoming @param {import("node:http").ServerResponse} outgoing */
async function respond(incoming, outgoing) {
  const { method = "GET", headers, url } = incoming;
  const body = method === "GET" || method === "HEAD" ? undefined : Buffer.concat(await incoming.toArray());
  const init = { method, headers: /** @type {Record<string, string>} */ (headers), body };
  const response = await handle(new Request(`http://${headers.host}${url}`, init), bindings);
  outgoing
    .writeHead(response.status, Object.fromEntries(response.headers))
    .end(Buffer.from(await response.arrayBuffer()));
}
