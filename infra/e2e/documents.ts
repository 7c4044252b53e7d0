/** Documents come in through the bucket: put, answered with their words, refused with the reason, removed. */
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HANDBOOK } from './artefacts.js';
import { ask } from './calls.js';
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
