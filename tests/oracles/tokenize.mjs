// node tokenize.mjs ORACLES TOKENIZER TEXTS IDS: token ids by Hugging Face's own library, whose node
// package is installed in the folder ORACLES. TEXTS is a JSON array of base64: bytes that need not
// be UTF-8 and are read as every browser reads them, U+FFFD for each maximal broken subpart. IDS
// becomes an array of id arrays; no special tokens are added around a text.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [oracles, tokenizerFile, textsFile, idsFile] = process.argv.slice(2);
const { Tokenizer } = createRequire(resolve(oracles, "package.json"))("tokenizers");

const tokenizer = Tokenizer.fromFile(tokenizerFile);
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const ids = [];
for (const base64 of JSON.parse(readFileSync(textsFile, "utf8"))) {
  const text = utf8.decode(Buffer.from(base64, "base64"));
  const encoding = await tokenizer.encode(text, null, { addSpecialTokens: false });
  ids.push(encoding.getIds());
}
writeFileSync(idsFile, JSON.stringify(ids));
