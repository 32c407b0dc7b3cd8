// One peer of three. Each user is loaded once per cluster, and requests succeed while a peer is down.
import process from "node:process";
import { serve } from "@hono/node-server";
import { createPool, json } from "geecache-edge";
import { Hono } from "hono";

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
if (!self) throw new Error(`Usage: node server.ts N, with N from 1 to ${peers.length}`);
if (!SECRET) throw new Error("Set SECRET: without it, anyone who reaches a peer can read its keys.");

const pool = createPool({ self, peers, secret: SECRET });

const users = pool.group<User>("users", {
  maxBytes: 64 * 1024 * 1024,
  ttlMs: 60_000,
  codec: json(),
  load: async (id, { signal }) => {
    const response = await fetch(`${API}/users/${encodeURIComponent(id)}`, { signal });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the API returned ${response.status}`);
    return response.json() as Promise<User>;
  },
});

const app = new Hono();
app.use(async ({ req }, next) => (await pool.handle(req.raw)) ?? next());
app.get("/stats", (c) => c.json(pool.stats()));
app.get("/:id", async (c) => {
  const { value, source } = await users.getEntry(c.req.param("id"));
  return value ? c.json(value, 200, { "x-source": source }) : c.notFound();
});

const { hostname, port } = new URL(self);
serve({ fetch: app.fetch, hostname, port: Number(port) }, () =>
  console.log(`Peer ${process.argv[2]} is process ${process.pid} and listens at ${self}/1`),
);
