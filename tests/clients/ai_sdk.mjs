// Vercel's AI SDK, both majors in use, with its DeepSeek provider and with the one for servers like
// this one.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as ai6 from 'ai-6';
import * as ai7 from 'ai';
import { createDeepSeek as createDeepSeek2 } from '@ai-sdk/deepseek-2';
import { createDeepSeek as createDeepSeek3 } from '@ai-sdk/deepseek';
import { createOpenAICompatible as createCompatible2 } from '@ai-sdk/openai-compatible-2';
import { createOpenAICompatible as createCompatible3 } from '@ai-sdk/openai-compatible';
import { z } from 'zod';
import { apiKey, arithmetic, greeting, praxis, scripted, thoughts, weather } from './harness.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const providers = {
  'ai 6, deepseek 2': [ai6, ({ baseURL }) => createDeepSeek2({ baseURL, apiKey })],
  'ai 7, deepseek 3': [ai7, ({ baseURL }) => createDeepSeek3({ baseURL, apiKey })],
  'ai 6, openai-compatible 2': [ai6, ({ baseURL }) => createCompatible2({ name: 'praxis', baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true })],
  'ai 7, openai-compatible 3': [ai7, ({ baseURL }) => createCompatible3({ name: 'praxis', baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true })],
};

const toolOf = (ai, { description, run }, inputSchema) => ai.tool({ description, inputSchema, execute: run });

for (const [name, [ai, create]] of Object.entries(providers))
  describe(name, () => {
    let server, model;
    before(async () => {
      server = await scripted();
      model = create(server)('deepseek-reasoner');
    });

    test('generateText', async () => {
      const result = await ai.generateText({ model, prompt: 'Hello!' });
      assert.deepEqual([result.text, result.reasoningText, result.finishReason], [greeting, thoughts, 'stop']);
      assert.equal(result.usage.inputTokens, 100);
      assert.equal(result.usage.outputTokens, 20);
      assert.equal(result.usage.inputTokenDetails.cacheReadTokens, 60);
      assert.equal(result.usage.outputTokenDetails.reasoningTokens, 8);
    });

    test('streamText with two calls at once', async () => {
      const result = ai.streamText({
        model,
        prompt: weather.question,
        stopWhen: ai.stepCountIs(4),
        tools: { [weather.name]: toolOf(ai, weather, z.object({ city: z.string() })) },
      });
      const seen = [];
      for await (const part of result.fullStream) {
        if (part.type === 'error') throw part.error;
        if (part.type !== seen.at(-1)) seen.push(part.type);
      }
      const steps = await result.steps;
      assert.deepEqual(steps.map((step) => [step.finishReason, step.toolCalls.length, step.reasoningText]), [['tool-calls', 2, thoughts], ['stop', 0, thoughts]]);
      assert.equal(await result.text, weather.answer);
      for (const part of ['reasoning-start', 'reasoning-delta', 'reasoning-end', 'tool-input-start', 'tool-input-delta', 'tool-call', 'tool-result', 'text-delta'])
        assert.ok(seen.includes(part), part);
      assert.equal((await result.totalUsage).inputTokens, 200);
      assert.deepEqual((await server.lastInput()).messages[1].ids, [11, 12, 13]);
    });

    test('an object by a schema', async () => {
      const schema = z.object({ city: z.string(), degrees: z.number() });
      const prompt = 'say {"city":"Paris","degrees":21}';
      const result = await ai.generateText({ model, prompt, output: ai.Output.object({ schema }) });
      assert.deepEqual(result.output, { city: 'Paris', degrees: 21 });
      assert.equal(JSON.parse((await server.lastInput()).answer_schema).type, 'object');
    });

    test('an error has its status and message', async () => {
      await assert.rejects(ai.generateText({ model: create(server)('gpt-4o'), prompt: 'Hello!', maxRetries: 0 }), (error) =>
        error.statusCode === 404 && /there is no model named gpt-4o/.test(error.message));
    });
  
    test('the shipped model calls a tool and answers', async () => {
      const { textStream, steps } = ai.streamText({
        model: create(await praxis())('deepseek-reasoner'),
        prompt: arithmetic.question,
        temperature: 0,
        stopWhen: ai.stepCountIs(4),
        tools: { [arithmetic.name]: toolOf(ai, arithmetic, z.object({ expression: z.string().max(1000) })) },
      });
      let said = '';
      for await (const text of textStream) said += text;
      assert.equal(said, arithmetic.answer);
      assert.deepEqual((await steps)[0].toolResults.map((result) => result.output), ['6223']);
    });
  });
