// A formatter for OpenAI chat without marks, media or requests: texts, hints, thoughts, tool calls
// and their results. It answers the line protocol of fixtures/README.md and needs nothing but node.
"use strict";

const readline = require("node:readline");

class FormatError extends Error {
  constructor(path, message) {
    super(message);
    this.path = path;
  }
}

class Unsupported extends Error {}

function formatted(request) {
  if (request.operation !== "format") throw new Unsupported(`operation ${request.operation}`);
  const settings = Object.keys(request.settings);
  if (settings.length > 0) throw new Unsupported(`setting ${settings[0]}`);
  return request.input.messages.flatMap((message, index) => wire(message, `messages[${index}]`));
}

function wire(message, path) {
  if (!message.role) throw new FormatError(path, "a message without a role cannot be sent");
  const blocks = typeof message.content === "string"
    ? [{ type: "text", text: message.content }]
    : (message.content ?? []).filter((block) => block !== null);
  const marked = [message.metadata, ...blocks].some(
    (holder) => holder && ("_cache_control" in holder || "cache_control" in holder)
  );
  if (marked) throw new Unsupported("cache marks");
  switch (message.role) {
    case "SYSTEM":
      return [named({ role: "system", content: joined(blocks) }, message)];
    case "USER":
      return [named({ role: "user", content: parts(blocks) }, message)];
    case "ASSISTANT":
      return [assistant(message, blocks)];
    case "TOOL":
      return results(blocks);
    default:
      throw new Unsupported(`role ${message.role}`);
  }
}

function joined(blocks) {
  return blocks.map(said).filter((text) => text !== null).join("\n");
}

function said(block) {
  switch (block.type) {
    case "text":
      return block.text ?? null;
    case "hint":
      return block.hint ?? null;
    case "thinking":
    case "tool_use":
      return null;
    default:
      throw new Unsupported(`block ${block.type}`);
  }
}

function parts(blocks) {
  if (blocks.length === 0) return "";
  if (blocks.length === 1 && blocks[0].type === "text") return blocks[0].text;
  return blocks.map(said).filter((text) => text !== null).map((text) => ({ type: "text", text }));
}

function assistant(message, blocks) {
  const out = { role: "assistant", content: joined(blocks) };
  const thought = blocks.find((block) => block.type === "thinking");
  if (thought?.metadata) throw new Unsupported("metadata of a thought");
  if (thought?.thinking) out.reasoning_content = thought.thinking;
  named(out, message);
  const calls = blocks.filter((block) => block.type === "tool_use");
  if (calls.some((call) => call.metadata)) throw new Unsupported("metadata of a tool call");
  if (calls.some((call) => !call.id || !call.name)) throw new Unsupported("calls without an id");
  if (calls.length > 0) {
    out.tool_calls = calls.map((call) => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: JSON.stringify(call.input) },
    }));
  }
  return out;
}

function results(blocks) {
  if (blocks.length === 0) throw new Unsupported("tool messages without a result");
  return blocks.map((block) => {
    if (block.type !== "tool_result") throw new Unsupported(`block ${block.type} of a tool`);
    if (!block.id) throw new Unsupported("results without an id");
    return { role: "tool", content: listed([block.output ?? []].flat()), tool_call_id: block.id };
  });
}

function listed(outputs) {
  const texts = outputs.map(said).filter((text) => text !== null);
  return texts.length > 1 ? texts.map((text) => `- ${text}`).join("\n") : texts.join("");
}

function named(out, message) {
  if (message.name !== undefined && message.name !== null) {
    out.name = message.name.replace(/[^a-zA-Z0-9_-]/gu, "_").slice(0, 64) || "agent";
  }
  return out;
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { id: request.id, ok: formatted(request) };
  } catch (problem) {
    const kind = problem.constructor.name;
    const error = { class: kind, path: problem.path ?? "", message: problem.message };
    answer = { id: request.id, error };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
