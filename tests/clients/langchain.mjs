// LangChain's DeepSeek model, which drops the reasoning from the conversation it sends back.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatDeepSeek } from '@langchain/deepseek';
import { z } from 'zod';
import { apiKey, arithmetic, greeting, praxis, scripted, thoughts, weather } from './harness.mjs';

const connect = ({ baseURL }, options) =>
  new ChatDeepSeek({ model: 'deepseek-reasoner', apiKey, maxRetries: 0, configuration: { baseURL }, ...options });

describe('ChatDeepSeek', () => {
  let server, model;
  before(async () => {
    server = await scripted();
    model = connect(server);
  });
  const getWeather = tool((args) => weather.run(args), { name: weather.name, description: weather.description, schema: z.object({ city: z.string() }) });

  test('a question and its answer', async () => {
    const reply = await model.invoke('Hello!');
    assert.equal(reply.content, greeting);
    assert.equal(reply.additional_kwargs.reasoning_content, thoughts);
    assert.equal(reply.usage_metadata.input_tokens, 100);
    assert.equal(reply.usage_metadata.output_tokens, 20);
  });

  const ways = {
    invoke: (messages) => model.bindTools([getWeather]).invoke(messages),
    stream: async (messages) => {
      let whole;
      for await (const chunk of await model.bindTools([getWeather]).stream(messages)) whole = whole ? whole.concat(chunk) : chunk;
      return whole;
    },
  };
  for (const [way, ask] of Object.entries(ways))
    test(`${way}: two calls at once, and the reasoning that it drops is attached again`, async () => {
      const messages = [new HumanMessage(weather.question)];
      const reply = await ask(messages);
      assert.deepEqual(reply.tool_calls.map((call) => call.args), [{ city: 'Paris' }, { city: 'Rome' }]);
      messages.push(reply);
      for (const call of reply.tool_calls) messages.push(new ToolMessage({ tool_call_id: call.id, content: weather.run(call.args) }));
      assert.equal((await ask(messages)).content, weather.answer);
      const seen = (await server.lastInput()).messages[1];
      assert.equal(seen.reasoning, thoughts);
      assert.deepEqual(seen.ids, [11, 12, 13]);
    });

  test('withStructuredOutput', async () => {
    const City = z.object({ city: z.string(), degrees: z.number() });
    const structured = model.withStructuredOutput(City, { name: 'city', method: 'functionCalling' });
    assert.deepEqual(await structured.invoke('call city {"city":"Paris","degrees":21}'), { city: 'Paris', degrees: 21 });
    assert.deepEqual(JSON.parse((await server.lastInput()).tool_choice), { type: 'function', function: { name: 'city' } });
  });

  test('the shipped model calls a tool and answers', async () => {
    const { name, description, run, question, answer } = arithmetic;
    const calculator = tool((args) => run(args), { name, description, schema: z.object({ expression: z.string().max(1000) }) });
    const shipped = connect(await praxis(), { temperature: 0 }).bindTools([calculator]);
    const messages = [new HumanMessage(question)];
    messages.push(await shipped.invoke(messages));
    for (const call of messages.at(-1).tool_calls) messages.push(await calculator.invoke(call));
    assert.equal((await shipped.invoke(messages)).content, answer);
  });
});
