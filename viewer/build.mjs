// Bundles src/main.js with three.js into one script that the page carries inline.
// Usage: node build.mjs [where to write it]
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const licence = await readFile(here("node_modules/three/LICENSE"), "utf8");
const { version } = JSON.parse(await readFile(here("node_modules/three/package.json"), "utf8"));

await build({
  entryPoints: [here("src/main.js")],
  outfile: process.argv[2] ?? here("../mmpart_core/output/assets/viewer.js"),
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  banner: { js: `/*!\nContains three.js ${version}.\n\n${licence.trim()}\n*/` },
});
