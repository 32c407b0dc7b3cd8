// The documents and their parts: fenced blocks, code spans, links and anchors.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");

/** @typedef {{ language: string, flags: string[], code: string, line: number }} Block */

/** @param {string} folder */
const markdownIn = (folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
    .map((name) => `${folder}/${name}`.replaceAll("\\", "/"))
    .sort();

/** Every document for users and contributors, by its path from the root. */
export const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "pkg-template/README.md",
  ...["tests/README.md", "SECURITY.md"].filter((path) => existsSync(join(root, path))),
  ...markdownIn("docs"),
  ...markdownIn("examples"),
];

/** @param {string} path */
export const read = (path) => readFileSync(join(root, path), "utf8");

/** The fenced blocks of a document. The info string is a language and flags: `ts run`. @param {string} path @returns {Block[]} */
export function blocksOf(path) {
  const blocks = [];
  /** @type {Block | undefined} */
  let open;
  for (const [at, text] of read(path).split("\n").entries()) {
    const fence = /^```(.*)$/.exec(text);
    if (fence && open) {
      blocks.push(open);
      open = undefined;
    } else if (fence) {
      const [language = "", ...flags] = (fence[1] ?? "").trim().split(/\s+/);
      open = { language, flags, code: "", line: at + 1 };
    } else if (open) {
      open.code += `${text}\n`;
    }
  }
  if (open) throw new Error(`${path}: the fence of line ${open.line} is never closed`);
  return blocks;
}

/** The text outside of fenced blocks. @param {string} path */
export const proseOf = (path) => read(path).replace(/^```[\s\S]*?^```$/gm, "");

/** The code spans outside of fenced blocks. @param {string} path @returns {string[]} */
export const spansOf = (path) => [...proseOf(path).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");

/** The targets of links and images. @param {string} path @returns {string[]} */
export const linksOf = (path) =>
  [
    ...proseOf(path)
      .replace(/`[^`\n]*`/g, "")
      .matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm),
  ].map((match) => match[1] ?? match[2] ?? "");

/** The anchors that GitHub gives to a document's headings. @param {string} path @returns {string[]} */
export const anchorsOf = (path) =>
  [...proseOf(path).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );

/** The section under a heading, up to the next heading of that level or above. @param {string} path @param {string} heading */
export function sectionOf(path, heading) {
  const [before, ...rest] = read(path).split(`\n${heading}\n`);
  if (before === undefined || rest.length !== 1) throw new Error(`${path} has no single heading "${heading}"`);
  const level = /^#+/.exec(heading)?.[0].length ?? 1;
  return (rest[0] ?? "").split(new RegExp(`\n#{1,${level}} `))[0] ?? "";
}

/** The rows of a text's tables, a list of cells each, without headings. @param {string} text @returns {string[][]} */
export function rowsOf(text) {
  const rows = [];
  let isBody = false;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) isBody = false;
    else if (/^\|[\s|:-]+\|$/.test(line)) isBody = true;
    else if (isBody)
      rows.push(
        line
          .slice(1, line.lastIndexOf("|"))
          .split("|")
          .map((cell) => cell.trim()),
      );
  }
  return rows;
}

/** The code spans in the first column of a text's tables. @param {string} text */
export const namesIn = (text) =>
  rowsOf(text).flatMap(([first = ""]) => [...first.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""));
