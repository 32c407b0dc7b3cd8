// Three Workers with service bindings to each other, each in a wrangler dev server of its own.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fetchOnce } from "../../harness/fetch.mjs";
import { assertFailover, assertHotCopies, assertLoadedOnce, assertNotFound, Users, unusedUsers } from "./cluster.mjs";
import { isConnected, killAll, nodeTooOld, Project, readyUrl, setApi, TIMEOUT } from "./support.mjs";

const PEERS = ["ONE", "TWO", "THREE"];

/** Another Worker of the account: it has a binding to a peer, and signs nothing. */
const STRANGER = "export default { fetch: (request, env) => env.ONE.fetch(new Request(request.url)) };";
const STRANGER_CONFIG = {
  name: "stranger",
  main: "stranger.js",
  compatibility_date: "2026-04-01",
  services: [{ binding: "ONE", service: "geecache-one", entrypoint: "Peer" }],
};

const users = new Users();
before(() => users.start());
after(async () => {
  await killAll();
  users.stop();
});

test("workers-service-bindings: the README's commands start a cluster with one load per key, hot copies, signed peer requests and failover", {
  ...TIMEOUT,
  skip: nodeTooOld,
}, async () => {
  const project = new Project("workers-service-bindings");
  const [install, ...starts] = project.commands;
  assert.equal(starts.length, 3);
  const [, dryRun] = /&& (npm run deploy one -- --dry-run)$/.exec(install) ?? assert.fail("no dry run");
  assert.match(await project.run(install), /--dry-run: exiting now/);
  for (const name of ["two", "three"])
    assert.match(await project.run(dryRun.replace("one", name)), /--dry-run: exiting now/);

  setApi(project, users.url);
  const servers = [];
  const urls = [];
  for (const start of starts) {
    const server = project.start(start);
    servers.push(server);
    urls.push(await readyUrl(server));
  }
  for (const [i, server] of servers.entries()) {
    const others = PEERS.filter((_, peer) => peer !== i);
    await server.until("the others are connected", (output) => others.every((peer) => isConnected(output, peer)));
  }

  const ids = PEERS.flatMap((peer) => unusedUsers(PEERS, peer, 4));
  await assertLoadedOnce(users, urls, ids);
  await assertHotCopies(users, urls, ids);
  await assertNotFound(users, urls[0]);
  assert.equal((await fetchOnce(`${urls[0]}/_geecache/users/${ids[0]}`)).status, 404, "peer requests have no URL");

  writeFileSync(join(project.folder, "stranger.js"), STRANGER);
  writeFileSync(join(project.folder, "stranger.json"), JSON.stringify(STRANGER_CONFIG));
  const stranger = project.start("npx wrangler dev --config stranger.json");
  const strangerUrl = await readyUrl(stranger);
  await stranger.until("the peer is connected", (output) => isConnected(output, "ONE"));
  const [unsigned] = unusedUsers(PEERS, "ONE", 1);
  assert.equal((await fetchOnce(`${strangerUrl}/_geecache/users/${unsigned}`)).status, 401, "an unsigned peer request");
  assert.equal(users.loads(unsigned), 0);
  await stranger.kill();

  await servers[2].kill();
  await assertFailover(users, urls.slice(0, 2), unusedUsers(PEERS, "THREE", 4));
});
