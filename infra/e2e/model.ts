/** A model's endpoint on this machine: shown its key, it answers every question with one sentence, quoted. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What it quotes: a sentence of the documents that answers the question. */
const SENTENCE = 'E-417 means that the clock of the hub differs from the time server by more than 90 seconds.';

export interface Model {
  readonly url: string;
  stop(): void;
}

export async function startModel(key: string): Promise<Model> {
  const server = createServer(async (request, response) => {
    for await (const _ of request); // what is asked does not matter
    const known = request.headers.authorization === `Bearer ${key}`;
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? completion() : { error: { message: 'no such key' } }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, stop: () => server.close() };
}

/** The sentence may stand in any of the passages: a quote that is not where it is said to be is dropped. */
function completion(): object {
  const quotes = [1, 2, 3, 4, 5].map((passage) => ({ passage, quote: SENTENCE }));
  const content = JSON.stringify({ statements: [{ text: SENTENCE, quotes }], missing: null });
  const usage = { prompt_tokens: 900, completion_tokens: 40, total_tokens: 940 };
  return { choices: [{ index: 0, message: { content }, finish_reason: 'stop' }], usage };
}
