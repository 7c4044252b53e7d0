/**
 * The smoke test: one question through the real URL, from acceptance to answer, then listed and deleted. It costs one
 * answer and leaves nothing behind.
 */
import { randomUUID } from 'node:crypto';
import { Complaint, say } from './cloud.js';

export interface Smoke {
  /** Where the API is. */
  readonly url: string;
  /** One of Docent's keys, if the deployment asks for one. */
  readonly key?: string;
  /** A question that the documents answer: a checked quote is then demanded. Without one, any ending but a failure will do. */
  readonly question?: string;
}

/** How long an answer may take, a cold start of both functions included. */
const PATIENCE_MS = 150_000;

interface Query {
  readonly id: string;
  readonly status: string;
  readonly outcome?: string;
  readonly citations?: { readonly verification: string }[];
  readonly error?: { readonly message: string };
}

/** Asks, waits, checks, lists and deletes; complains about the first thing that is not so. */
export async function smoke(options: Smoke): Promise<void> {
  const user = `smoke-${randomUUID()}`;
  const query = options.question ?? 'What do these documents cover?';
  const accepted = await call<Query>(options, 'POST', 'v1/queries', { query, user_id: user });
  demand(typeof accepted.id === 'string', `POST /v1/queries answered something else: ${JSON.stringify(accepted).slice(0, 300)}`);
  say(`  accepted as ${accepted.id}`);
  const ended = await wait(options, accepted.id);
  checkEnding(ended, options.question !== undefined);
  say(`  ${ended.outcome}, ${ended.citations?.length ?? 0} citations`);
  const list = await call<{ data: Query[] }>(options, 'GET', `v1/queries?user_id=${user}`);
  demand(list.data.length === 1 && list.data[0]!.id === accepted.id, 'the list of queries does not show the question');
  await call(options, 'DELETE', `v1/queries/${accepted.id}`);
  const after = await call<{ data: Query[] }>(options, 'GET', `v1/queries?user_id=${user}`);
  demand(after.data.length === 0, 'the question is still listed after it was deleted');
  say('  listed and deleted');
}

async function wait(options: Smoke, id: string): Promise<Query> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const query = await call<Query>(options, 'GET', `v1/queries/${id}?wait=10`);
    if (!['queued', 'in_progress'].includes(query.status)) return query;
  }
  throw new Complaint('the question was accepted and not answered in time', 'docs/runbook.md, "Oldest query"');
}

function checkEnding(query: Query, citationWanted: boolean): void {
  demand(query.status === 'completed', `the question ended as ${query.status}: ${query.error?.message ?? 'no reason'}`);
  if (!citationWanted) return;
  demand(query.outcome === 'answered', `the question was ${query.outcome}, not answered`);
  const verified = query.citations?.some((citation) => citation.verification === 'verified');
  demand(verified === true, 'the answer has no verified quote');
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Complaint(`smoke test: ${otherwise}`, 'docs/runbook.md, "Failed queries"');
}

async function call<T>(options: Smoke, method: string, path: string, body?: object): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (options.key) headers.authorization = `Bearer ${options.key}`;
  if (body) headers['content-type'] = 'application/json';
  const response = await fetch(new URL(path, options.url), { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  demand(response.ok, `${method} /${path.split('?')[0]} answered ${response.status}: ${text.slice(0, 300)}`);
  return (text ? JSON.parse(text) : undefined) as T;
}
