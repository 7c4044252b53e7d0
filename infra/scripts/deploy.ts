/**
 * `make deploy`: from credentials to a URL that has answered a question. Run again it upgrades in place, and goes back to
 * what was there if the new one does not answer.
 */
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { asksForKey, knowsPrices, needsModelKey, PROCESSORS, takesDocuments, type Settings } from '../lib/settings.js';
import { account, bootstrap, cdk, Complaint, deploymentSettings, INFRA, restore, run, say, stack, synthesise, template } from './cloud.js';
import { isPublished, publishDocuments } from './publish.js';
import { smoke } from './smoke.js';

/** What the caller may say by the environment. */
interface Wishes {
  /** The key for the model endpoint, to be put into the secret. */
  readonly modelKey?: string;
  /** Docent's keys: for the first deployment one is made if none is given. */
  readonly keys?: string;
  /** A folder or file to answer from; without it, what is published already. */
  readonly documents?: string;
  /** A question that the documents answer. */
  readonly question?: string;
  /** Another way to the URL than its own name, for tests. */
  readonly urlFrom?: (url: string) => string;
}

/** Everything, in order. */
export async function deploy(settings: Settings, wishes: Wishes): Promise<void> {
  const where = await account();
  say(`account and region ${where}`);
  await prepare(settings, where);
  const names = { data: `${settings.name}-data`, service: `${settings.name}-service` };
  const before = (await stack(names.service)) && (await template(names.service));
  const app = await synthesise();
  await deployData(settings, app, before !== undefined);
  const data = (await stack(names.data))!.outputs;
  await keepModelKey(settings, wishes, data.ModelKeySecretArn);
  const bucket = data.BucketName!;
  if (wishes.documents) await publishDocuments(settings, bucket, wishes.documents);
  const keys = wishes.keys ?? (before || !asksForKey(settings) ? undefined : randomBytes(32).toString('base64url'));
  await deployStack(app, 'Service', ...(keys ? ['--parameters', `ApiKeys=${keys}`] : []));
  const { outputs } = (await stack(names.service))!;
  if (settings.imageIndex || (await isPublished(settings, bucket))) {
    await prove(settings, wishes, outputs.Url!, keys, () => goBack(names.service, before));
  } else {
    say('smoke test: skipped, as there are no documents yet (DOCUMENTS=folder publishes some)');
  }
  tell(settings, outputs, bucket, wishes.keys ? undefined : keys);
}

async function prepare(settings: Settings, where: string): Promise<void> {
  if ((await stack('CDKToolkit')) === undefined) {
    say('this account and region have not been used by the CDK before: preparing them');
    await bootstrap(where);
  }
  if (settings.packaging === 'zip') await build(settings);
}

/** Builds the functions for the processor that is wanted, unless their files are there. */
async function build(settings: Settings): Promise<void> {
  const processor = PROCESSORS[settings.architecture];
  const folder = resolve(INFRA, settings.artefacts);
  const file = (name: string) => resolve(folder, processor, name, 'bootstrap');
  if (['api', 'worker', ...(takesDocuments(settings) ? ['ingest'] : [])].every((name) => existsSync(file(name)))) return;
  process.env.DOCENT_LAMBDA_PROCESSORS = processor;
  await run(resolve(INFRA, '..', 'scripts', 'build_lambda.sh'), [folder]);
}

/**
 * The stack that keeps data first, as the other one reads its names; except when the model, webhooks or the ingest were dropped:
 * their secret or queue cannot go while it is in use.
 */
async function deployData(settings: Settings, app: string, upgrade: boolean): Promise<void> {
  const before = (await stack(`${settings.name}-data`))?.outputs;
  const drops =
    (before?.ModelKeySecretArn && !needsModelKey(settings)) ||
    (before?.WebhookSecretArn && !settings.webhooks) ||
    (before?.NewsQueueUrl && !takesDocuments(settings));
  if (upgrade && drops) await deployStack(app, 'Service');
  await deployStack(app, 'Data');
}

/** A stack that cannot be made or changed is rolled back by CloudFormation. */
async function deployStack(app: string, name: string, ...more: string[]): Promise<void> {
  await cdk('deploy', name, '--app', app, '--exclusively', '--require-approval', 'never', '--progress', 'events', ...more);
}

/** Puts the given key where the worker looks, or says that it is missing. */
async function keepModelKey(settings: Settings, wishes: Wishes, arn: string | undefined): Promise<void> {
  if (!needsModelKey(settings) || arn === undefined) return;
  const client = new SecretsManagerClient();
  if (wishes.modelKey) {
    await client.send(new PutSecretValueCommand({ SecretId: arn, SecretString: wishes.modelKey }));
    return;
  }
  try {
    await client.send(new GetSecretValueCommand({ SecretId: arn }));
  } catch (error) {
    if ((error as Error).name !== 'ResourceNotFoundException') throw error;
    throw new Complaint(
      'the deployment asks a model and has no key for it',
      'set OPENAI_API_KEY for this one command, or "generator": "quoting" in infra/deployment.json',
    );
  }
}

/** Asks a question through the URL. A deployment that cannot answer does not stay. */
async function prove(
  settings: Settings,
  wishes: Wishes,
  url: string,
  keys: string | undefined,
  goBack: () => Promise<string>,
): Promise<void> {
  const key = keys?.split(',')[0];
  if (settings.urlAuth === 'aws-iam' || (asksForKey(settings) && !key)) {
    say('smoke test: skipped, as it has no way to call (set DOCENT_API_KEYS to the key in use to run it)');
    return;
  }
  say('smoke test');
  try {
    await smoke({ url: wishes.urlFrom?.(url) ?? url, key, question: wishes.question });
  } catch (error) {
    const then = await goBack();
    throw new Complaint(`${(error as Error).message}; ${then}`, error instanceof Complaint ? error.hint : 'docs/runbook.md');
  }
}

async function goBack(name: string, before: string | undefined): Promise<string> {
  if (before === undefined) return 'it is the first deployment, so it stays as it is, to be looked at';
  await restore(name, before);
  return 'the deployment before it is back';
}

function tell(
  settings: Settings,
  service: Record<string, string>,
  bucket: string,
  made: string | undefined,
): void {
  say(`\n${service.Url}`);
  if (made) say(`\nkey, shown this once: ${made}`);
  const cap = knowsPrices(settings) ? `${settings.dailyCostCapUsd} US dollars` : `${settings.dailyTokenCap} tokens`;
  say(`
next:
  documents   ${documentsWay(settings, bucket)}
  question    curl ${service.Url}v1/queries -H "Authorization: Bearer KEY" -H "Content-Type: application/json" -d '{"query": "…", "wait": 20}'
  alarms      ${settings.alarmEmail ? `confirm the mail to ${settings.alarmEmail}` : 'set "alarmEmail" in infra/deployment.json'}
  costs       docs/costs.md; at most ${cap} of answers a day`);
}

function documentsWay(settings: Settings, bucket: string): string {
  if (takesDocuments(settings)) return `aws s3 sync path/to/documents s3://${bucket}/${settings.documentsPrefix}`;
  return `docent ingest path/to/documents && docent publish s3://${bucket}/${settings.indexPrefix}`;
}

/** From the environment and the settings file, as `make deploy` does. */
export async function deployFromEnvironment(): Promise<void> {
  const { OPENAI_API_KEY, DOCENT_API_KEYS, DOCUMENTS, QUESTION } = process.env;
  // A variable that is set to nothing counts as not set.
  const wishes = {
    modelKey: OPENAI_API_KEY || undefined,
    keys: DOCENT_API_KEYS || undefined,
    documents: DOCUMENTS || undefined,
    question: QUESTION || undefined,
  };
  await deploy(deploymentSettings(), wishes);
}
