// The tables of docs/performance.md and README.md, from the results that docs/performance.json stores.

/** @typedef {{ cores: number, cpu: string, system: string, rust: string, node: string, go: string | null }} Machine */
/** @typedef {{ date: string, load: { before: number, after: number }, machine: Machine, figures: Record<string, number> }} Result */
/** @typedef {{ rival: string, value: number | string }} Rival */
/** @typedef {[label: string, ours: string, rival: string, value: string, ratio: string]} Row */

/** The commands of each part, in the order of the documents. @type {Record<string, string[]>} */
export const COMMANDS = {
  store: ["cargo bench --bench store", "go run benches/go/lru.go benches/go/figures.go"],
  churn: ["cargo run --release --example churn -- 16 200000"],
  "hit-ratio": ["TRACES=DIR cargo bench --bench hit_ratio"],
  ring: ["cargo bench --bench ring", "go run benches/go/ring.go benches/go/figures.go"],
  wasm: ["node --expose-gc benches/wasm.mjs"],
  package: ["node scripts/package.mjs"],
};

const count = (/** @type {number} */ value) => value.toLocaleString("en-US");
const fixed = (/** @type {number} */ value) => value.toFixed(value < 100 ? 1 : 0);
const ns = (/** @type {number} */ value) => (value < 1000 ? `${fixed(value)} ns` : `${(value / 1000).toFixed(2)} µs`);
const ms = (/** @type {number} */ value) => `${value.toFixed(2)} ms`;
const bytes = (/** @type {number} */ value) => `${fixed(value)} B`;
const percent = (/** @type {number} */ value) => `${value.toFixed(1)} %`;
const signed = (/** @type {number} */ value, digits = 1) => `${value < 0 ? "" : "+"}${value.toFixed(digits)}`;
const ratio = (/** @type {number} */ value) => (value < 0.1 ? value.toPrecision(2) : value.toFixed(2));
const code = (/** @type {string} */ text) => `\`${text}\``;

/** A part's figures, by name. A missing one is an error: its benchmark no longer prints it. */
class Figures {
  /** @param {string} part @param {Result} result */
  constructor(part, result) {
    this.part = part;
    this.result = result;
  }

  /** @param {string} name */
  has(name) {
    return this.result.figures[name] !== undefined;
  }

  /** @param {string} name */
  get(name) {
    const value = this.result.figures[name];
    if (value === undefined) throw new Error(`the part ${this.part} has no figure ${name}`);
    return value;
  }

  /** A row with a rival of the same run. @param {string} label @param {string} ours @param {string} rival @param {string} theirs @param {(value: number) => string} unit @returns {Row} */
  row(label, ours, rival, theirs, unit) {
    const value = this.get(ours);
    if (/\bgo\b/.test(theirs) && this.result.machine.go === null) return [label, unit(value), rival, "no Go", ""];
    return [label, unit(value), rival, unit(this.get(theirs)), ratio(value / this.get(theirs))];
  }

  /** A row without a rival. @param {string} label @param {string} ours @param {(value: number) => string} unit @returns {Row} */
  alone(label, ours, unit) {
    return [label, unit(this.get(ours)), "none", "", ""];
  }
}

/** A Markdown table in columns of equal width; the columns of `right` are aligned right. @param {string[]} head @param {string[][]} rows @param {number[]} right */
function table(head, rows, right) {
  const widths = head.map((cell, at) => Math.max(3, cell.length, ...rows.map((row) => (row[at] ?? "").length)));
  const isRight = (/** @type {number} */ at) => right.includes(at);
  const line = (/** @type {string[]} */ cells) =>
    `| ${widths.map((width, at) => (isRight(at) ? (cells[at] ?? "").padStart(width) : (cells[at] ?? "").padEnd(width))).join(" | ")} |`;
  const rule = `| ${widths.map((width, at) => (isRight(at) ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

const RIVAL_HEAD = ["measured", "geecache-edge", "rival", "its figure", "ratio"];
const rivals = (/** @type {Row[]} */ rows) => table(RIVAL_HEAD, rows, [1, 3, 4]);

/** @type {Record<string, { title: string, body(figures: Figures): string }>} */
const SECTIONS = {
  store: {
    title: "Store, native",
    body(figures) {
      const hits = [1_000, 100_000].flatMap((entries) =>
        ["median", "min"].flatMap((statistic) => {
          const label = `hit among ${count(entries)} entries, ${statistic === "min" ? "fastest" : "median"} round`;
          const name = (/** @type {string} */ store) => `hit.${entries}.${store}.${statistic}`;
          const rows = [figures.row(label, name("gdsf"), "hash map with a list", name("naive"), ns)];
          // Go does not alternate with us, so that the load of the machine differs between the two medians.
          if (statistic === "min") rows.push(figures.row(label, name("gdsf"), "Go's groupcache `lru`", name("go"), ns));
          return rows;
        }),
      );
      return `Keys of 29 bytes, values of 100 bytes. Hits are in random order. Bookkeeping is the part of the budget beyond keys and
values, and memory is resident memory beyond them, with 300,000 entries. Inserts are of new keys into a full store.

${rivals([
  ...hits,
  figures.alone("bookkeeping per entry", "memory.ours.used", bytes),
  figures.alone("bookkeeping per entry, with expiry", "memory.expiring.used", bytes),
  figures.row("memory per entry", "memory.ours", "hash map with a list", "memory.naive", bytes),
  figures.row("memory per entry, with expiry", "memory.expiring", "hash map with a list", "memory.naive", bytes),
  figures.row("insert, median round", "insert.gdsf.median", "our policy `lru`", "insert.lru.median", ns),
  figures.row("insert, fastest round", "insert.gdsf.min", "our policy `lru`", "insert.lru.min", ns),
])}`;
    },
  },
  churn: {
    title: "Use of the budget",
    body: (
      figures,
    ) => `Values of 16 B to 64 KiB in a full store of 16 MiB. Their sizes shift ${figures.get("shifts") / 2} times, under either policy.
The lowest figures of all shifts:

${table(
  ["measured", "of the budget"],
  [
    ["keys and values", percent(figures.get("payload"))],
    ["keys, values and bookkeeping", percent(figures.get("used"))],
  ],
  [1],
)}`,
  },
  "hit-ratio": {
    title: "Hit ratios",
    body(figures) {
      const groups = Object.keys(figures.result.figures).flatMap((name) => {
        const [, group] = /^(.*)\.points$/.exec(name) ?? [];
        return group === undefined || group.endsWith(".bytes") ? [] : [group];
      });
      const labels = new Map([
        ["judged", "**traces the constants were chosen on**"],
        ["all", "**all traces**"],
      ]);
      const rank = (/** @type {string} */ group) =>
        labels.has(group) ? [...labels.keys()].indexOf(group) : labels.size;
      const rows = groups
        .sort((one, other) => rank(one) - rank(other))
        .map((group) => {
          const [gdsf, lru] = [figures.get(`${group}.gdsf`), figures.get(`${group}.lru`)];
          return [
            labels.get(group) ?? code(group.replace(/^trace\./, "")),
            String(figures.get(`${group}.points`)),
            percent(gdsf),
            percent(lru),
            signed(gdsf - lru),
            figures.has(`${group}.best`) ? percent(figures.get(`${group}.best`)) : "none",
            figures.has(`${group}.bytes.points`)
              ? signed(figures.get(`${group}.bytes.gdsf`) - figures.get(`${group}.bytes.lru`))
              : "no sizes",
          ];
        });
      return `This part needs \`TRACES=DIR\`; without it \`make bench\` leaves these rows, of ${figures.result.date}, as they are. Each figure is a mean over
the capacities of a trace. "Best published" is the best published result at each point, so no single policy has it.

${table(["traces", "points", "`gdsf`", "`lru`", "`gdsf` − `lru`", "best published", "bytes, `gdsf` − `lru`"], rows, [1, 2, 3, 4, 5, 6])}

The smallest difference of \`gdsf\` and \`lru\` at one point is ${signed(figures.get("smallest_lead"), 2)} points of objects.`;
    },
  },
  ring: {
    title: "Ring, native",
    body(figures) {
      const others = [
        ["binary search", "search"],
        ["crate `hashring`", "hashring"],
        ["crate `consistent_hash_ring`", "consistent"],
        ["Go's groupcache", "go"],
      ];
      const rows = (
        /** @type {string} */ what,
        /** @type {number} */ peers,
        /** @type {(value: number) => string} */ unit,
      ) =>
        others.map(([rival = "", name = ""]) =>
          figures.row(
            `${what}, ${count(peers)} peers`,
            `${what}.${peers}.ours`,
            rival,
            `${what}.${peers}.${name}`,
            unit,
          ),
        );
      return `50 points per peer, keys of 10 bytes, the fastest of 15 rounds. The share is that of the busiest of ten peers called
\`https://node-N.example.net\`, over the mean.

${rivals([
  ...[3, 100, 1_000].flatMap((peers) => rows("lookup", peers, ns)),
  ...rows("build", 1_000, ms),
  figures.row('busiest peer, `ring: "balanced"`', "busiest.balanced", "Go's placement", "busiest.geecache", (value) =>
    value.toFixed(2),
  ),
])}`;
    },
  },
  wasm: {
    title: "WebAssembly, in Node",
    body: (
      figures,
    ) => `300,000 entries of 29 + 100 bytes with expiry; memory is beyond keys and values. Collections are full ones by V8.

${rivals([
  figures.row("linear memory per entry", "memory.linear", "npm's lru-cache, resident", "memory.lru-cache", bytes),
  figures.row("resident memory per entry", "memory.resident", "npm's lru-cache, resident", "memory.lru-cache", bytes),
  figures.row("collection", "collection.ours", "a store never filled", "collection.empty", ms),
  figures.row("collection", "collection.ours", "a store filled and emptied", "collection.emptied", ms),
  figures.row("collection", "collection.ours", "npm's lru-cache", "collection.lru-cache", ms),
  ...[1_000, 100_000].map((entries) =>
    figures.alone(`hit among ${count(entries)} entries, including its key`, `hit.${entries}`, ns),
  ),
  ...[3, 100, 1_000].map((peers) => figures.alone(`ring lookup, ${count(peers)} peers`, `lookup.${peers}`, ns)),
])}`,
  },
  package: {
    title: "Package",
    body: (
      figures,
    ) => `Bytes after gzip. JavaScript is one entry with the chunks that entries share. The compiler's std is ${figures.get("prebuilt_std") ? "the prebuilt one, so that the WebAssembly is larger than what is published" : "built for size"}.

${table(
  ["file", "bytes", "limit"],
  [
    ["WebAssembly", count(figures.get("wasm")), count(figures.get("wasm.limit"))],
    ["JavaScript", count(figures.get("JavaScript")), count(figures.get("JavaScript.limit"))],
  ],
  [1, 2],
)}`,
  },
};

const describeMachine = (/** @type {Machine} */ { cores, cpu, system, rust, node, go }) =>
  `${cores} cores, ${cpu}, ${system}; Rust ${rust}, Node ${node}, ${go === null ? "no Go" : `Go ${go}`}`;
const loadOf = (/** @type {Result} */ { load: { before, after } }) => `${before.toFixed(1)}, ${after.toFixed(1)}`;

/** The generated part of docs/performance.md. @param {Record<string, Result>} results */
export function performancePage(results) {
  const machines = [...new Set(Object.values(results).map((result) => describeMachine(result.machine)))];
  const runs = Object.entries(results).map(([part, result]) => [
    code(part),
    result.date,
    loadOf(result),
    String(machines.indexOf(describeMachine(result.machine)) + 1),
  ]);
  const sections = Object.entries(SECTIONS).map(([part, { title, body }]) => {
    const commands = (COMMANDS[part] ?? []).map(code).join(" and ");
    const result = results[part];
    const text = result ? body(new Figures(part, result)) : "Not recorded yet.";
    return `## ${title}\n\nPart \`${part}\`: ${commands}.\n\n${text}`;
  });
  return `## Runs

${table(["part", "date", "load average, before and after", "machine"], runs, [2, 3])}

${machines.map((text, at) => `${at + 1}. ${text}`).join("\n")}

${sections.join("\n\n")}`;
}

/** The generated part of README.md. @param {Record<string, Result>} results */
export function readmeTable(results) {
  /** @type {Row[]} */
  const rows = [];
  const add = (/** @type {string} */ part, /** @type {(figures: Figures) => Row} */ row) => {
    const result = results[part];
    if (result) rows.push(row(new Figures(part, result)));
  };
  add("store", (of) =>
    of.row(
      "hit among 100,000 entries, native",
      "hit.100000.gdsf.min",
      "Go's groupcache `lru`",
      "hit.100000.go.min",
      ns,
    ),
  );
  add("store", (of) =>
    of.row("memory per entry beyond 29 + 100 B, native", "memory.ours", "hash map with a list", "memory.naive", bytes),
  );
  add("wasm", (of) =>
    of.row("the same in WebAssembly, with expiry", "memory.linear", "npm's lru-cache", "memory.lru-cache", bytes),
  );
  add("hit-ratio", (of) => {
    const group = of.has("judged.gdsf") ? "judged" : "all";
    return of.row(
      `mean hit ratio, ${of.get(`${group}.points`)} trace points`,
      `${group}.gdsf`,
      "our policy `lru`",
      `${group}.lru`,
      percent,
    );
  });
  add("ring", (of) =>
    of.row("ring lookup, 1,000 peers, native", "lookup.1000.ours", "Go's groupcache", "lookup.1000.go", ns),
  );
  add("package", (of) => of.alone("WebAssembly of the package, gzip", "wasm", (value) => `${count(value)} B`));
  add("package", (of) => of.alone("JavaScript of the package, gzip", "JavaScript", (value) => `${count(value)} B`));
  const all = Object.values(results);
  const list = (/** @type {string[]} */ texts) => [...new Set(texts)].join("; ");
  const loads = all.flatMap(({ load: { before, after } }) => [before, after]);
  return `${rivals(rows)}

Runs of ${list(all.map(({ date }) => date).sort())}; ${list(all.map((result) => describeMachine(result.machine)))}; load average ${Math.min(...loads).toFixed(1)} to
${Math.max(...loads).toFixed(1)}. A ratio is our figure over the rival's of the same run; times depend on the machine and its load.`;
}
