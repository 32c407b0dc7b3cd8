// Node, Deno and Bun: three peers that reach each other by URL.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { doneWithout, freshUsers, keptHot, loadedOnce, noSuchUser, Users } from "./cluster.mjs";
import { eventually, freePorts, killAll, missing, nodeTooOld, Project, TIMEOUT } from "./support.mjs";

const linux = process.platform === "linux" ? "-glibc" : "";
const arch = process.arch === "arm64" ? "aarch64" : process.arch;
const CLUSTERS = [
  { example: "node-hono", skip: nodeTooOld },
  { example: "deno", skip: missing("deno", `@deno/${process.platform}-${process.arch}${linux}/deno`) },
  { example: "bun", skip: missing("bun", `@oven/bun-${process.platform}-${arch}/bin/bun`) },
];

const users = new Users();
before(() => users.start());
after(async () => {
  await killAll();
  users.stop();
});

for (const { example, skip } of CLUSTERS) {
  test(`${example}: its README's commands make a cluster that loads once, keeps hot copies and does without a peer`, {
    ...TIMEOUT,
    skip,
  }, async () => {
    const project = new Project(example);
    const [install, start, ...more] = project.commands;
    assert.deepEqual(more, []);
    await project.run(install);

    const peers = (await freePorts(3)).map((port) => `http://127.0.0.1:${port}`);
    const cluster = project.start(start, { API: users.url, PEERS: peers.join() });
    const pids = await cluster.until("all three answer", (output) => {
      const lines = [...output.matchAll(/^Peer (\d) is process (\d+) and answers at /gm)];
      return lines.length === 3 && new Map(lines.map(([, peer, pid]) => [peers[Number(peer) - 1], Number(pid)]));
    });

    const ids = peers.flatMap((peer) => freshUsers(peers, peer, 4));
    await loadedOnce(users, peers, ids);
    await keptHot(users, peers, ids);
    await noSuchUser(users, peers[0]);
    assert.equal((await fetch(`${peers[0]}/_geecache/users/${ids[0]}`)).status, 401, "a question that is not signed");

    const [gone, ...others] = peers;
    process.kill(pids.get(gone), "SIGTERM");
    await eventually(`${gone} to be gone`, () =>
      fetch(`${gone}/stats`).then(
        () => false,
        () => true,
      ),
    );
    await doneWithout(users, others, freshUsers(peers, gone, 4));
    await cluster.kill();
    for (const url of others) await assert.rejects(fetch(url), `${url} is gone as well`);
  });
}
