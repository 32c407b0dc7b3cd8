// A scripted round through the demo: hundreds of tiles asked of all peers, one of which dies and comes back.
import { COUNTERS } from "./counters.mjs";
import { Examiner } from "./examiner.mjs";

/** Tiles around the rim of the set, what is interesting of zoom 5; every spell brings some that are new. */
const FIRST_TILES = rectangle(5, 9, 8, 8, 6);
const TILES_WHILE_DOWN = rectangle(5, 9, 14, 8, 3);
const TILES_AFTER = rectangle(5, 9, 17, 8, 3);
const SPARE_TILES = rectangle(6, 16, 8, 32, 32);
const NO_TILES = ["5/32/0", "5/0/32", "05/1/1", "31/0/0", "tile"];

/** Tiles asked for at a time: enough for the askers of one to meet, few enough not to queue for seconds. */
const IN_FLIGHT = 12;

/**
 * Plays the round and prints what happens, a table, and the verdict.
 * @param {import("../../harness/cluster.mjs").Cluster} cluster
 * @param {(line: string) => void} print
 * @returns {Promise<boolean>} true if every answer was right, no tile was rendered twice while all peers were up,
 *   and nothing failed while one was down
 */
export async function playRound(cluster, print) {
  const examiner = new Examiner(cluster);
  const peers = [...cluster.peers];
  const victim = peers[1];
  const others = peers.filter((peer) => peer !== victim);

  const tiles = [...FIRST_TILES, ...TILES_WHILE_DOWN, ...TILES_AFTER];
  await timed(print, `Rendering ${tiles.length} tiles here, to compare every answer with.`, async () => {
    for (const tile of tiles) examiner.expected(tile);
  });

  const first = await timed(
    print,
    `All peers up: ${FIRST_TILES.length} tiles, each asked of all at once, and then all again.`,
    () =>
      examiner.spell("all up", async () => {
        await inFlight(FIRST_TILES, (tile) => examiner.ask(tile, peers));
        await inFlight(FIRST_TILES.toReversed(), (tile) => examiner.ask(tile, peers));
        await inFlight(NO_TILES, (tile) => examiner.askInVain(tile, peers));
      }),
  );

  const down = await timed(
    print,
    `Peer ${victim.letter} is killed while ${TILES_WHILE_DOWN.length} new tiles are asked of the others; then all again.`,
    async () => {
      await examiner.keepCounters(victim);
      return examiner.spell("one down", async () => {
        let answered = 0;
        await inFlight(TILES_WHILE_DOWN, async (tile) => {
          await examiner.ask(tile, others);
          if (++answered === Math.ceil(TILES_WHILE_DOWN.length / 4)) await victim.kill();
        });
        await inFlight([...FIRST_TILES, ...TILES_WHILE_DOWN], (tile) => examiner.ask(tile, others));
      });
    },
  );

  let askedAgain = true;
  await timed(print, `Peer ${victim.letter} comes back, empty, and the others begin to ask it again.`, () =>
    examiner.spell("coming back", async () => {
      await victim.revive();
      for (const peer of others) askedAgain = (await examiner.isAskedAgain(peer, victim, SPARE_TILES)) && askedAgain;
    }),
  );

  const last = await timed(
    print,
    `All peers up: ${TILES_AFTER.length} new tiles and the first ones, each asked of all at once.`,
    () =>
      examiner.spell("all up again", async () => {
        await inFlight(TILES_AFTER, (tile) => examiner.ask(tile, peers));
        await inFlight(FIRST_TILES.toReversed(), (tile) => examiner.ask(tile, peers));
      }),
  );

  print(
    "\n" +
      table(
        ["peer", ...COUNTERS.map(([, heading]) => heading)],
        await Promise.all(
          peers.map(async (peer) => [`${peer.letter}  ${peer.url}`, ...(await examiner.counters(peer)).map(String)]),
        ),
      ),
  );
  const origin = await cluster.originStats();
  print(
    `\nOrigin: ${origin.renders} renders, ${origin.distinct} distinct tiles. What ${victim.letter} had kept died with it and was rendered again;`,
  );
  print(`its counters were read before it was killed, and those of its second life are added.\n`);

  const answers = examiner.spells.reduce((sum, spell) => sum + spell.answers, 0);
  const faults = examiner.spells.flatMap((spell) => spell.faults);
  const twice = [...first.renderedTwice, ...last.renderedTwice];
  const verdicts = [
    {
      ok: faults.length === 0,
      text: `${answers - faults.length} of ${answers} answers right, byte for byte`,
      details: faults,
    },
    { ok: twice.length === 0, text: `${twice.length} tiles rendered twice while all peers were up`, details: twice },
    {
      ok: down.faults.length === 0,
      text: `${down.faults.length} of ${down.answers} answers failed while one peer was down`,
      details: [],
    },
    {
      ok: askedAgain,
      text: `the others ${askedAgain ? "asked" : "did not ask"} peer ${victim.letter} again when it was back`,
      details: [],
    },
  ];
  for (const { ok, text, details } of verdicts) {
    print(`${ok ? "  ok    " : "  FAILED"}  ${text}`);
    for (const detail of details.slice(0, 10)) print(`            ${detail}`);
  }
  const passed = verdicts.every(({ ok }) => ok);
  if (!passed) for (const peer of peers) if (peer.errors) print(`\nPeer ${peer.letter} wrote:\n${peer.errors}`);
  return passed;
}

/** @param {number} z @param {number} left @param {number} top @param {number} columns @param {number} rows */
function rectangle(z, left, top, columns, rows) {
  return Array.from(
    { length: columns * rows },
    (_, i) => `${z}/${left + (i % columns)}/${top + Math.floor(i / columns)}`,
  );
}

/** Does the work for every item, for IN_FLIGHT of them at a time. @param {string[]} items @param {(item: string) => Promise<unknown>} work */
async function inFlight(items, work) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** Prints what begins, and how long it took. @template T @param {(line: string) => void} print @param {string} what @param {() => Promise<T>} work */
async function timed(print, what, work) {
  const begin = performance.now();
  print(`  ${what}`);
  const result = await work();
  print(`    ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  return result;
}

/** Columns as wide as what is in them; the first to the left, the others, being numbers, to the right. @param {string[]} headings @param {string[][]} rows */
function table(headings, rows) {
  const widths = headings.map((_, column) => Math.max(...[headings, ...rows].map((row) => row[column].length)));
  const line = (/** @type {string[]} */ row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("   ");
  return ["", ...[headings, widths.map((width) => "-".repeat(width)), ...rows].map((row) => `  ${line(row)}`)]
    .slice(1)
    .join("\n");
}
