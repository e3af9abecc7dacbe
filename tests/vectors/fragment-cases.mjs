// Gives the cases of fragment-cases.json and the examples to another implementation of JSON Schema, and compares the
// verdicts: `node tests/vectors/fragment-cases.mjs` with ajv and ajv-formats installed (a test dependency). Exit 1 on
// any difference; a case's `ajv` says why that implementation is known to accept what we refuse.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const Ajv = require("ajv/dist/2020.js");
const addFormats = require("ajv-formats");

const root = new URL("../../", import.meta.url);
const load = (path) => JSON.parse(readFileSync(new URL(path, root), "utf8"));

const mergePatch = (target, patch) => {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result = target !== null && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
};

const ajv = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true });
(addFormats.default ?? addFormats)(ajv);
const validate = ajv.compile(load("proto/schema/fragment.schema.json"));

const { bases, cases } = load("tests/vectors/fragment-cases.json");
const all = cases.map((test) => ({
  name: test.name,
  content: "content" in test ? test.content : mergePatch(bases[test.base], test.patch),
  valid: test.problems.length === 0 || "ajv" in test,
}));
for (const file of readdirSync(new URL("docs/examples/", root)).filter((name) => name.endsWith(".json")))
  all.push({ name: file, content: load("docs/examples/" + file), valid: true });

let different = 0;
for (const { name, content, valid } of all) {
  if (validate(content) === valid) continue;
  different++;
  console.log(`differs: ${name}: ${valid ? "refused" : "accepted"} by ajv`);
}
console.log(`${all.length - different} agree, ${different} differ`);
process.exit(different === 0 ? 0 : 1);
