// One peer of three: each user is loaded once in the cluster, from any peer, and the cluster survives the loss of a peer.
import { createPool, json } from "geecache-edge";

interface User {
  id: number;
  name: string;
}

const {
  API = "https://jsonplaceholder.typicode.com",
  PEERS = "http://127.0.0.1:8001,http://127.0.0.1:8002,http://127.0.0.1:8003",
  SECRET,
} = process.env;
const peers = PEERS.split(",");
const self = peers[Number(process.argv[2]) - 1];
if (!self || !SECRET) throw new Error(`Usage: SECRET=... bun server.ts N, with N from 1 to ${peers.length}`);

const pool = createPool({ self, peers, secret: SECRET });

const users = pool.group<User>("users", {
  maxBytes: 64 * 1024 * 1024,
  ttlMs: 60_000,
  codec: json(),
  load: async (id, { signal }) => {
    const answer = await fetch(`${API}/users/${encodeURIComponent(id)}`, { signal });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`the API answered ${answer.status}`);
    return answer.json() as Promise<User>;
  },
});

async function answer(request: Request): Promise<Response> {
  const answered = await pool.handle(request);
  if (answered) return answered;
  const { pathname } = new URL(request.url);
  if (pathname === "/stats") return Response.json(pool.stats());
  const { value, source } = await users.getEntry(pathname.slice(1));
  return value ? Response.json(value, { headers: { "x-source": source } }) : new Response("Not found", { status: 404 });
}

const { hostname, port } = new URL(self);
Bun.serve({ hostname, port, fetch: answer });
console.log(`Peer ${process.argv[2]} is process ${process.pid} and answers at ${self}/1`);
