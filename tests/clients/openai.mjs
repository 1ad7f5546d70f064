// OpenAI's own JavaScript client, in Chat Completions.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat, zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';
import { apiKey, arithmetic, eventually, greeting, praxis, scripted, thoughts, weather } from './harness.mjs';

const tools = [{ type: 'function', function: { name: weather.name, description: weather.description, parameters: weather.schema } }];
const ask = (content) => [{ role: 'user', content }];

/// What a stream's chunks say of their first choice.
async function collect(stream) {
  const said = { content: '', reasoning: '', finishes: [], usages: [] };
  for await (const chunk of stream) {
    if (chunk.usage) said.usages.push(chunk.usage);
    const [choice] = chunk.choices;
    if (!choice) continue;
    said.content += choice.delta.content ?? '';
    said.reasoning += choice.delta.reasoning_content ?? '';
    if (choice.finish_reason) said.finishes.push(choice.finish_reason);
  }
  return said;
}

describe('with a scripted model', () => {
  let server, client;
  before(async () => {
    server = await scripted();
    client = new OpenAI({ baseURL: server.baseURL, apiKey, maxRetries: 0 });
  });

  test("DeepSeek's quick start needs another base URL and key, nothing else", async () => {
    const openai = new OpenAI({ baseURL: server.origin, apiKey });
    const completion = await openai.chat.completions.create({
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: 'Hello!' },
      ],
      model: 'deepseek-reasoner',
      thinking: { type: 'enabled' },
      reasoning_effort: 'high',
      stream: false,
    });
    assert.deepEqual(completion.choices, [{
      index: 0,
      message: { role: 'assistant', content: greeting, reasoning_content: thoughts },
      logprobs: null,
      finish_reason: 'stop',
    }]);
    assert.equal(completion.model, 'deepseek-reasoner');
    assert.equal(completion.object, 'chat.completion');
    assert.deepEqual(completion.usage, {
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_tokens_details: { cached_tokens: 60 },
      completion_tokens_details: { reasoning_tokens: 8 },
      prompt_cache_hit_tokens: 60,
      prompt_cache_miss_tokens: 40,
    });
  });

  test('a stream brings the reasoning before the answer, and its usage once', async () => {
    const request = { model: 'scripted', messages: ask('Hello!'), stream: true };
    const plain = await collect(await client.chat.completions.create(request));
    assert.deepEqual([plain.reasoning, plain.content, plain.finishes], [thoughts, greeting, ['stop']]);
    assert.equal(plain.usages.length, 1);
    const asked = await collect(await client.chat.completions.create({ ...request, stream_options: { include_usage: true } }));
    assert.deepEqual(asked.usages, plain.usages);
    assert.equal(asked.usages[0].prompt_cache_hit_tokens, 60);
  });

  test('chat.completions.stream() puts parallel calls together', async () => {
    const stream = client.chat.completions.stream({ model: 'scripted', messages: ask(weather.question), tools });
    const { choices: [choice] } = await stream.finalChatCompletion();
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.deepEqual(choice.message.tool_calls.map((call) => [call.type, call.function.name, call.function.arguments]), [
      ['function', 'get_weather', '{"city":"Paris"}'],
      ['function', 'get_weather', '{"city":"Rome"}'],
    ]);
    assert.equal(new Set(choice.message.tool_calls.map((call) => call.id)).size, 2);
  });

  for (const dropped of [false, true])
    test(`a tool loop; reasoning ${dropped ? 'dropped' : 'sent back'}; results in another order`, async () => {
      const messages = ask(weather.question);
      const first = await client.chat.completions.create({ model: 'scripted', messages, tools });
      const { message, finish_reason } = first.choices[0];
      assert.equal(finish_reason, 'tool_calls');
      assert.equal(message.content, null);
      assert.equal(message.reasoning_content, thoughts);
      const { reasoning_content, ...bare } = message;
      messages.push(dropped ? bare : message);
      for (const call of message.tool_calls.toReversed())
        messages.push({ role: 'tool', tool_call_id: call.id, content: weather.run(JSON.parse(call.function.arguments)) });

      const { choices: [{ message: answer }] } = await client.chat.completions.create({ model: 'scripted', messages, tools });
      assert.equal(answer.content, 'The tools say: Rome has 27 degrees. Paris has 21 degrees.');
      // Sent back or not, the model sees what it thought, in the tokens that it said it with.
      const seen = (await server.lastInput()).messages[1];
      assert.equal(seen.reasoning, thoughts);
      assert.deepEqual(seen.ids, [11, 12, 13]);
    });

  test('runTools() drives the loop', async () => {
    const called = [];
    const runner = client.chat.completions.runTools({
      model: 'scripted',
      messages: ask(weather.question),
      tools: [zodFunction({
        name: weather.name,
        description: weather.description,
        parameters: z.object({ city: z.string() }),
        function: (args) => (called.push(args.city), weather.run(args)),
      })],
    });
    assert.equal(await runner.finalContent(), weather.answer);
    assert.deepEqual(called, ['Paris', 'Rome']);
  });

  test('JSON output', async () => {
    const { choices: [{ message }] } = await client.chat.completions.create({
      model: 'scripted', messages: ask('say {"city":"Paris"}'), response_format: { type: 'json_object' },
    });
    assert.deepEqual(JSON.parse(message.content), { city: 'Paris' });
    assert.equal((await server.lastInput()).answer_schema, '{"type":"object"}');
  });

  test('parse() with a zod schema', async () => {
    const City = z.object({ city: z.string(), degrees: z.number() });
    const { choices: [{ message }] } = await client.chat.completions.parse({
      model: 'scripted', messages: ask('say {"city":"Paris","degrees":21}'), response_format: zodResponseFormat(City, 'city'),
    });
    assert.deepEqual(message.parsed, { city: 'Paris', degrees: 21 });
    assert.deepEqual(JSON.parse((await server.lastInput()).answer_schema).required, ['city', 'degrees']);
  });

  test('several choices', async () => {
    const { choices } = await client.chat.completions.create({ model: 'scripted', messages: ask('Hello!'), n: 3 });
    assert.deepEqual(choices.map((choice) => [choice.index, choice.message.content]), [[0, greeting], [1, greeting], [2, greeting]]);
  });

  for (const stream of [true, false])
    test(`an aborted ${stream ? 'stream' : 'request'} stops the model`, async () => {
      const lost = await server.metric('praxis_clients_lost_total');
      const steps = (await server.inputs()).length;
      const controller = new AbortController();
      const request = client.chat.completions.create({ model: 'scripted', messages: ask('say I am\nwait'), stream }, { signal: controller.signal });
      const outcome = stream
        ? request.then(async (chunks) => { for await (const _ of chunks) controller.abort(); })
        : eventually(async () => (await server.inputs()).length > steps).then(() => { controller.abort(); return request; });
      if (stream) await outcome.catch(() => {});
      else await assert.rejects(outcome, OpenAI.APIUserAbortError);
      await eventually(async () => (await server.metric('praxis_clients_lost_total')) > lost);
      await eventually(async () => (await server.metric('praxis_requests_under_way')) === 0);
    });

  test('what is sent in a long silence is no part of the answer', async () => {
    const bodies = [];
    const listening = client.withOptions({
      fetch: async (...request) => {
        const reply = await fetch(...request);
        bodies.push(reply.clone().text());
        return reply;
      },
    });
    const request = { model: 'scripted', messages: ask('say I\npause\nsay am here.') };
    const [streamed, whole] = await Promise.all([
      listening.chat.completions.create({ ...request, stream: true }).then(collect),
      listening.chat.completions.create(request),
    ]);
    assert.equal(streamed.content, 'Iam here.');
    assert.equal(whole.choices[0].message.content, 'Iam here.');
    const sent = await Promise.all(bodies);
    assert.ok(sent.some((body) => /^\n+\{/.test(body)), 'blank lines before the whole answer');
    assert.ok(sent.some((body) => /^: keep-alive\n\n/m.test(body)), 'comments in the stream');
  });

  describe('errors arrive as their classes', () => {
    const chat = (more, options) => client.chat.completions.create({ model: 'scripted', messages: ask('Hello!'), ...more }, options);

    test('a wrong key', async () => {
      const stranger = new OpenAI({ baseURL: server.baseURL, apiKey: 'wrong', maxRetries: 0 });
      await assert.rejects(stranger.models.list(), (error) => error instanceof OpenAI.AuthenticationError && error.code === 'invalid_api_key');
    });
    test('an unknown model', () => assert.rejects(chat({ model: 'gpt-4o' }), (error) =>
      error instanceof OpenAI.NotFoundError && error.code === 'model_not_found' && error.param === 'model' && /scripted/.test(error.message)));
    test('a wrong field', () => assert.rejects(chat({ temperature: 'warm' }), (error) =>
      error instanceof OpenAI.BadRequestError && error.param === 'temperature' && error.type === 'invalid_request_error'));
    test('a wrong message', () => assert.rejects(chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }] }), (error) =>
      error instanceof OpenAI.BadRequestError && error.param === 'messages[0].content[0].type'));
    test('a failing model', () => assert.rejects(chat({ messages: ask('break') }), OpenAI.InternalServerError));
    test('a model that fails within a stream', async () => {
      const stream = await chat({ messages: ask('say I am\nbreak'), stream: true });
      await assert.rejects(collect(stream), (error) => error instanceof OpenAI.APIError && error.code === 'internal_error');
    });
  });

  test('models', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ['scripted', 'deepseek-reasoner', 'deepseek-chat']);
    assert.equal((await client.models.retrieve('scripted')).owned_by, 'praxis');
  });
});

describe('with the shipped model', () => {
  let client;
  before(async () => {
    const server = await praxis();
    client = new OpenAI({ baseURL: server.baseURL, apiKey, maxRetries: 0 });
  });
  const { question } = arithmetic;
  const calculator = { type: 'function', function: { name: arithmetic.name, description: arithmetic.description, parameters: arithmetic.schema } };

  test('a stream and the whole answer say the same', async () => {
    const request = { model: 'deepseek-reasoner', messages: ask(question), seed: 7, max_tokens: 200 };
    const whole = await client.chat.completions.create(request);
    const streamed = await collect(await client.chat.completions.create({ ...request, stream: true }));
    const [{ message, finish_reason }] = whole.choices;
    assert.deepEqual([streamed.reasoning, streamed.content, streamed.finishes], [message.reasoning_content ?? '', message.content, [finish_reason]]);
    assert.equal(streamed.usages[0].completion_tokens, whole.usage.completion_tokens);
    assert.ok(streamed.usages[0].prompt_cache_hit_tokens > 0, 'the same prompt again is in the cache');
  });

  test('a tool loop', async () => {
    const messages = ask(question);
    const request = { model: 'deepseek-reasoner', messages, tools: [calculator], temperature: 0 };
    const first = await client.chat.completions.create(request);
    const { message, finish_reason } = first.choices[0];
    assert.equal(finish_reason, 'tool_calls');
    const [call] = message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { expression: '127*49' });
    messages.push(message, { role: 'tool', tool_call_id: call.id, content: arithmetic.run(JSON.parse(call.function.arguments)) });
    const second = await client.chat.completions.create(request);
    assert.equal(second.choices[0].message.content, arithmetic.answer);
    assert.ok(second.usage.prompt_cache_hit_tokens > first.usage.prompt_tokens, 'the first step, its output included, is in the cache');
  });

  test('a tool choice is met', async () => {
    const request = { model: 'deepseek-chat', messages: ask('Hello!'), tools: [calculator], max_tokens: 400, temperature: 0 };
    const forced = await client.chat.completions.create({ ...request, tool_choice: { type: 'function', function: { name: arithmetic.name } } });
    assert.equal(forced.choices[0].finish_reason, 'tool_calls');
    assert.equal(typeof JSON.parse(forced.choices[0].message.tool_calls[0].function.arguments).expression, 'string');
    const free = await client.chat.completions.create({ ...request, tool_choice: 'none' });
    assert.equal(free.choices[0].message.tool_calls, undefined);
  });

  test('an answer that a zod schema describes', async () => {
    const Answer = z.object({ kind: z.enum(['sum', 'product']), operands: z.array(z.int().min(0).max(999)).max(3) });
    const { choices: [{ message }] } = await client.chat.completions.parse({
      model: 'deepseek-chat', messages: ask(question), max_tokens: 200, response_format: zodResponseFormat(Answer, 'answer'),
    });
    Answer.parse(message.parsed);
  });
});
