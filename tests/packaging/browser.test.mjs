// A page in Chromium: what Vite builds of the package, and the package as it is in a plain <script type="module">.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { delimiter, extname, join } from "node:path";
import { existsSync } from "node:fs";
import test, { after, before } from "node:test";
import { build } from "vite";
import { projectOf } from "./runtimes.mjs";
import { assertHarmless, filesIn, textOf, SMOKE } from "./support.mjs";

const NAMES = ["chromium", "google-chrome"];
const chromium = process.env.PATH.split(delimiter)
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find(existsSync);
const skip = chromium
  ? false
  : `there is no Chromium on this machine (looked for ${NAMES.join(", ")}): Debian has it as chromium`;
if (skip) console.log(`SKIPPED: ${skip}`);

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const ENTRANCE =
  '<!doctype html><title>smoke</title><link rel="icon" href="data:,"><script type="module" src="./page.mjs"></script>';
/** Tells the answer, or what went wrong, by a function of the test's. */
const TELLS =
  'import { run } from "./module.mjs";\nrun().then((answer) => told(answer), (error) => told(String(error)));\n';

/** @type {import("playwright-core").Browser} */ let browser;
before(
  async () => {
    if (skip) return;
    const { chromium: driver } = await import("playwright-core");
    browser = await driver.launch({ executablePath: chromium, headless: true, args: ARGS });
  },
  { timeout: 120_000 },
);
after(() => browser?.close());

test("a page that Vite built", { skip, timeout: 120_000 }, async (t) => {
  const folder = projectOf("smoke", { "index.html": ENTRANCE, "page.mjs": TELLS });
  await build({ root: folder, configFile: false, logLevel: "silent" });
  const files = filesIn(join(folder, "dist"));
  assert.deepEqual(
    files.filter((path) => path.endsWith(".wasm")),
    [],
  );
  for (const path of files.filter((path) => path.endsWith(".js")))
    await assertHarmless(path, await readFile(join(folder, "dist", path), "utf8"));
  assert.deepEqual(await told(t, join(folder, "dist")), SMOKE);
});

test('a plain <script type="module">', { skip, timeout: 120_000 }, async (t) => {
  const folder = projectOf("smoke", {
    "index.html": ENTRANCE,
    "page.mjs": TELLS,
    "module.mjs": textOf("conformance/smoke.mjs").replace(
      '"geecache-edge"',
      '"./node_modules/geecache-edge/entry/inline.js"',
    ),
  });
  assert.deepEqual(await told(t, folder), SMOKE);
});

/** What the page in `folder` tells, which may not load anything from elsewhere, nor make code of text. */
async function told(t, folder) {
  const server = createServer(async (request, response) => {
    const path = join(folder, request.url === "/" ? "index.html" : new URL(request.url, "http://page").pathname);
    const body = await readFile(path).catch(() => undefined);
    // wasm may be compiled, text may not.
    response.writeHead(body ? 200 : 404, {
      "content-type": TYPES[extname(path)] ?? "text/plain",
      "content-security-policy": "script-src 'self' 'wasm-unsafe-eval'",
    });
    response.end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const page = await browser.newPage();
  t.after(async () => {
    await page.close();
    server.closeAllConnections();
    server.close();
  });
  let answer;
  const answered = new Promise((resolve, reject) => {
    answer = resolve;
    page.on("pageerror", reject);
    page.on("console", (message) => message.type() === "error" && reject(new Error(message.text())));
  });
  answered.catch(() => {}); // awaited below, once the page is there
  await page.exposeFunction("told", answer);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return answered;
}
