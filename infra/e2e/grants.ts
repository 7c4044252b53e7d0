/** What each grant is for: what must be seen without it, and only without it. */
import { IAMClient, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { stack } from '../scripts/cloud.js';
import { QUESTION } from './artefacts.js';
import { ask } from './calls.js';

/** What is put into the bucket to see that it is taken in. */
const TRIAL = 'trial.md';
const TRIAL_TEXT = 'The trial is in session.';

export const SERVICE = 'docent-service';

/** A grant, as function and name, whose call the programs make themselves: what they say without it. */
export const FAILS: Record<string, (url: string) => Promise<void>> = {
  ApiForgetAnswers: async (url) => {
    assert.equal((await erase(url)).status, 500);
    assert.equal((await list(url)).status, 200);
  },
  ApiKeepQueries: async (url) => {
    const { status, body } = await submit(url);
    assert.equal(status, 500);
    assert.equal((await list(url)).status, 200);
    assert.ok(body.error);
  },
  ApiListQueries: async (url) => {
    assert.equal((await list(url)).status, 500);
    assert.equal((await ended(url, (await submit(url)).body.id)).outcome, 'answered');
  },
  ApiListReports: async (url) => {
    assert.equal((await ask(url, 'v1/documents')).status, 500);
    assert.equal((await search(url)).status, 200);
  },
  ApiPutDocuments: async (url) => {
    assert.ok((await send(url)).status >= 500);
    const address = (await announce(url)).body;
    assert.equal((await fetch(address.url, { method: 'PUT', headers: address.headers, body: TRIAL_TEXT })).status, 403);
    assert.equal((await ask(url, 'v1/documents')).status, 200);
  },
  ApiRemoveDocuments: async (url) => {
    const { document_id } = (await send(url)).body;
    assert.ok((await ask(url, `v1/documents/${document_id}`, { method: 'DELETE' })).status >= 500);
    assert.equal((await search(url)).status, 200);
  },
  ApiReadDocuments: async (url) => {
    assert.ok((await send(url)).status >= 500, 'it cannot see what is not to be taken in');
    assert.equal((await search(url)).status, 200);
  },
  ApiWakeWorker: async (url) => {
    const { status, body } = await submit(url);
    assert.equal(status, 202);
    assert.equal((await statusOf(url, body.id)).status, 'queued');
    await sweep();
    assert.equal((await ended(url, body.id)).outcome, 'answered');
  },
  ApiReadIndex: async (url) => {
    assert.equal((await search(url)).status, 503);
    assert.equal((await list(url)).status, 200);
  },
  ApiSeeIndex: async (url) => {
    assert.equal((await search(url, 'nowhere')).status, 503);
    assert.equal((await search(url)).status, 200);
  },
  WorkerAnswerQueries: async (url) => {
    const { body } = await submit(url);
    await sleep(3000);
    assert.equal((await statusOf(url, body.id)).status, 'queued');
  },
  WorkerFindOpenQueries: async () => {
    assert.match(await sweep(), /Query/);
  },
  WorkerWakeItself: async (url) => {
    const { body } = await submit(url);
    await sweep();
    await sleep(3000);
    assert.equal((await statusOf(url, body.id)).status, 'queued');
  },
  WorkerReadIndex: async (url) => {
    assert.equal((await failed(url)).code, 'unavailable');
    assert.equal((await search(url)).status, 200);
  },
  WorkerSeeIndex: async (url) => {
    // The API still has its generation; the worker asks for one, and cannot find out that there is none.
    assert.equal((await search(url)).status, 200);
    await unpublished(async () => assert.doesNotMatch((await failed(url)).message, /no generation has been published/));
    assert.equal((await ended(url, (await submit(url)).body.id)).outcome, 'answered');
  },
  WorkerReadModelKey: async (url) => {
    assert.match((await failed(url)).message, /OPENAI_API_KEY_SECRET_ARN|secret/);
    assert.equal((await search(url)).status, 200);
  },
  IngestSeeBucket: async () => {
    assert.equal(await fails(SYNC), true);
  },
  // With every message it asks which uploads wait.
  IngestListReports: async () => assert.equal(await fails(await changed()), true),
  IngestReadDocuments: async () => assert.equal(await fails(await changed()), true),
  IngestReadIndex: async () => assert.equal(await fails(await changed()), true),
  IngestPublish: async () => assert.equal(await fails(await changed()), true),
  IngestKeepReports: async () => assert.equal(await fails(await changed()), true),
  IngestFindAnswers: async () => {
    assert.equal(await fails(await changed()), false);
    assert.equal(await fails(await removed()), true);
  },
  IngestRemoveGenerations: async () => {
    assert.equal(await fails(await changed()), false);
    assert.equal(await fails(await removed()), true);
  },
};

/** What has to be missing as well, for the call to be made: a question that the API has not already sent to the worker. */
export const ALSO_WITHOUT: Record<string, string> = { WorkerWakeItself: 'ApiWakeWorker' };

/**
 * A grant whose calls AWS makes, in the role's name: to which actions it is, and on what. The emulator makes these calls itself
 * and asks nobody, so its simulator of policies is asked.
 */
export const BY_AWS: Record<string, { readonly actions: string[]; readonly on: 'log' | 'failures' | 'news' }> = {
  ApiWriteLog: { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], on: 'log' },
  WorkerWriteLog: { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], on: 'log' },
  IngestWriteLog: { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], on: 'log' },
  IngestReadNews: { actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], on: 'news' },
  WorkerReportFailures: { actions: ['sqs:SendMessage'], on: 'failures' },
  WorkerDrainFailures: { actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], on: 'failures' },
};

/** Which of the grants above the roles have, as they are now. */
export async function granted(): Promise<string[]> {
  const { ApiName, WorkerName, IngestName, FailureQueueUrl } = (await stack(SERVICE))!.outputs;
  const { NewsQueueUrl } = (await stack('docent-data'))!.outputs;
  const found: string[] = [];
  for (const [grant, { actions, on }] of Object.entries(BY_AWS)) {
    const FunctionName = [ApiName, WorkerName, IngestName][['Api', 'Worker', 'Ingest'].findIndex((it) => grant.startsWith(it))];
    const queue = new URL((on === 'news' ? NewsQueueUrl : FailureQueueUrl)!).pathname.split('/').slice(1);
    const { Role, LoggingConfig } = await new LambdaClient().send(new GetFunctionConfigurationCommand({ FunctionName }));
    const place = `us-east-1:${queue[0]}`;
    const log = `arn:aws:logs:${place}:log-group:${LoggingConfig!.LogGroup}:log-stream:some-process`;
    const ResourceArns = [on === 'log' ? log : `arn:aws:sqs:${place}:${queue[1]}`];
    const asked = new SimulatePrincipalPolicyCommand({ PolicySourceArn: Role, ActionNames: actions, ResourceArns });
    const decisions = (await new IAMClient().send(asked)).EvaluationResults!.map((it) => it.EvalDecision);
    assert.equal(new Set(decisions).size, 1, `${grant}: all or nothing, not ${decisions}`);
    if (decisions[0] === 'allowed') found.push(grant);
  }
  return found;
}

const submit = (url: string) => ask(url, 'v1/queries', { method: 'POST', body: JSON.stringify({ query: QUESTION, user_id: 'u' }) });
const search = (url: string, collection?: string) =>
  ask(url, 'v1/search', { method: 'POST', body: JSON.stringify({ query: QUESTION, collection }) });
const list = (url: string) => ask(url, 'v1/queries?user_id=u');
const erase = (url: string) => ask(url, 'v1/documents/doc_of_nobody?erase=true', { method: 'DELETE' });
const send = (url: string) => ask(url, `v1/documents/${TRIAL}`, { method: 'PUT', body: TRIAL_TEXT });
const announce = (url: string) =>
  ask(url, 'v1/uploads', { method: 'POST', body: JSON.stringify({ path: TRIAL, bytes: TRIAL_TEXT.length }) });
const statusOf = async (url: string, id: string) => (await ask(url, `v1/queries/${id}`)).body;
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function ended(url: string, id: string): Promise<any> {
  return (await ask(url, `v1/queries/${id}?wait=20`)).body;
}

/** Why a question failed, which it must. */
async function failed(url: string): Promise<{ code: string; message: string }> {
  const query = await ended(url, (await submit(url)).body.id);
  assert.equal(query.status, 'failed', JSON.stringify(query));
  return query.error;
}

/** Does something while the bucket has no pointer to a generation. */
async function unpublished(run: () => Promise<void>): Promise<void> {
  const client = new S3Client({ forcePathStyle: true });
  const pointer = { Bucket: (await stack('docent-data'))!.outputs.BucketName!, Key: 'index/default/current.json' };
  const Body = await (await client.send(new GetObjectCommand(pointer))).Body!.transformToByteArray();
  await client.send(new DeleteObjectCommand(pointer));
  try {
    await run();
  } finally {
    await client.send(new PutObjectCommand({ ...pointer, Body }));
  }
}

/** The message by which the ingest function looks at everything. */
const SYNC = '{"version":1,"sync":true}';

/** Puts another version of a document into the bucket; the message that tells of it. */
async function changed(): Promise<string> {
  const Bucket = (await stack('docent-data'))!.outputs.BucketName!;
  const Body = `The trial of ${Date.now()} is in session.`;
  await new S3Client({ forcePathStyle: true }).send(new PutObjectCommand({ Bucket, Key: `documents/${TRIAL}`, Body }));
  return told(Bucket);
}

/** Removes it. */
async function removed(): Promise<string> {
  const Bucket = (await stack('docent-data'))!.outputs.BucketName!;
  await new S3Client({ forcePathStyle: true }).send(new DeleteObjectCommand({ Bucket, Key: `documents/${TRIAL}` }));
  return told(Bucket);
}

function told(bucket: string): string {
  return JSON.stringify({ Records: [{ s3: { bucket: { name: bucket }, object: { key: `documents/${TRIAL}` } } }] });
}

/** Whether the ingest function gives a message back that has come before, or cannot even start. */
async function fails(body: string): Promise<boolean> {
  const FunctionName = (await stack(SERVICE))!.outputs.IngestName!;
  const record = { messageId: 'trial', body, eventSource: 'aws:sqs', attributes: { ApproximateReceiveCount: '2' } };
  const invoked = await new LambdaClient().send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ Records: [record] }) }));
  const { batchItemFailures } = JSON.parse(Buffer.from(invoked.Payload ?? []).toString());
  return batchItemFailures?.length !== 0;
}

/** Sends the worker the schedule's event, for queries of any age; what it answered. */
async function sweep(): Promise<string> {
  const FunctionName = (await stack(SERVICE))!.outputs.WorkerName!;
  const Payload = JSON.stringify({ version: 1, sweep: { queued_for_s: 0 } });
  const answer = await new LambdaClient().send(new InvokeCommand({ FunctionName, Payload }));
  return Buffer.from(answer.Payload ?? []).toString();
}
