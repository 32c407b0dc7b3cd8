// The metrics of a pool that OpenTelemetry's SDK collects and the example prints.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createPool, killAll, nodeTooOld, Project, prometheus, TIMEOUT } from "./support.mjs";

after(killAll);

test("opentelemetry: the README's commands print every counter of the pool, with its value and kind", {
  ...TIMEOUT,
  skip: nodeTooOld,
}, async () => {
  const project = new Project("opentelemetry");
  const [install, start, ...more] = project.commands;
  assert.deepEqual(more, []);
  await project.run(install);
  const printed = (await project.run(start)).matchAll(
    /name: 'geecache\.(\w+)',\s+type: '(\w+)'[\s\S]*?attributes: (\{.*\}),[\s\S]*?value: (\d+)/g,
  );
  const metrics = new Map(
    [...printed].map(([, name, type, attributes, value]) => [name, { type, attributes, value: Number(value) }]),
  );

  const pool = createPool();
  pool.group("users", { maxBytes: 1024 * 1024, load: () => undefined });
  const { groups, ...own } = pool.stats();
  assert.deepEqual([...metrics.keys()].sort(), Object.keys({ ...own, ...groups.users }).sort());

  const gauges = [...prometheus(pool.stats()).matchAll(/^# TYPE geecache_(\w+) gauge$/gm)].map(([, name]) =>
    name.replace(/_[a-z]/g, (letter) => letter.slice(1).toUpperCase()),
  );
  assert.ok(gauges.length >= 5);
  const printedGauges = [...metrics].filter(([, { type }]) => type === "OBSERVABLE_GAUGE").map(([name]) => name);
  assert.deepEqual(printedGauges.sort(), gauges.sort(), "the same gauges as in the package's Prometheus text");

  const counter = (/** @type {number} */ value) => ({
    type: "OBSERVABLE_COUNTER",
    attributes: "{ 'geecache.group': 'users' }",
    value,
  });
  assert.deepEqual(metrics.get("requests"), counter(10));
  assert.deepEqual(metrics.get("loads"), counter(3));
  assert.deepEqual(metrics.get("hits"), counter(7));
  assert.deepEqual(metrics.get("entries"), { ...counter(3), type: "OBSERVABLE_GAUGE" });
  assert.deepEqual(metrics.get("traps"), { ...counter(0), attributes: "{}" });
});
