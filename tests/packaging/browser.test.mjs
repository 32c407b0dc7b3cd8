// A page in Chromium: a bundle by Vite, and the package as it is in a plain <script type="module">.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { delimiter, extname, join } from "node:path";
import test, { after, before } from "node:test";
import { build } from "vite";
import { projectOf } from "./runtimes.mjs";
import { assertHarmless, filesIn, SMOKE, textOf } from "./support.mjs";

const NAMES = ["chromium", "google-chrome"];
const chromium = (process.env.PATH ?? "")
  .split(delimiter)
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
/** Reports the result or the error to the test. */
const REPORTS =
  'import { run } from "./module.mjs";\nrun().then((result) => report(result), (error) => report(String(error)));\n';

/** @type {import("playwright-core").Browser} */ let browser;
before(
  async () => {
    if (skip) return;
    const { chromium: driver } = await import("playwright-core");
    browser = await driver.launch({ executablePath: String(chromium), headless: true, args: ARGS });
  },
  { timeout: 120_000 },
);
after(() => browser?.close());

test("a page built by Vite: the smoke test passes", { skip, timeout: 120_000 }, async (t) => {
  const folder = projectOf("smoke", { "index.html": ENTRANCE, "page.mjs": REPORTS });
  await build({ root: folder, configFile: false, logLevel: "silent" });
  const files = filesIn(join(folder, "dist"));
  assert.deepEqual(
    files.filter((path) => path.endsWith(".wasm")),
    [],
  );
  for (const path of files.filter((path) => path.endsWith(".js")))
    await assertHarmless(path, await readFile(join(folder, "dist", path), "utf8"));
  assert.deepEqual(await reported(t, join(folder, "dist")), SMOKE);
});

test('a plain <script type="module">: the smoke test passes', { skip, timeout: 120_000 }, async (t) => {
  const folder = projectOf("smoke", {
    "index.html": ENTRANCE,
    "page.mjs": REPORTS,
    "module.mjs": textOf("conformance/smoke.mjs").replace(
      '"geecache-edge"',
      '"./node_modules/geecache-edge/entry/inline.js"',
    ),
  });
  assert.deepEqual(await reported(t, folder), SMOKE);
});

/**
 * The result that the page in `folder` reports. It may load nothing from elsewhere and evaluate no strings.
 * @param {import("node:test").TestContext} t @param {string} folder
 */
async function reported(t, folder) {
  const server = createServer(async (request, response) => {
    const path = join(
      folder,
      request.url === "/" ? "index.html" : new URL(String(request.url), "http://page").pathname,
    );
    const body = await readFile(path).catch(() => undefined);
    // wasm may be compiled, strings may not.
    response.writeHead(body ? 200 : 404, {
      "content-type": /** @type {Record<string, string>} */ (TYPES)[extname(path)] ?? "text/plain",
      "content-security-policy": "script-src 'self' 'wasm-unsafe-eval'",
    });
    response.end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  const page = await browser.newPage();
  t.after(async () => {
    await page.close();
    server.closeAllConnections();
    server.close();
  });
  let report = (/** @type {unknown} */ _result) => {};
  const result = new Promise((resolve, reject) => {
    report = resolve;
    page.on("pageerror", reject);
    page.on("console", (message) => message.type() === "error" && reject(new Error(message.text())));
  });
  result.catch(() => {}); // awaited below, once the page has loaded
  await page.exposeFunction("report", report);
  await page.goto(`http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/`);
  return result;
}
