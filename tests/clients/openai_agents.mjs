// OpenAI's Agents SDK over Chat Completions.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Agent, OpenAIProvider, run, Runner, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import { apiKey, arithmetic, greeting, praxis, scripted, thoughts, weather } from './harness.mjs';

const connect = ({ baseURL }) => new OpenAI({ baseURL, apiKey, maxRetries: 0 });

describe('Agent', () => {
  let server;
  before(async () => {
    server = await scripted();
    setDefaultOpenAIClient(connect(server));
    setOpenAIAPI('chat_completions');
    setTracingDisabled(true);
  });
  const getWeather = tool({
    name: weather.name, description: weather.description, parameters: z.object({ city: z.string() }), execute: weather.run,
  });
  const agent = new Agent({ name: 'Forecaster', instructions: 'Help.', model: 'deepseek-reasoner', tools: [getWeather] });

  test('a question and its answer', async () => {
    assert.equal((await run(agent, 'Hello!')).finalOutput, greeting);
  });

  for (const stream of [false, true])
    test(`two calls at once${stream ? ', streamed' : ''}; the reasoning that it drops is attached again`, async () => {
      const result = await run(agent, weather.question, { stream });
      if (stream) await result.completed;
      assert.equal(result.finalOutput, weather.answer);
      const { messages } = await server.lastInput();
      const seen = messages.find((message) => message.role === 'assistant');
      assert.equal(seen.reasoning, thoughts);
      assert.deepEqual(messages.filter((message) => message.role === 'tool').map((message) => message.call_id), seen.calls.map((call) => call.id));
    });

  test('an output type', async () => {
    const outputType = z.object({ city: z.string() });
    const reader = new Agent({ name: 'Reader', instructions: 'Read.', model: 'deepseek-reasoner', outputType });
    assert.deepEqual((await run(reader, 'say {"city":"Paris"}')).finalOutput, { city: 'Paris' });
    assert.deepEqual(JSON.parse((await server.lastInput()).answer_schema).required, ['city']);
  });

  test('the shipped model calls a tool and answers', async () => {
    const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient: connect(await praxis()), useResponses: false }) });
    const { name, description, run: execute, question, answer } = arithmetic;
    const calculator = tool({ name, description, parameters: z.object({ expression: z.string().max(1000) }), execute });
    const accountant = new Agent({ name: 'Accountant', model: 'deepseek-reasoner', modelSettings: { temperature: 0 }, tools: [calculator] });
    assert.equal((await runner.run(accountant, question)).finalOutput, answer);
  });
});
