// The servers that clients are tested with, and what can be seen of them from outside.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const apiKey = 'test-key';

class Server {
  constructor(origin) {
    this.origin = origin;
    this.baseURL = `${origin}/v1`;
  }

  async get(path) {
    const reply = await fetch(this.origin + path, { headers: { authorization: `Bearer ${apiKey}` } });
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    return reply;
  }

  /// What the scripted model was given, step by step.
  async inputs() {
    return (await this.get('/test/inputs')).json();
  }

  async lastInput() {
    return (await this.inputs()).at(-1);
  }

  async metric(name) {
    const line = (await (await this.get('/metrics')).text()).split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.split(' ')[1]);
  }
}

/// Starts a server, which prints its address; it ends with this process.
function start(command, args, folder) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  return new Promise((resolve, reject) => {
    let said = '';
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
    child.stdout.on('data', (data) => {
      said += data;
      const address = said.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (!address) return;
      child.unref();
      child.stdout.unref();
      resolve(new Server(address[0]));
    });
  });
}

const scratch = () => mkdtempSync(join(tmpdir(), 'praxis-clients-'));

/// The server over a model that does what the last user message says; scripted_server.cpp has its verbs.
export function scripted() {
  const folder = scratch();
  return start(process.env.PRAXIS_SCRIPTED, [folder], folder);
}

/// `praxis serve` with the shipped model.
export function praxis() {
  const folder = scratch();
  const args = ['serve', '--port', '0', '--api-key', apiKey, '--db', join(folder, 'praxis.db'), '--quiet'];
  return start(process.env.PRAXIS, args, folder);
}

/// Resolves once `condition` holds; the test's own time limit bounds it.
export async function eventually(condition) {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

/// What each client's tool loop is about: two calls at once, and an answer that quotes both results.
export const weather = {
  name: 'get_weather',
  description: 'The temperature in a city',
  schema: {
    type: 'object',
    properties: { city: { type: 'string', description: 'Its name' } },
    required: ['city'],
    additionalProperties: false,
  },
  question: 'call get_weather {"city":"Paris"}\ncall get_weather {"city":"Rome"}',
  run: ({ city }) => `${city} has ${{ Paris: 21, Rome: 27 }[city]} degrees.`,
  answer: 'The tools say: Paris has 21 degrees. Rome has 27 degrees.',
};
export const thoughts = 'Let me think about this.';
export const greeting = 'Hello! How can I help you today?';

/// What the shipped model can do with a tool, whichever client brings it.
export const arithmetic = {
  name: 'calculator',
  description: 'Evaluate an arithmetic expression exactly.',
  schema: {
    type: 'object',
    properties: { expression: { type: 'string', maxLength: 1000 } },
    required: ['expression'],
    additionalProperties: false,
  },
  question: 'What is 127 times 49?',
  run({ expression }) {
    const [, a, b] = expression.match(/^(\d+) *\* *(\d+)$/);
    return String(a * b);
  },
  answer: 'The answer is 6223.',
};
