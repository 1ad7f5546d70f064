// OpenAI's own JavaScript client and its Agents SDK, in the Responses API.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Agent, run, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { apiKey, eventually, greeting, praxis, scripted, thoughts, weather } from './harness.mjs';

const model = 'deepseek-reasoner';
const tools = [{ type: 'function', name: weather.name, description: weather.description, parameters: weather.schema, strict: true }];
const calls = (response) => response.output.filter((item) => item.type === 'function_call');
const results = (response) =>
  calls(response).map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: weather.run(JSON.parse(call.arguments)) }));

describe('openai with a scripted model', () => {
  let server, client;
  before(async () => {
    server = await scripted();
    client = new OpenAI({ baseURL: server.baseURL, apiKey, maxRetries: 0 });
  });

  test('a question and its answer, kept and asked for again', async () => {
    const response = await client.responses.create({ model, input: 'Hello!', instructions: 'Be brief.' });
    assert.equal(response.output_text, greeting);
    assert.equal(response.output[0].content[0].text, thoughts);
    assert.deepEqual(response.usage, {
      input_tokens: 100,
      input_tokens_details: { cached_tokens: 60, cache_write_tokens: 40 },
      output_tokens: 20,
      output_tokens_details: { reasoning_tokens: 8 },
      total_tokens: 120,
    });
    const { _request_id, ...again } = await client.responses.retrieve(response.id);
    assert.deepEqual(again, JSON.parse(JSON.stringify(response)));
    const items = await client.responses.inputItems.list(response.id);
    assert.deepEqual(items.data.map((item) => item.content), [[{ type: 'input_text', text: 'Hello!' }]]);
    await client.responses.delete(response.id);
    await assert.rejects(client.responses.retrieve(response.id), { status: 404 });
  });

  test('a stream accumulates to the response that ends it', async () => {
    const stream = client.responses.stream({ model, input: weather.question, tools: [zodResponsesFunction({ name: weather.name, parameters: z.object({ city: z.string() }) })] });
    const events = [];
    for await (const event of stream) events.push(event);
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
    const response = await stream.finalResponse();
    assert.deepEqual(calls(response).map((call) => call.parsed_arguments), [{ city: 'Paris' }, { city: 'Rome' }]);
    assert.deepEqual(response.output.map((item) => item.status), ['completed', 'completed', 'completed']);
  });

  test('thoughts are streamed as the summary that is asked for', async () => {
    let summary = '';
    const stream = client.responses.stream({ model, input: 'Hello!', reasoning: { summary: 'auto' } });
    stream.on('response.reasoning_summary_text.delta', ({ delta }) => (summary += delta));
    assert.equal((await stream.finalResponse()).output_text, greeting);
    assert.equal(summary, thoughts);
  });

  for (const [how, next] of Object.entries({
    'by previous_response_id': (first) => ({ previous_response_id: first.id, input: results(first) }),
    'with all items given back, nothing stored': (first) => ({ store: false, input: [{ role: 'user', content: weather.question }, ...first.output, ...results(first)] }),
    'with thoughts dropped, nothing stored': (first) => ({ store: false, input: [{ role: 'user', content: weather.question }, ...calls(first), ...results(first)] }),
    'with references to items': (first) => ({ input: [{ role: 'user', content: weather.question }, ...first.output.map(({ id }) => ({ type: 'item_reference', id })), ...results(first)] }),
  }))
    test(`a tool loop ${how} shows the model the same`, async () => {
      const request = next(await client.responses.create({ model, input: weather.question, tools, store: how.includes('nothing') ? false : undefined }));
      const answer = await client.responses.create({ model, tools, ...request });
      assert.equal(answer.output_text, weather.answer);
      const { messages } = await server.lastInput();
      assert.deepEqual(messages.map((message) => message.role), ['user', 'assistant', 'tool', 'tool']);
      assert.equal(messages[1].reasoning, thoughts);
      assert.deepEqual(messages[1].ids, [11, 12, 13]);
    });

  test('a custom tool is called with text', async () => {
    const response = await client.responses.create({ model, input: 'call patch {"input":"a\\nb"}', tools: [{ type: 'custom', name: 'patch' }] });
    const { type, name, input } = response.output.at(-1);
    assert.deepEqual({ type, name, input }, { type: 'custom_tool_call', name: 'patch', input: 'a\nb' });
  });

  test('unknown responses, what cannot be done and what breaks have names', async () => {
    await assert.rejects(client.responses.create({ model, input: 'x', previous_response_id: 'resp_x' }), { status: 404, code: 'previous_response_not_found' });
    await assert.rejects(client.responses.create({ model, input: 'x', background: true }), { status: 400, param: 'background' });
    await assert.rejects(client.responses.create({ model, input: 'break' }), { status: 500 });
    const events = [];
    for await (const event of await client.responses.create({ model, input: 'break', stream: true })) events.push(event);
    assert.equal(events.at(-1).type, 'response.failed');
    assert.equal(events.at(-1).response.error.code, 'server_error');
  });

  test('silence is filled, and a client that leaves ends the work', async () => {
    assert.equal((await client.responses.create({ model, input: 'pause\nsay done' })).output_text, 'done');
    const lost = await server.metric('praxis_clients_lost_total');
    const stream = await client.responses.create({ model, input: 'say a\nwait', stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    await eventually(async () => (await server.metric('praxis_clients_lost_total')) === lost + 1);
  });
});

describe('openai with the shipped model', () => {
  test('the second step finds the first in the cache, and a schema binds the answer', async () => {
    const server = await praxis();
    const client = new OpenAI({ baseURL: server.baseURL, apiKey, maxRetries: 0 });
    const calculator = { type: 'function', name: 'calculator', description: 'Evaluate an arithmetic expression exactly.', parameters: { type: 'object', properties: { expression: { type: 'string' } }, required: ['expression'] }, strict: true };
    const first = await client.responses.create({ input: 'What is 127*49?', tools: [calculator] });
    const [{ call_id, arguments: text }] = calls(first);
    assert.deepEqual(JSON.parse(text), { expression: '127*49' });
    const second = await client.responses.create({ previous_response_id: first.id, input: [{ type: 'function_call_output', call_id, output: '6223' }], tools: [calculator] });
    assert.match(second.output_text, /6223/);
    assert.equal(second.usage.input_tokens_details.cached_tokens, first.usage.total_tokens);
    const person = await client.responses.parse({ input: 'Extract: Ada is 36 years old.', text: { format: zodTextFormat(z.object({ name: z.string(), age: z.number().int() }), 'person') } });
    assert.equal(person.output_parsed.age, 36);
  });
});

describe('Agent', () => {
  let server;
  before(async () => {
    server = await scripted();
    setDefaultOpenAIClient(new OpenAI({ baseURL: server.baseURL, apiKey, maxRetries: 0 }));
    setOpenAIAPI('responses');
    setTracingDisabled(true);
  });
  const getWeather = tool({
    name: weather.name, description: weather.description, parameters: z.object({ city: z.string() }), execute: weather.run,
  });
  const agent = new Agent({ name: 'Forecaster', instructions: 'Help.', model, tools: [getWeather] });

  for (const stream of [false, true])
    test(`two calls at once${stream ? ', streamed' : ''}, then on from the response`, async () => {
      const result = await run(agent, weather.question, { stream });
      if (stream) await result.completed;
      assert.equal(result.finalOutput, weather.answer);
      assert.equal((await run(agent, 'Hello!', { previousResponseId: result.lastResponseId })).finalOutput, greeting);
      const { messages } = await server.lastInput();
      assert.deepEqual(messages.map((message) => message.role), ['system', 'user', 'assistant', 'tool', 'tool', 'assistant', 'user']);
    });

  test('an output type', async () => {
    const outputType = z.object({ city: z.string() });
    const reader = new Agent({ name: 'Reader', instructions: 'Read.', model, outputType });
    assert.deepEqual((await run(reader, 'say {"city":"Paris"}')).finalOutput, { city: 'Paris' });
  });
});
