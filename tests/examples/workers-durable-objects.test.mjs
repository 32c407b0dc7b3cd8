// Durable Objects in wrangler's dev server, asked by two Workers as if by two isolates of one.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { doneWithout, freshUsers, keptHot, loadedOnce, noSuchUser, Users } from "./cluster.mjs";
import { killAll, localVars, nodeTooOld, Project, readyAt, TIMEOUT } from "./support.mjs";

const SHARDS = Array.from({ length: 8 }, (_, i) => `shard-${i}`);

/** The example, with Durable Objects that break off when they are asked, once they have been told to. */
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
    if (pathname !== "/stop") return worker.fetch(request, env, ctx);
    stopped.add(search.slice(1));
    return new Response("stopped");
  },
} satisfies ExportedHandler<Env>;
`;

const users = new Users();
/** @type {Project} */ let project;
before(() => users.start());
after(async () => {
  await killAll();
  users.stop();
});

test("workers-durable-objects: its README's commands start one, whose keys are loaded once and kept hot", {
  ...TIMEOUT,
  skip: nodeTooOld,
}, async () => {
  project = new Project("workers-durable-objects");
  const [install, start, dryRun, ...more] = project.commands;
  assert.deepEqual(more, []);
  await project.run(install);
  assert.match(await project.run(dryRun), /--dry-run: exiting now/);

  localVars(project, { API: users.url });
  const urls = [await readyAt(project.start(start))];
  // Locally a Worker has one isolate. Another Worker with its own cache, and the objects of the first, does for a second one.
  const config = readFileSync(join(project.folder, "wrangler.jsonc"), "utf8");
  const elsewhere = config
    .replace('"name": "geecache-durable-objects"', '"name": "elsewhere"')
    .replace('"class_name": "Shard"', '"class_name": "Shard", "script_name": "geecache-durable-objects"');
  writeFileSync(join(project.folder, "elsewhere.jsonc"), elsewhere.replace(/,\s*\/\/.*\s*"migrations".*/, ""));
  const second = project.start("npx wrangler dev --config elsewhere.jsonc");
  urls.push(await readyAt(second));
  await second.until("the objects are connected", (output) =>
    output
      .match(/env\.SHARD .*\[(not )?connected\]/g)
      ?.at(-1)
      ?.includes("[connected]"),
  );

  const ids = SHARDS.flatMap((shard) => freshUsers(SHARDS, shard, 2));
  await loadedOnce(users, urls, ids);
  await keptHot(users, urls, ids);
  await noSuchUser(users, urls[0]);
  assert.equal((await fetch(`${urls[0]}/_geecache/users/${ids[0]}`)).status, 404, "no URL leads to the peers' path");
});

test("workers-durable-objects: an object that breaks off is done without", {
  ...TIMEOUT,
  skip: nodeTooOld,
}, async () => {
  writeFileSync(join(project.folder, "src/breakable.ts"), BREAKABLE);
  await project.run("npx tsc");
  await killAll();
  const url = await readyAt(project.start("npx wrangler dev src/breakable.ts"));
  assert.equal(await (await fetch(`${url}/stop?shard-3`)).text(), "stopped");
  await doneWithout(users, [url], freshUsers(SHARDS, "shard-3", 3));
});
