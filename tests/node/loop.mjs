// The official openai package against the emulator: one call, one stream, and an agent loop that
// calls tools in parallel and marks its own messages. Reads a job from standard input, prints what
// it saw.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const { base, body, system, tools } = JSON.parse(readFileSync(0, "utf8"));
const client = new OpenAI({ baseURL: base, apiKey: "sk-secret", maxRetries: 0, timeout: 10000 });
const usage = [];
const cache_control = { type: "ephemeral" };
const text = (words, marked) => [{ type: "text", text: words, ...(marked && { cache_control }) }];

const plain = await client.chat.completions.create(body);
usage.push(plain.usage);

const streamed = await client.chat.completions.create({
  ...body,
  stream: true,
  stream_options: { include_usage: true },
});
let said = "";
for await (const chunk of streamed) {
  said += chunk.choices[0]?.delta?.content ?? "";
  if (chunk.usage) usage.push(chunk.usage);
}

const history = [{ role: "user", content: "Where is it warm?" }];
let answer;
do {
  const marked = history.map((message, index) =>
    index === history.length - 1 ? { ...message, content: text(message.content, true) } : message,
  );
  const completion = await client.chat.completions.create({
    model: body.model,
    messages: [{ role: "system", content: text(system, true) }, ...marked],
    tools,
  });
  usage.push(completion.usage);
  answer = completion.choices[0].message;
  history.push(answer);
  for (const call of answer.tool_calls ?? []) {
    const { city } = JSON.parse(call.function.arguments);
    history.push({ role: "tool", tool_call_id: call.id, content: `mild in ${city}` });
  }
} while (answer.tool_calls);

console.log(JSON.stringify({ usage, said, answer: answer.content }));
