// The README's examples, run as they stand.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { apiKey, praxis } from './harness.mjs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const examples = Object.fromEntries([...readme.matchAll(/^```(js|python|sh)\n(.*?)^```$/gms)].map(([, language, code]) => [language, code]));

/// The command that runs a file of the language, and what must be there for it.
const languages = {
  js: { command: process.execPath, ending: 'mjs', needs: ['--version'] },
  python: { command: 'python3', ending: 'py', needs: ['-c', 'import openai'] },
  sh: { command: 'sh', ending: 'sh', needs: ['-c', 'command -v curl'] },
};

function missing({ command, needs }) {
  try {
    execFileSync(command, needs, { stdio: 'ignore' });
    return false;
  } catch {
    return `${command} ${needs.join(' ')} fails here`;
  }
}

describe('the README', () => {
  let env;
  before(async () => {
    env = { ...process.env, OPENAI_BASE_URL: (await praxis()).baseURL, OPENAI_API_KEY: apiKey };
  });
  for (const [name, language] of Object.entries(languages))
    test(name, { skip: missing(language) }, async () => {
      // Beside the packages, as a user's file would be.
      const folder = mkdtempSync(join(process.env.PRAXIS_CLIENTS, 'readme-'));
      const file = join(folder, `example.${language.ending}`);
      writeFileSync(file, examples[name]);
      try {
        const { stdout } = await promisify(execFile)(language.command, [file], { env });
        assert.match(stdout, /\w+.*[.!?]/);
        assert.doesNotMatch(stdout, /"error"/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
});
