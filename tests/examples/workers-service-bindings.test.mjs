// Three Workers in wrangler's dev server, each in a process of its own, bound to each other.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { doneWithout, freshUsers, keptHot, loadedOnce, noSuchUser, Users } from "./cluster.mjs";
import { killAll, localVars, nodeTooOld, Project, readyAt, TIMEOUT } from "./support.mjs";

const PEERS = ["ONE", "TWO", "THREE"];

const users = new Users();
before(() => users.start());
after(async () => {
  await killAll();
  users.stop();
});

test("workers-service-bindings: its README's commands make a cluster that loads once, keeps hot copies and does without a peer", {
  ...TIMEOUT,
  skip: nodeTooOld,
}, async () => {
  const project = new Project("workers-service-bindings");
  const [install, ...starts] = project.commands;
  assert.equal(starts.length, 3);
  const [, dryRun] = /&& (npm run deploy one -- --dry-run)$/.exec(install) ?? [];
  assert.match(await project.run(install), /--dry-run: exiting now/);
  for (const name of ["two", "three"])
    assert.match(await project.run(/** @type {string} */ (dryRun).replace("one", name)), /--dry-run: exiting now/);

  localVars(project, { API: users.url });
  const servers = [];
  const urls = [];
  for (const start of starts) {
    const server = project.start(start);
    servers.push(server);
    urls.push(await readyAt(server));
  }
  for (const [i, server] of servers.entries()) {
    const others = PEERS.filter((_, peer) => peer !== i);
    // Each change of a binding's state prints them all again: the last word counts.
    await server.until("the others are connected", (output) =>
      others.every((peer) =>
        output
          .match(new RegExp(`env\\.${peer} .*\\[(not )?connected\\]`, "g"))
          ?.at(-1)
          ?.includes("[connected]"),
      ),
    );
  }

  const ids = PEERS.flatMap((peer) => freshUsers(PEERS, peer, 4));
  await loadedOnce(users, urls, ids);
  await keptHot(users, urls, ids);
  await noSuchUser(users, urls[0]);
  assert.equal((await fetch(`${urls[0]}/_geecache/users/${ids[0]}`)).status, 404, "no URL leads to the peers' path");

  await servers[2].kill();
  await doneWithout(users, urls.slice(0, 2), freshUsers(PEERS, "THREE", 4));
});
