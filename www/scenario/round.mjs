// The demo's scripted round: requests hundreds of tiles from all peers, one of which is killed and restarted.
import { forEachConcurrently } from "../../harness/concurrency.mjs";
import { originStats } from "../origin/client.mjs";
import { COUNTERS } from "./counters.mjs";
import { Examiner } from "./examiner.mjs";

/** Tiles along the boundary of the set. Every phase adds new ones. */
const FIRST_TILES = rectangle(5, 9, 8, 8, 6);
const TILES_WHILE_DOWN = rectangle(5, 9, 14, 8, 3);
const LAST_TILES = rectangle(5, 9, 17, 8, 3);
const SPARE_TILES = rectangle(6, 16, 8, 32, 32);
const MISSING_TILES = ["5/32/0", "5/0/32", "05/1/1", "31/0/0", "tile"];

/** Enough for requests of one tile to coalesce, and few enough to keep the origin's queue short. */
const CONCURRENCY = 12;

/** @typedef {import("../../harness/cluster.mjs").Cluster} Cluster */
/** @typedef {(line: string) => void} Print */

/**
 * Plays the round. Prints its progress, a table, and the result of each check.
 * @param {Cluster} cluster
 * @param {Print} print
 * @returns {Promise<boolean>} true if every response was right, no tile was rendered twice while all peers were up,
 *   no response failed while one was down, and the others sent peer requests to it after its restart
 */
export async function playRound(cluster, print) {
  const examiner = new Examiner(cluster);
  const peers = [...cluster.peers];
  const victim = peers[1];
  const others = peers.filter((peer) => peer !== victim);

  const tiles = [...FIRST_TILES, ...TILES_WHILE_DOWN, ...LAST_TILES];
  await timed(print, `Rendering ${tiles.length} tiles locally, to compare every response with.`, async () => {
    for (const tile of tiles) examiner.expected(tile);
  });

  const first = await timed(
    print,
    `All peers up: ${FIRST_TILES.length} tiles, each requested from all peers at once, then again.`,
    () =>
      examiner.phase("all up", async () => {
        await forEachConcurrently(CONCURRENCY, FIRST_TILES, (tile) => examiner.request(tile, peers));
        await forEachConcurrently(CONCURRENCY, FIRST_TILES.toReversed(), (tile) => examiner.request(tile, peers));
        await forEachConcurrently(CONCURRENCY, MISSING_TILES, (tile) => examiner.requestMissing(tile, peers));
      }),
  );

  const down = await timed(
    print,
    `Peer ${victim.letter} is killed while ${TILES_WHILE_DOWN.length} new tiles are requested from the others, then all again.`,
    async () => {
      await examiner.saveCounters(victim);
      return examiner.phase("one down", async () => {
        let completed = 0;
        await forEachConcurrently(CONCURRENCY, TILES_WHILE_DOWN, async (tile) => {
          await examiner.request(tile, others);
          if (++completed === Math.ceil(TILES_WHILE_DOWN.length / 4)) await victim.kill();
        });
        const all = [...FIRST_TILES, ...TILES_WHILE_DOWN];
        await forEachConcurrently(CONCURRENCY, all, (tile) => examiner.request(tile, others));
      });
    },
  );

  let hasRecovered = true;
  await timed(
    print,
    `Peer ${victim.letter} restarts with an empty cache, and the others send it peer requests again.`,
    () =>
      examiner.phase("recovery", async () => {
        await victim.start();
        for (const peer of others) hasRecovered = (await examiner.recovers(peer, victim, SPARE_TILES)) && hasRecovered;
      }),
  );

  const last = await timed(
    print,
    `All peers up: ${LAST_TILES.length} new tiles and the first ones, each requested from all peers at once.`,
    () =>
      examiner.phase("all up again", async () => {
        await forEachConcurrently(CONCURRENCY, LAST_TILES, (tile) => examiner.request(tile, peers));
        await forEachConcurrently(CONCURRENCY, FIRST_TILES.toReversed(), (tile) => examiner.request(tile, peers));
      }),
  );

  await printCounters(cluster, examiner, print);
  print(
    `The cache of ${victim.letter} was lost with its process, so its tiles were rendered again. Its counters before`,
  );
  print("and after the restart are added up.\n");

  const responses = examiner.phases.reduce((sum, phase) => sum + phase.responses, 0);
  const failures = examiner.phases.flatMap((phase) => phase.failures);
  const renderedTwice = [...first.renderedTwice, ...last.renderedTwice];
  const passed = printChecks(print, [
    {
      ok: failures.length === 0,
      text: `${responses - failures.length} of ${responses} responses right, byte for byte`,
      details: failures,
    },
    {
      ok: renderedTwice.length === 0,
      text: `${renderedTwice.length} tiles rendered twice while all peers were up`,
      details: renderedTwice,
    },
    {
      ok: down.failures.length === 0,
      text: `${down.failures.length} of ${down.responses} responses failed while one peer was down`,
      details: [],
    },
    {
      ok: hasRecovered,
      text: `the others ${hasRecovered ? "sent" : "did not send"} peer requests to ${victim.letter} after its restart`,
      details: [],
    },
  ]);
  if (!passed)
    for (const peer of peers) if (peer.errors) print(`\nStandard error of peer ${peer.letter}:\n${peer.errors}`);
  return passed;
}

/** @param {Cluster} cluster @param {Examiner} examiner @param {Print} print */
async function printCounters(cluster, examiner, print) {
  const rows = cluster.peers.map(async (peer) => [
    `${peer.letter}  ${peer.url}`,
    ...(await examiner.counters(peer)).map(String),
  ]);
  print(`\n${table(["peer", ...COUNTERS.map(([, heading]) => heading)], await Promise.all(rows))}`);
  const { renders, distinct } = await originStats(cluster.origin);
  print(`\nOrigin: ${renders} renders, ${distinct} distinct tiles.`);
}

/**
 * @param {Print} print
 * @param {Array<{ ok: boolean, text: string, details: string[] }>} checks
 * @returns {boolean} true if all are ok
 */
function printChecks(print, checks) {
  for (const { ok, text, details } of checks) {
    print(`${ok ? "  ok    " : "  FAILED"}  ${text}`);
    for (const detail of details.slice(0, 10)) print(`            ${detail}`);
  }
  return checks.every(({ ok }) => ok);
}

/** @param {number} z @param {number} left @param {number} top @param {number} columns @param {number} rows */
function rectangle(z, left, top, columns, rows) {
  return Array.from(
    { length: columns * rows },
    (_, i) => `${z}/${left + (i % columns)}/${top + Math.floor(i / columns)}`,
  );
}

/** Prints a description, then the duration. @template T @param {Print} print @param {string} description @param {() => Promise<T>} work */
async function timed(print, description, work) {
  const start = performance.now();
  print(`  ${description}`);
  const result = await work();
  print(`    ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

/** A table with the first column aligned left and the others, which are numbers, right. @param {string[]} headings @param {string[][]} rows */
function table(headings, rows) {
  const widths = headings.map((_, column) => Math.max(...[headings, ...rows].map((row) => row[column].length)));
  const line = (/** @type {string[]} */ row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("   ");
  const rule = widths.map((width) => "-".repeat(width));
  return [headings, rule, ...rows].map((row) => `  ${line(row)}`).join("\n");
}
