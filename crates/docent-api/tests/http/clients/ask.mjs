// Asks with OpenAI's own client for Node, in both modes, and prints what it made of the answers as JSON.
import { createRequire } from "node:module";

const [, , baseURL, modules] = process.argv;
const { default: OpenAI, NotFoundError } = createRequire(`${modules}/`)("openai");
const client = new OpenAI({ baseURL, apiKey: "secret", maxRetries: 0 });
const messages = [{ role: "user", content: "How many days of annual leave are there?" }];
const whole = await client.chat.completions.create({ model: "default", messages });
const { message } = whole.choices[0];
const stream = await client.chat.completions.create({ model: "default", messages, stream: true, stream_options: { include_usage: true } });
let streamed = "";
let last, usage;
for await (const chunk of stream) {
  usage = chunk.usage ?? usage;
  for (const choice of chunk.choices) {
    streamed += choice.delta.content ?? "";
    if (choice.finish_reason) last = chunk;
  }
}
const refused = await client.chat.completions
  .create({ model: "attic", messages })
  .catch((error) => (error instanceof NotFoundError ? error.code : String(error)));
const models = [];
for await (const model of client.models.list()) models.push(model.id);
const { start_index, end_index, title } = message.annotations[0].url_citation;
console.log(
  JSON.stringify({
    models,
    content: message.content,
    streamed,
    marked: message.content.slice(start_index, end_index),
    title,
    outcome: whole.docent.outcome,
    streamed_annotations: last.choices[0].delta.annotations.length,
    streamed_outcome: last.docent.outcome,
    tokens: [whole.usage.total_tokens, usage.total_tokens],
    refused,
  }),
);
