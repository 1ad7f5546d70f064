// The coding agent pi: a program that edits files by calling its own tools.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apiKey, scripted, thoughts } from './harness.mjs';

const program = join(process.env.PRAXIS_CLIENTS, 'node_modules/@mariozechner/pi-coding-agent/dist/cli.js');

describe('pi', () => {
  let server;
  const folder = mkdtempSync(join(tmpdir(), 'praxis-pi-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  before(async () => {
    server = await scripted();
    const compat = { thinkingFormat: 'deepseek', requiresReasoningContentOnAssistantMessages: true };
    const model = { id: 'deepseek-reasoner', reasoning: true, input: ['text'], contextWindow: 32768, maxTokens: 4096, compat };
    const praxis = { baseUrl: server.baseURL, api: 'openai-completions', apiKey, models: [model] };
    writeFileSync(join(folder, 'models.json'), JSON.stringify({ providers: { praxis } }));
    writeFileSync(join(folder, 'note.txt'), 'The pump is red.');
  });

  /// What it prints for one prompt.
  function pi(prompt) {
    const child = spawn(process.execPath, [program, '--provider', 'praxis', '--model', 'deepseek-reasoner', '--no-session', '-p', prompt], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, PI_OFFLINE: '1', PI_CODING_AGENT_DIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new Promise((resolve, reject) => {
      let said = '';
      child.stdout.on('data', (data) => { said += data; });
      child.on('error', reject);
      child.on('close', (code) => (code === 0 ? resolve(said.trim()) : reject(new Error(`pi ended with ${code}: ${said}`))));
    });
  }

  test('reads and writes files with two calls at once', async () => {
    const said = await pi('call read {"path":"note.txt"}\ncall write {"path":"copy.txt","content":"The pump is blue."}');
    assert.match(said, /^The tools say: The pump is red\./);
    assert.equal(readFileSync(join(folder, 'copy.txt'), 'utf8'), 'The pump is blue.');
    const seen = (await server.lastInput()).messages.find((message) => message.role === 'assistant');
    assert.deepEqual([seen.reasoning, seen.ids], [thoughts, [11, 12, 13]]);
  });
});
