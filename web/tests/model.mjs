// A language model that says what a test wrote down, piece by piece, each when the test says so. It speaks the streamed
// form of the chat completions protocol.
import { createServer } from "node:http";

/** Starts one. `says` is what it will say next: pieces of text; it waits before every one of them for `go()`. */
export async function model() {
  const self = { pieces: [], status: 200 };
  let waiting = [];
  let ready = 0;
  /** Lets it say its next piece; also ahead of time. */
  self.go = () => {
    const next = waiting.shift();
    if (next) next();
    else ready += 1;
  };
  self.says = (...pieces) => {
    ready = 0;
    waiting = [];
    self.pieces = pieces;
    self.status = 200;
  };
  self.refuses = (status) => (self.status = status);
  const turn = () => (ready > 0 ? ((ready -= 1), Promise.resolve()) : new Promise((go) => waiting.push(go)));
  const server = createServer(async (request, response) => {
    request.resume();
    if (self.status !== 200) return response.writeHead(self.status).end('{"error":{"message":"no"}}');
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    const send = (body) => response.write(`data: ${JSON.stringify(body)}\n\n`);
    for (const piece of self.pieces) {
      await turn();
      send({ model: "script", choices: [{ index: 0, delta: { content: piece }, finish_reason: null }] });
    }
    send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage: { prompt_tokens: 800, completion_tokens: 60, total_tokens: 860 } });
    response.end("data: [DONE]\n\n");
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  self.env = {
    DOCENT_GENERATOR: "openai",
    OPENAI_BASE_URL: `http://127.0.0.1:${server.address().port}/v1`,
    OPENAI_API_KEY: "of-the-test",
  };
  self.stop = () => (server.closeAllConnections(), server.close());
  return self;
}

const statement = (text, quote) => JSON.stringify({ text, quotes: [{ passage: 1, quote }] });

/** An answer in pieces: one for each statement, and one for the end. */
export function pieces(statements, missing = null) {
  const written = statements.map(([text, quote], index) => (index === 0 ? '{"statements":[' : ",") + statement(text, quote));
  return [...written, `],"missing":${JSON.stringify(missing)}}`];
}
