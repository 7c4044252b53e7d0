/**
 * Least privilege, proven: with the roles enforced everything works, and without one grant the call that it is for fails.
 * The stacks are made from their templates, since the emulator refuses the CDK's own publishing role.
 */
import { CloudFormationClient, CreateStackCommand, waitUntilStackCreateComplete } from '@aws-sdk/client-cloudformation';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../lib/settings.js';
import { restore, stack, synthesise, template } from '../scripts/cloud.js';
import { publishDocuments } from '../scripts/publish.js';
import { smoke } from '../scripts/smoke.js';
import { artefacts, DOCUMENTS, QUESTION } from './artefacts.js';
import { KEY } from './calls.js';
import type { MakeSettings, Step } from './deployed.js';
import type { Emulator } from './emulator.js';
import { ALSO_WITHOUT, BY_AWS, FAILS, granted, SERVICE } from './grants.js';
import { startModel } from './model.js';

const MODEL_KEY = 'sk-of-the-model';

export async function enforced(emulator: Emulator, step: Step, settings: MakeSettings): Promise<void> {
  const model = await startModel(MODEL_KEY);
  try {
    await eachGrant(emulator, step, settings(artefacts(), { generator: 'openai', openaiBaseUrl: model.url }));
  } finally {
    model.stop();
  }
}

async function eachGrant(emulator: Emulator, step: Step, chosen: Settings): Promise<void> {
  const url = async () => emulator.urlFrom((await stack(SERVICE))!.outputs.Url!);
  const works = async () => smoke({ url: await url(), key: KEY, question: QUESTION });
  await step('with the roles enforced the smoke test passes', async () => {
    await make(emulator.account);
    await publishDocuments(chosen, (await stack('docent-data'))!.outputs.BucketName!, DOCUMENTS);
    await works();
  });
  const whole = await template(SERVICE);
  await step('each grant is in a test', async () => {
    const tested = [...Object.keys(FAILS), ...Object.keys(BY_AWS)];
    assert.deepEqual(grantsOf(whole).map(([grant]) => grant).sort(), tested.sort());
    assert.deepEqual(await granted(), Object.keys(BY_AWS));
  });
  for (const [grant, fails] of Object.entries(FAILS)) {
    await step(`without ${grant} exactly its call fails`, async () => {
      await restore(SERVICE, lacking(whole, [grant, ALSO_WITHOUT[grant] ?? grant]));
      await fails(await url());
      await restore(SERVICE, whole);
      await works();
    });
  }
  for (const grant of Object.keys(BY_AWS)) {
    await step(`without ${grant} exactly AWS's calls for it are refused`, async () => {
      await restore(SERVICE, lacking(whole, [grant]));
      assert.deepEqual(await granted(), Object.keys(BY_AWS).filter((it) => it !== grant));
    });
  }
}

/** Every grant of a template, as function and name, with the logical id of its policy. */
function grantsOf(body: string): [grant: string, id: string][] {
  const made = Object.entries<{ Type: string }>(JSON.parse(body).Resources);
  return made.filter(([, it]) => it.Type === 'AWS::IAM::Policy').map(([id]) => [id.replace(/[0-9A-F]{8}$/, ''), id]);
}

/** The template without some grants; with another time limit, as then the emulator starts the functions anew. */
function lacking(whole: string, grants: string[]): string {
  const made = JSON.parse(whole);
  const taken = grantsOf(whole).filter(([grant]) => grants.includes(grant));
  assert.equal(taken.length, new Set(grants).size, `${grants} are one policy each`);
  for (const [, id] of taken) delete made.Resources[id];
  for (const { Type, Properties } of Object.values<any>(made.Resources)) {
    if (Type === 'AWS::Lambda::Function') Properties.Timeout += 1;
  }
  return JSON.stringify(made);
}

/** Both stacks from their templates, with what `cdk bootstrap` and `cdk deploy` would have put into the account. */
async function make(account: string): Promise<void> {
  const out = await synthesise();
  const Bucket = `cdk-hnb659fds-assets-${account}-us-east-1`;
  await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket }));
  await new SSMClient().send(new PutParameterCommand({ Name: '/cdk-bootstrap/hnb659fds/version', Value: '30', Type: 'String' }));
  const body = (name: string) => readFileSync(join(out, `${name}.template.json`), 'utf8');
  await publish(out, 'Data', Bucket);
  await create('docent-data', withoutTls(body('Data')));
  await publish(out, 'Service', Bucket);
  await create(SERVICE, naming(await fillSecret(), body('Service')));
}

/** Puts the model's key where it belongs; the secret's full name. */
async function fillSecret(): Promise<string> {
  const SecretId = (await stack('docent-data'))!.outputs.ModelKeySecretArn!;
  const put = new PutSecretValueCommand({ SecretId, SecretString: MODEL_KEY });
  return (await new SecretsManagerClient().send(put)).ARN!;
}

/** The template with the secret's full name, which the emulator does not export: there, a reference to a secret is its short one. */
function naming(secret: string, body: string): string {
  const made = JSON.stringify(JSON.parse(body));
  const imported = /\{"Fn::ImportValue":"docent-data:ExportsOutputRefModelKey[^"]*"\}/g;
  assert.match(made, imported);
  return made.replace(imported, JSON.stringify(secret));
}

/** The template for an emulator that is spoken to without TLS, which the policies of bucket and queues forbid. */
function withoutTls(body: string): string {
  const made = JSON.parse(body);
  for (const [id, { Type, Properties }] of Object.entries<any>(made.Resources)) {
    if (!['AWS::S3::BucketPolicy', 'AWS::SQS::QueuePolicy'].includes(Type)) continue;
    const { PolicyDocument } = Properties;
    PolicyDocument.Statement = PolicyDocument.Statement.filter((it: any) => !/SecureTransport|TlsVersion/.test(JSON.stringify(it.Condition ?? {})));
    if (PolicyDocument.Statement.length === 0) delete made.Resources[id];
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
