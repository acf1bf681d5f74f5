// Runs componentize-js: node's arguments are the source, the WIT, the name of the world, and the file to write.
//
// componentize-js (0.18 to 0.23 tried) passes integers between the engine and its own bindings wrongly: a `u32` from 2147483648
// on that is a result or an argument by itself becomes another number, and a negative `s64` traps or is read as a positive one.
// The bindings are text, so the numbers are put right in them, in the form that the engine takes: `u32` as a signed number of 32
// bits, `s64` as an unsigned one of 64 bits. Values in memory, such as in lists, are as before.

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const entry = import.meta.resolve("@bytecodealliance/componentize-js");
const { componentize, version } = await import(entry);
const { splicer } = await import(new URL("../lib/spidermonkey-embedding-splicer.js", entry));

const changed = (text, from, to) => {
  const done = text.replace(from, to);
  if (done === text) {
    throw new Error(`componentize-js ${version} is unknown to palisade: install 0.23.0`);
  }
  return done;
};

const signed = `const $signed = (value) => typeof value === "bigint" ? BigInt.asIntN(64, value) : value;
const $wrapped = (value) => typeof value === "function" ? (...all) => $signed(value(...all)) : value;
`;

const splice = splicer.spliceBindings;
splicer.spliceBindings = (...all) => {
  const spliced = splice(...all);
  let text = changed(spliced.jsBindings, "] = $bindings;", "] = $bindings.map($wrapped);");
  if (text.includes("function toUint32(")) {
    text = changed(text, "return val >>> 0;", "return val | 0;");
  }
  if (text.includes("function toInt64(")) {
    text = changed(text, "return BigInt.asIntN(64, converted);", "return BigInt.asUintN(64, converted);");
  }
  text = text.replace(/^(async function export_[^(]*\(([^)]+)\) \{)$/gm, "$1 [$2] = [$2].map($signed);");
  spliced.jsBindings = signed + text;
  return spliced;
};

const [sourcePath, witPath, worldName, out] = process.argv.slice(1);
// No host has `wasi:http`.
const disableFeatures = ["http", "fetch-event"];
try {
  const { component } = await componentize({ sourcePath, witPath, worldName, disableFeatures });
  await writeFile(out, component);
} catch (error) {
  // The tool counts mistakes of syntax and does not show them.
  const { parseSync } = createRequire(entry)("oxc-parser");
  for (const { codeframe, message } of parseSync(sourcePath, await readFile(sourcePath, "utf8")).errors) {
    console.error(codeframe ?? message);
  }
  console.error(error?.message ?? error);
  process.exit(1);
}
