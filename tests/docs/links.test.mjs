// The documents' links: each resolves to a file and, with an anchor, to a heading in it.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { anchorsOf, DOCUMENTS, linksOf, root } from "./documents.mjs";

for (const path of DOCUMENTS) {
  test(`${path}: every link, resolves`, () => {
    for (const link of linksOf(path)) {
      const [target = "", anchor] = link.split("#");
      if (/^[a-z]+:/.test(target)) {
        assert.match(target, /^https:\/\//, link);
        continue;
      }
      // npm shows the package's page without the repository around it.
      assert.notEqual(path, "pkg-template/README.md", `the package's page links to ${link}`);
      const file = target === "" ? path : relative(root, join(root, dirname(path), target));
      assert.ok(existsSync(join(root, file)), `${path}: ${link}`);
      if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `${path}: ${link}`);
    }
  });
}

test("docs/: every page, is reached by links from README.md or CONTRIBUTING.md", () => {
  const reached = new Set(["README.md", "CONTRIBUTING.md"]);
  for (const path of reached)
    for (const link of linksOf(path)) {
      const [target = ""] = link.split("#");
      if (/^[a-z]+:/.test(target) || target === "") continue;
      const file = relative(root, join(root, dirname(path), target.replace(/\/$/, "/README.md")));
      if (DOCUMENTS.includes(file)) reached.add(file);
    }
  const lost = DOCUMENTS.filter((path) => path.startsWith("docs/") && !reached.has(path));
  assert.deepEqual(lost, []);
});
