// node judge.mjs ORACLES FILE...: what the validator of hyperjump.io, installed in the folder ORACLES,
// says of groups {description, schema, tests: [{data or text, valid}]}, formats asserted. One line for
// each verdict that differs, and exit status 1 if there is one. Groups with "beyond_judge" are left
// out: it says why.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [oracles, ...files] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(resolve(oracles, "node_modules/@hyperjump/json-schema", path)));
const { registerSchema, unregisterSchema, validate, setShouldValidateFormat } = await load("draft-2020-12/index.js");
await Promise.all(["draft-2019-09/index.js", "draft-07/index.js", "formats/index.js"].map(load));
setShouldValidateFormat(true);

const newest = "https://json-schema.org/draft/2020-12/schema";
let groups = 0, judged = 0, left = 0, wrong = 0;
const differs = (file, group, what) => {
  wrong++;
  console.log(`${file}: ${group.description}: ${what}`);
};
for (const file of files) {
  for (const group of JSON.parse(readFileSync(file, "utf8"))) {
    if (group.beyond_judge) { left++; continue; }
    const uri = `https://praxis.test/${++groups}`;
    try {
      registerSchema(group.schema, uri, newest);
      const judge = await validate(uri);
      for (const test of group.tests) {
        judged++;
        const { valid } = judge("text" in test ? JSON.parse(test.text) : test.data);
        if (valid !== test.valid)
          differs(file, group, `${test.text ?? JSON.stringify(test.data)} is ${valid ? "valid" : "invalid"}`);
      }
    } catch (error) {
      differs(file, group, error.message);
    }
    unregisterSchema(uri);
  }
}
console.log(`${judged} values judged, ${left} groups left out, ${wrong} verdicts differ`);
process.exitCode = wrong || !judged ? 1 : 0;
