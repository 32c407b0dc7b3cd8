// Node, Deno and Bun: three peers that reach each other by URL.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fetchOnce } from "../../harness/fetch.mjs";
import { freePorts } from "../../harness/ports.mjs";
import { eventually } from "../../harness/waiting.mjs";
import { assertFailover, assertHotCopies, assertLoadedOnce, assertNotFound, Users, unusedUsers } from "./cluster.mjs";
import { killAll, nodeTooOld, PATIENCE_MS, Project, skipWithout, TIMEOUT } from "./support.mjs";

const linux = process.platform === "linux" ? "-glibc" : "";
const arch = process.arch === "arm64" ? "aarch64" : process.arch;
const CLUSTERS = [
  { example: "node-hono", skip: nodeTooOld },
  { example: "deno", skip: skipWithout("deno", `@deno/${process.platform}-${process.arch}${linux}/deno`) },
  { example: "bun", skip: skipWithout("bun", `@oven/bun-${process.platform}-${arch}/bin/bun`) },
];

const users = new Users();
before(() => users.start());
after(async () => {
  await killAll();
  users.stop();
});

/** Starts a cluster without the secret: it exits, and the reason names the variable. @param {Project} project @param {string} start */
async function assertRefusesWithoutSecret(project, start) {
  const [assignment, ...command] = start.split(" ");
  assert.match(assignment, /^SECRET=./);
  const cluster = project.start(command.join(" "), { SECRET: "" });
  await cluster.exited();
  assert.match(cluster.output, /error: .*Set SECRET: without it, anyone who reaches a peer can read its keys\./i);
  assert.doesNotMatch(cluster.output, /listens at/);
}

for (const { example, skip } of CLUSTERS) {
  test(`${example}: the README's commands start a cluster with one load per key, hot copies, signed peer requests and failover`, {
    ...TIMEOUT,
    skip,
  }, async () => {
    const project = new Project(example);
    const [install, start, ...more] = project.commands;
    assert.deepEqual(more, []);
    await project.run(install);
    await assertRefusesWithoutSecret(project, start);

    const peers = (await freePorts(3)).map((port) => `http://127.0.0.1:${port}`);
    const cluster = project.start(start, { API: users.url, PEERS: peers.join() });
    const pids = await cluster.until("all three listen", (output) => {
      const lines = [...output.matchAll(/^Peer (\d) is process (\d+) and listens at /gm)];
      return lines.length === 3 && new Map(lines.map(([, peer, pid]) => [peers[Number(peer) - 1], Number(pid)]));
    });

    const ids = peers.flatMap((peer) => unusedUsers(peers, peer, 4));
    await assertLoadedOnce(users, peers, ids);
    await assertHotCopies(users, peers, ids);
    await assertNotFound(users, peers[0]);
    assert.equal((await fetchOnce(`${peers[0]}/_geecache/users/${ids[0]}`)).status, 401, "an unsigned peer request");

    const [victim, ...others] = peers;
    process.kill(pids.get(victim) ?? assert.fail(`${victim} did not print its process id`), "SIGTERM");
    const isDown = () =>
      fetchOnce(`${victim}/stats`).then(
        () => false,
        () => true,
      );
    await eventually(`${victim} to be down`, isDown, PATIENCE_MS);
    await assertFailover(users, others, unusedUsers(peers, victim, 4));
    await cluster.kill();
    for (const url of others) await assert.rejects(fetch(url), `${url} is down too`);
  });
}
