/**
 * Least privilege, proven: with the roles enforced everything works, and without one grant the call that it is for fails.
 * The stacks are made from their templates, since the emulator refuses the CDK's own publishing role.
 */
import { CloudFormationClient, CreateStackCommand, waitUntilStackCreateComplete } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restore, stack, synthesise, template } from '../scripts/cloud.js';
import { publishDocuments } from '../scripts/publish.js';
import { smoke } from '../scripts/smoke.js';
import { artefacts, DOCUMENTS, QUESTION } from './artefacts.js';
import { ask, KEY } from './calls.js';
import type { MakeSettings, Step } from './deployed.js';
import type { Emulator } from './emulator.js';

const SERVICE = 'docent-service';

export async function enforced(emulator: Emulator, step: Step, settings: MakeSettings): Promise<void> {
  const chosen = settings(artefacts());
  const url = async () => emulator.urlFrom((await stack(SERVICE))!.outputs.Url!);
  await step('with the roles enforced the smoke test passes', async () => {
    await make(emulator.account);
    await publishDocuments(chosen, (await stack('docent-data'))!.outputs.BucketName!, DOCUMENTS);
    await smoke({ url: await url(), key: KEY, question: QUESTION });
  });
  const whole = await template(SERVICE);
  for (const [grant, fails] of Object.entries(FAILS)) {
    await step(`without ${grant} exactly its call fails`, async () => {
      await restore(SERVICE, without(whole, grant));
      await fails(await url());
      await restore(SERVICE, whole);
      await smoke({ url: await url(), key: KEY, question: QUESTION });
    });
  }
}

/** Grant, as function and name: what must be seen without it. */
const FAILS: Record<string, (url: string) => Promise<void>> = {
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
  ApiWakeWorker: async (url) => {
    const { status, body } = await submit(url);
    assert.equal(status, 202);
    assert.equal((await statusOf(url, body.id)).status, 'queued');
    await sweep();
    assert.equal((await ended(url, body.id)).outcome, 'answered');
  },
  WorkerAnswerQueries: async (url) => {
    const { body } = await submit(url);
    await sleep(3000);
    assert.equal((await statusOf(url, body.id)).status, 'queued');
  },
  WorkerFindOpenQueries: async () => {
    assert.match(await sweep(), /Query/);
  },
};

const submit = (url: string) => ask(url, 'v1/queries', { method: 'POST', body: JSON.stringify({ query: QUESTION, user_id: 'u' }) });
const list = (url: string) => ask(url, 'v1/queries?user_id=u');
const erase = (url: string) => ask(url, 'v1/documents/doc_of_nobody?erase=true', { method: 'DELETE' });
const statusOf = async (url: string, id: string) => (await ask(url, `v1/queries/${id}`)).body;
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function ended(url: string, id: string): Promise<{ outcome?: string }> {
  return (await ask(url, `v1/queries/${id}?wait=20`)).body;
}

/** Sends the worker the schedule's event, for queries of any age; what it answered. */
async function sweep(): Promise<string> {
  const FunctionName = (await stack(SERVICE))!.outputs.WorkerName!;
  const Payload = JSON.stringify({ version: 1, sweep: { queued_for_s: 0 } });
  const answer = await new LambdaClient().send(new InvokeCommand({ FunctionName, Payload }));
  return Buffer.from(answer.Payload ?? []).toString();
}

/** The template without the policy of one grant. */
function without(whole: string, grant: string): string {
  const made = JSON.parse(whole);
  const ids = Object.keys(made.Resources).filter((id) => id.replace(/[0-9A-F]{8}$/, '') === grant);
  assert.equal(ids.length, 1, `${grant} is one policy`);
  delete made.Resources[ids[0]!];
  return JSON.stringify(made);
}

/** Both stacks from their templates, with what `cdk bootstrap` and `cdk deploy` would have put into the account. */
async function make(account: string): Promise<void> {
  const out = await synthesise();
  const Bucket = `cdk-hnb659fds-assets-${account}-us-east-1`;
  await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket }));
  await new SSMClient().send(new PutParameterCommand({ Name: '/cdk-bootstrap/hnb659fds/version', Value: '30', Type: 'String' }));
  for (const name of ['Data', 'Service']) {
    await publish(out, name, Bucket);
    await create(`docent-${name.toLowerCase()}`, withoutTls(readFileSync(join(out, `${name}.template.json`), 'utf8')));
  }
}

/** The template for an emulator that is spoken to without TLS, which the bucket's own policy forbids. */
function withoutTls(body: string): string {
  const made = JSON.parse(body);
  for (const [id, { Type, Properties }] of Object.entries<any>(made.Resources)) {
    if (Type !== 'AWS::S3::BucketPolicy') continue;
    const statements = Properties.PolicyDocument.Statement;
    const others = statements.filter((it: any) => !/SecureTransport|TlsVersion/.test(JSON.stringify(it.Condition ?? {})));
    assert.equal(others.length, 0, 'the policy says nothing else');
    delete made.Resources[id];
  }
  return JSON.stringify(made);
}

async function publish(out: string, name: string, Bucket: string): Promise<void> {
  const { files } = JSON.parse(readFileSync(join(out, `${name}.assets.json`), 'utf8'));
  for (const { source, destinations } of Object.values<any>(files)) {
    const path = join(out, source.path);
    const Body = readFileSync(source.packaging === 'zip' ? zipped(path) : path);
    for (const { objectKey } of Object.values<any>(destinations)) {
      await new S3Client({ forcePathStyle: true }).send(new PutObjectCommand({ Bucket, Key: objectKey, Body }));
    }
  }
}

function zipped(folder: string): string {
  const base = join(mkdtempSync(join(tmpdir(), 'docent-zip-')), 'code');
  execFileSync('python3', ['-c', 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2])', base, folder]);
  return `${base}.zip`;
}

async function create(StackName: string, body: string): Promise<void> {
  const client = new CloudFormationClient();
  const TemplateBody = JSON.stringify(JSON.parse(body));
  const Parameters = body.includes('"ApiKeys"') ? [{ ParameterKey: 'ApiKeys', ParameterValue: KEY }] : [];
  await client.send(new CreateStackCommand({ StackName, TemplateBody, Parameters, Capabilities: ['CAPABILITY_IAM'] }));
  await waitUntilStackCreateComplete({ client, maxWaitTime: 120 }, { StackName });
}
