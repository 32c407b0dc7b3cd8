// Durable Objects in wrangler's dev server, requested by two Workers in place of two isolates of one Worker.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fetchOnce } from "../../harness/fetch.mjs";
import { assertFailover, assertHotCopies, assertLoadedOnce, assertNotFound, Users, unusedUsers } from "./cluster.mjs";
import { isConnected, killAll, nodeTooOld, Project, readyUrl, setApi, TIMEOUT } from "./support.mjs";

const SHARDS = Array.from({ length: 8 }, (_, i) => `shard-${i}`);

/** The example, with Durable Objects that abort on requests once they are stopped, and a route to them for unsigned requests. */
const BREAKABLE = `
import worker, { Shard as Whole } from "./index";
const stopped = new Set<string>();
export class Shard extends Whole {
  override async fetch(request: Request) {
    if (stopped.has(this.ctx.id.name ?? "")) this.ctx.abort("stopped");
    return super.fetch(request);
  }
}
export default {
  fetch(request, env, ctx) {
    const { pathname, search } = new URL(request.url);
    if (pathname.startsWith("/_geecache/")) return env.SHARD.getByName(search.slice(1)).fetch(new Request(request.url));
    if (pathname !== "/stop") return worker.fetch(request, env, ctx);
    stopped.add(search.slice(1));
    return new Response("stopped");
  },
} satisfies ExportedHandler<Env>;
`;

const users = new Users();
/** The installed project. Every test starts servers of its own. @type {Project} */
let project;
before(async () => {
  await users.start();
  if (nodeTooOld) return;
  project = new Project("workers-durable-objects");
  await project.run(project.commands[0]);
  setApi(project, users.url);
}, TIMEOUT);
after(async () => {
  await killAll();
  users.stop();
});

test("workers-durable-objects: the README's commands start a Worker with one load per key and hot copies", {
  ...TIMEOUT,
  skip: nodeTooOld,
}, async (t) => {
  t.after(killAll);
  const [, start, dryRun, ...more] = project.commands;
  assert.deepEqual(more, []);
  assert.match(await project.run(dryRun), /--dry-run: exiting now/);

  const urls = [await readyUrl(project.start(start))];
  // Locally a Worker has one isolate. A second Worker with its own cache and the objects of the first stands in for
  // a second isolate.
  const config = readFileSync(join(project.folder, "wrangler.jsonc"), "utf8");
  const elsewhere = config
    .replace('"name": "geecache-durable-objects"', '"name": "elsewhere"')
    .replace('"class_name": "Shard"', '"class_name": "Shard", "script_name": "geecache-durable-objects"');
  writeFileSync(join(project.folder, "elsewhere.jsonc"), elsewhere.replace(/,\s*\/\/.*\s*"migrations".*/, ""));
  const second = project.start("npx wrangler dev --config elsewhere.jsonc");
  urls.push(await readyUrl(second));
  await second.until("the objects are connected", (output) => isConnected(output, "SHARD"));

  const ids = SHARDS.flatMap((shard) => unusedUsers(SHARDS, shard, 2));
  await assertLoadedOnce(users, urls, ids);
  await assertHotCopies(users, urls, ids);
  await assertNotFound(users, urls[0]);
  assert.equal((await fetchOnce(`${urls[0]}/_geecache/users/${ids[0]}`)).status, 404, "peer requests have no URL");
});

test("workers-durable-objects, an unsigned peer request or an object that aborts: status 401, or failover", {
  ...TIMEOUT,
  skip: nodeTooOld,
}, async (t) => {
  t.after(killAll);
  writeFileSync(join(project.folder, "src/breakable.ts"), BREAKABLE);
  await project.run("npx tsc");
  const url = await readyUrl(project.start("npx wrangler dev src/breakable.ts"));
  const [unsigned] = unusedUsers(SHARDS, "shard-0", 1);
  assert.equal((await fetchOnce(`${url}/_geecache/users/${unsigned}?shard-0`)).status, 401);
  assert.equal(users.loads(unsigned), 0);
  assert.equal(await (await fetchOnce(`${url}/stop?shard-3`)).text(), "stopped");
  await assertFailover(users, [url], unusedUsers(SHARDS, "shard-3", 3));
});
