// Draws Graphviz sources: node render.mjs FOLDER FILE.dot... FOLDER holds @viz-js/viz in its node_modules.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, ...files] = process.argv.slice(2);
const { instance } = createRequire(resolve(folder, "package.json"))("@viz-js/viz");
const viz = await instance();
for (const file of files) {
  const svg = viz.renderString(readFileSync(file, "utf-8"), { format: "svg", engine: "dot" });
  writeFileSync(file.replace(/\.dot$/, ".svg"), svg.replace(/\s*<!DOCTYPE[^>]*>/, "").trimEnd() + "\n");
}
