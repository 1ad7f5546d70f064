// node judge.mjs ORACLES TEXTS WALKS: random walks judged by ajv, installed in the folder ORACLES, held to
// what each schema's draft says. TEXTS: {id, schema} a line; WALKS: {id, end, hex} a line, hex: the text that
// a walk wrote if its end is "done". Prints the texts that are not valid, a count of everything, and ends
// with status 1 if there is one. README.md says where ajv's own defaults are not the drafts'.
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const [oracles, texts, walks] = process.argv.slice(2);
const require = createRequire(resolve(oracles, "package.json"));
const addFormats = require("ajv-formats");
const dialects = { 4: "ajv-draft-04", 6: "ajv", 7: "ajv", 2019: "ajv/dist/2019", 2020: "ajv/dist/2020" };
// Of validation 2020-12, section 7.3; ajv-formats knows no others of them, but names that no draft has.
const formats = ["date-time", "date", "time", "duration", "hostname", "ipv4", "ipv6", "uri", "uri-reference",
                 "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex"];

const newest = 2020;
const draftOf = (schema) => {
  const named = /draft-0([467])|(2019-09|2020-12)/.exec(schema?.$schema ?? "");
  return named ? Number(named[1] ?? named[2].slice(0, 4)) : newest;
};

/// JSON as JSON.parse reads it, and how each number was written: numbers.get(container).get(name).
function read(text) {
  const token = /[\s]*("(?:[^"\\]|\\.)*"|[^\s,:[\]{}"]+|[,:[\]{}])/gy;
  const numbers = new Map();
  const next = () => token.exec(text)?.[1] ?? "";
  const value = (first, container, name) => {
    if (first === "{" || first === "[") {
      const list = first === "[";
      const made = list ? [] : {};
      numbers.set(made, new Map());
      let part = next();
      for (let index = 0; part !== "]" && part !== "}"; index++) {
        const key = list ? index : JSON.parse(part);
        if (!list) part = (next(), next());
        Object.defineProperty(made, key, { value: value(part, made, key), enumerable: true, writable: true, configurable: true });
        if ((part = next()) === ",") part = next();
      }
      return made;
    }
    const scalar = JSON.parse(first);
    if (typeof scalar === "number") numbers.get(container).set(String(name), first);
    return scalar;
  };
  JSON.parse(text);  // throws unless it is one JSON text
  const root = [];  // the text as the only item of a list, so that a number alone has a place, too
  numbers.set(root, new Map());
  root.push(value(next(), root, 0));
  return { root, numbers };
}

/// A JSON number as digits * 10 ** power.
function decimal(written) {
  const [, sign, whole, fraction = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(written);
  return { digits: BigInt(sign + whole + fraction), power: Number(power) - fraction.length };
}

/// Exactly, as no pair of doubles can say it (validation, section 6.2.1).
function isMultiple(written, divisor) {
  const a = decimal(written), b = decimal(divisor);
  if (a.digits === 0n) return true;
  const apart = a.power - b.power;
  if (Math.abs(apart) > 10_000) return apart > 0 && /^[12458]0*$/.test(String(b.digits));
  return apart >= 0 ? (a.digits * 10n ** BigInt(apart)) % b.digits === 0n : a.digits % (b.digits * 10n ** BigInt(-apart)) === 0n;
}

let written;  // the numbers of the text that is being judged
const divided = {
  keyword: "multipleOf",
  type: "number",
  schemaType: "number",
  validate: (divisor, _data, _schema, at) =>
      isMultiple(written.get(at.parentData)?.get(String(at.parentDataProperty)) ?? String(at.parentData[at.parentDataProperty]), String(divisor)),
};

/// Up to draft 7 a $ref hides what is beside it; ajv, told so, still asks for the `type`. No draft knows
/// $async, which makes a promise of ajv's verdict.
function hide(schema, draft, isMap) {
  if (typeof schema !== "object" || schema === null) return;
  if (draft <= 7 && typeof schema.$ref === "string") delete schema.type;
  if (schema.$async === true) delete schema.$async;
  for (const [key, child] of Object.entries(schema)) {
    if (isMap || !["enum", "const", "default", "examples"].includes(key))
      hide(child, draft, !isMap && ["properties", "patternProperties", "definitions", "$defs", "dependencies"].includes(key));
  }
}

// RFC 5321, section 4.1.2: Mailbox. The one of ajv-formats asks for a dot in the domain and knows neither
// quoted names nor address literals.
const atom = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+", label = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
const email = new RegExp(
    `^(?:${atom}(?:\\.${atom})*|"(?:[ !#-\\[\\]-~]|\\\\[ -~])*")@(?:${label}(?:\\.${label})*|\\[[!-Z^-~]+\\])$`, "i");

function compiled(schema) {
  const draft = draftOf(schema);
  const { default: Ajv } = require(dialects[draft]);
  const ajv = new Ajv({ strict: false, logger: false, ownProperties: true, ignoreKeywordsWithRef: draft <= 7 });
  if (draft === 6) ajv.addMetaSchema(require("ajv/dist/refs/json-schema-draft-06.json"));
  addFormats(ajv, { mode: "full", formats });
  ajv.addFormat("email", email);
  ajv.removeKeyword("multipleOf");
  ajv.addKeyword(divided);
  hide(schema, draft, false);
  return ajv.compile(schema);
}

async function* lines(path) {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line) yield JSON.parse(line);
  }
}

const judges = new Map();
const refused = new Map();
for await (const { id, schema } of lines(texts)) judges.set(id, schema);
const count = { walks: 0, unfinished: 0, of_refused_schemas: 0, judged: 0, invalid: 0 };
const wrong = new Set(), seen = new Set();
for await (const walk of lines(walks)) {
  count.walks++;
  if (walk.end !== "done") { count.unfinished++; continue; }
  if (typeof judges.get(walk.id) === "string") {
    try {
      judges.set(walk.id, compiled(JSON.parse(judges.get(walk.id))));
    } catch (error) {
      judges.set(walk.id, null);
      refused.set(walk.id, error.message);
    }
  }
  const judge = judges.get(walk.id);
  if (!judge) { count.of_refused_schemas++; continue; }
  const text = Buffer.from(walk.hex, "hex").toString();
  count.judged++;
  seen.add(walk.id);
  let why;
  try {
    const { root, numbers } = read(text);
    written = numbers;
    if (judge(root[0], { parentData: root, parentDataProperty: 0, rootData: root, dynamicAnchors: {} })) continue;
    why = judge.errors.map((error) => `${error.schemaPath} ${error.message}`).slice(0, 3).join("; ");
  } catch (error) {
    why = error.message;
  }
  count.invalid++;
  wrong.add(walk.id);
  console.log(`${walk.id}: ${why}: ${text.slice(0, 200)}`);
}
console.log(JSON.stringify({ ...count, schemas_judged: seen.size, schemas_refused_by_ajv: refused.size, schemas_with_invalid: wrong.size }));
process.exitCode = count.invalid || !count.judged ? 1 : 0;
