// One of our nodes in Node, in a process of its own: node node.mjs '{"SELF": ..., "PEERS": ..., "ORIGIN": ..., "WIRE": ...}'
import { createServer } from "node:http";
import { createPool } from "../../../pkg/entry/node.js";
import { face } from "./face.js";

const env = JSON.parse(process.argv[2]);
const answer = face(createPool, env);
const server = createServer({ maxHeaderSize: 64 * 1024 }, async (request, response) => {
  const { method, headers, url } = request;
  const body = method === "GET" || method === "HEAD" ? undefined : Buffer.concat(await request.toArray());
  const answered = await answer(
    new Request(`http://${headers.host}${url}`, { method, headers: /** @type {any} */ (headers), body }),
    env,
    undefined,
  );
  response
    .writeHead(answered.status, Object.fromEntries(answered.headers))
    .end(Buffer.from(await answered.arrayBuffer()));
});
const { hostname, port } = new URL(env.SELF);
server.listen(Number(port), hostname, () => console.log("listening"));
