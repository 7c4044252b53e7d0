/** Documents come in through the bucket and through the API: put, answered with their words, refused with the reason, removed. */
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HANDBOOK } from './artefacts.js';
import { ask, KEY } from './calls.js';
import type { Step } from './deployed.js';

/** What the new Markdown file says, and what is asked about it. */
const SENTENCE = 'E-731 means that the lamp of the lighthouse has been out for more than 40 minutes';
const QUESTION = 'What does error E-731 mean?';
const NAME = 'coast/light house.md';
/** A PDF of the handbook that is not among what was published. */
const PDF = join(HANDBOOK, 'people', 'travel-and-expenses.pdf');
/** How long the way from the bucket to an answer may take. The functions look for a new generation every quarter of a minute. */
const PATIENCE_MS = 120_000;

type Url = () => Promise<string>;

export async function documents(step: Step, url: Url, bucket: () => Promise<string>): Promise<void> {
  const client = new S3Client({ forcePathStyle: true });
  const put = async (name: string, Body: string | Buffer) =>
    client.send(new PutObjectCommand({ Bucket: await bucket(), Key: `documents/${name}`, Body }));
  await step('a Markdown file and a PDF that are put into the bucket are answered with their words', async () => {
    await put(NAME, `# Lighthouse\n\n${SENTENCE}.\n`);
    await put('travel.pdf', readFileSync(PDF));
    await until('the quote', async () => isQuoted(await answer(url)));
    await until('the PDF', async () => (await shown(url, 'documents/travel.pdf'))?.state === 'stored');
  });
  await step('a file that cannot be read is shown with the reason', async () => {
    await put('broken.pdf', '%PDF-1.7 and nothing of a PDF');
    await until('its report', async () => (await shown(url, 'documents/broken.pdf'))?.state === 'refused');
    assert.match((await shown(url, 'documents/broken.pdf')).last_upload.reason, /^corrupt: /);
  });
  await step('what is removed from the bucket is not found any more', async () => {
    for (const name of [NAME, 'broken.pdf', 'travel.pdf']) {
      await client.send(new DeleteObjectCommand({ Bucket: await bucket(), Key: `documents/${name}` }));
    }
    await until('that it is gone', async () => !isQuoted(await answer(url)));
    for (const name of [NAME, 'broken.pdf']) {
      await until(`that ${name} is not listed`, async () => (await shown(url, `documents/${name}`)) === undefined);
    }
  });
  await sent(step, url, async (name) => {
    const head = new HeadObjectCommand({ Bucket: await bucket(), Key: `documents/${name}` });
    return client.send(head).then(() => true, () => false);
  });
}

/** The same through the API, whose callers know nothing of a bucket. */
async function sent(step: Step, url: Url, isInBucket: (name: string) => Promise<boolean>): Promise<void> {
  const path = `v1/documents/${NAME.split('/').map(encodeURIComponent).join('/')}`;
  let id = '';
  let answered = '';
  await step('a file that is sent to the API is answered with its words', async () => {
    const { status, body } = await ask(await url(), path, { method: 'PUT', body: `# Lighthouse\n\n${SENTENCE}.\n` });
    assert.equal(status, 202, JSON.stringify(body));
    const job = await ended(url, body);
    assert.deepEqual([job.status, job.report?.outcome], ['completed', 'added'], JSON.stringify(job));
    id = job.document_id;
    await until('the quote', async () => {
      const found = await answer(url);
      answered = found.id;
      return isQuoted(found);
    });
  });
  await step('a larger one is put at an address in the bucket, which takes that file and no other', async () => {
    const file = readFileSync(PDF);
    const asked = { path: 'large/travel.pdf', bytes: file.length };
    const { body: address } = await ask(await url(), 'v1/uploads', { method: 'POST', body: JSON.stringify(asked) });
    const put = async (body: string | Buffer) => (await fetch(address.url, { method: 'PUT', headers: address.headers, body })).status;
    assert.equal(await put('%PDF-1.7 of another length'), 403);
    assert.equal(await put(file), 200);
    assert.equal((await ended(url, address.job)).report?.outcome, 'added');
    const refused = await ask(await url(), 'v1/documents/large.pdf', { method: 'PUT', body: Buffer.alloc(5 * 2 ** 20, 'x') });
    assert.deepEqual([refused.status, /v1\/uploads/.test(refused.body.error.hint)], [413, true], JSON.stringify(refused.body));
  });
  await step('one that cannot be read is refused, at once or with its report', async () => {
    const { status } = await ask(await url(), 'v1/documents/broken.pdf', { method: 'PUT', body: 'nothing of a PDF' });
    assert.equal(status, 422);
    const { body } = await ask(await url(), 'v1/documents/broken.pdf', { method: 'PUT', body: '%PDF-1.7 and nothing of a PDF' });
    const job = await ended(url, body);
    assert.deepEqual([job.status, job.report?.outcome], ['completed', 'refused']);
    assert.match(job.report.reason, /^corrupt: /);
  });
  await step('the original is handed out again', async () => {
    // The worker has answered from the new generation; the API notices it within a minute of its own.
    await until('the document', async () => (await ask(await url(), `v1/documents/${id}`)).status === 200);
    const response = await fetch(new URL(`v1/documents/${id}/original`, await url()), { headers: { authorization: `Bearer ${KEY}` } });
    assert.deepEqual([response.status, await response.text()], [200, `# Lighthouse\n\n${SENTENCE}.\n`]);
  });
  await step('what is deleted is not found any more when the call returns, and marked where it was quoted', async () => {
    const { status, body } = await ask(await url(), `v1/documents/${id}`, { method: 'DELETE' });
    assert.deepEqual([status, body.text_in_files, body.documents], [200, 'pending', [id]], JSON.stringify(body));
    assert.ok(body.answers >= 1, JSON.stringify(body));
    assert.equal((await ask(await url(), `v1/documents/${id}`)).status, 404);
    const { data } = (await search(url)).body;
    assert.deepEqual(data.filter((hit: any) => hit.document_id === id), []);
    assert.equal(isQuoted(await answer(url)), false);
    assert.ok((await query(url, answered)).citations.every((it: any) => it.document_id !== id || it.source_deleted));
    assert.equal(await isInBucket(NAME), false);
  });
}

const query = async (url: Url, it: string) => (await ask(await url(), `v1/queries/${it}?wait=20`)).body;
const search = async (url: Url) => ask(await url(), 'v1/search', { method: 'POST', body: JSON.stringify({ query: QUESTION }) });

/** A job when it has ended. */
async function ended(url: Url, { id }: { id: string }): Promise<any> {
  let job: any;
  await until(`the end of ${id}`, async () => {
    ({ body: job } = await ask(await url(), `v1/jobs/${id}?wait=10`));
    return job.completed_at !== null;
  });
  return job;
}

async function answer(url: Url): Promise<any> {
  const asked = { method: 'POST', body: JSON.stringify({ query: QUESTION, wait: 20 }) };
  return (await ask(await url(), 'v1/queries', asked)).body;
}

/** Whether the sentence is a verified quote of the document. */
function isQuoted(query: any): boolean {
  const is = (it: any) => it.filename === `documents/${NAME}` && it.cited_text === SENTENCE && it.verification === 'verified';
  return (query.citations ?? []).some(is);
}

/** A document as the list shows it. */
async function shown(url: Url, filename: string): Promise<any> {
  const { body } = await ask(await url(), 'v1/documents?limit=1000');
  return body.data?.find((document: any) => document.filename === filename);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    if (await isSo()) return;
    await new Promise((done) => setTimeout(done, 1000));
  }
  throw new Error(`waited in vain for ${what}`);
}
