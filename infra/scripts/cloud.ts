/** What deploying and destroying need of AWS, and of the CDK's own command. */
import {
  CloudFormationClient,
  DescribeStacksCommand,
  GetTemplateCommand,
  UpdateStackCommand,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { readSettings, type Settings } from '../lib/settings.js';

export const INFRA = resolve(import.meta.dirname, '..');
const CDK = resolve(INFRA, 'node_modules', '.bin', 'cdk');

/** Something that the person at the keyboard can act on. */
export class Complaint extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** Progress, and what was found out. */
export function say(text: string): void {
  console.log(text);
}

/** The settings that `bin/app.ts` would read, so that both speak of the same stacks. */
export function deploymentSettings(): Settings {
  const file = resolve(INFRA, 'deployment.json');
  return readSettings(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
}

/** Whose account this is, and where, as the CDK writes it (`ACCOUNT/REGION`); complains if nobody's. */
export async function account(): Promise<string> {
  try {
    const client = new STSClient();
    const identity = await client.send(new GetCallerIdentityCommand());
    return `${identity.Account}/${await client.config.region()}`;
  } catch (error) {
    throw new Complaint(
      `AWS does not know who is calling: ${(error as Error).message}`,
      'sign in (aws sso login, or AWS_PROFILE) and set AWS_REGION',
    );
  }
}

export interface Stack {
  readonly status: string;
  readonly outputs: Record<string, string>;
}

const cloudFormation = () => new CloudFormationClient();

/** A stack that has been made; undefined if there is none. */
export async function stack(name: string): Promise<Stack | undefined> {
  try {
    const { Stacks } = await cloudFormation().send(new DescribeStacksCommand({ StackName: name }));
    const found = Stacks![0]!;
    const outputs = Object.fromEntries((found.Outputs ?? []).map((it) => [it.OutputKey!, it.OutputValue!]));
    return { status: found.StackStatus!, outputs };
  } catch (error) {
    if (/does not exist/.test((error as Error).message)) return undefined;
    throw error;
  }
}

/** What a stack is made of at the moment, to be able to go back to it. */
export async function template(name: string): Promise<string> {
  const { TemplateBody } = await cloudFormation().send(new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' }));
  // Without the blanks it stays below what CloudFormation takes in a call.
  return JSON.stringify(JSON.parse(TemplateBody!));
}

/** Makes a stack what a template says, for example the one before; its parameters stay as they are. */
export async function restore(name: string, body: string): Promise<void> {
  const client = cloudFormation();
  const Parameters = Object.keys(JSON.parse(body).Parameters ?? {}).map((ParameterKey) => ({
    ParameterKey,
    UsePreviousValue: true,
  }));
  const Capabilities = ['CAPABILITY_IAM' as const];
  await client.send(new UpdateStackCommand({ StackName: name, TemplateBody: body, Parameters, Capabilities }));
  await waitUntilStackUpdateComplete({ client, maxWaitTime: 900 }, { StackName: name });
}

/** Makes the templates once, for several commands; the folder that they are in. */
export async function synthesise(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'docent-assembly-'));
  const app = process.env.DOCENT_CDK_APP ? ['--app', process.env.DOCENT_CDK_APP] : [];
  await cdk('synth', '--quiet', '--output', folder, ...app);
  return folder;
}

/** Prepares an account and region for the CDK; away from this app, which it would otherwise synthesise. */
export async function bootstrap(where: string): Promise<void> {
  await run(CDK, ['--no-notices', 'bootstrap', `aws://${where}`], tmpdir());
}

/** Runs the CDK with its output shown; complains if it fails. */
export async function cdk(...args: string[]): Promise<void> {
  await run(CDK, ['--no-notices', ...args]);
}

/** Runs a program with its output shown; complains if it fails. */
export async function run(
  program: string,
  args: string[],
  folder: string = INFRA,
  environment: Record<string, string> = {},
): Promise<void> {
  const status = await new Promise<number | null>((done, failed) => {
    const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...environment }, stdio: 'inherit' });
    child.on('error', failed).on('close', done);
  });
  if (status !== 0) throw new Complaint(`${basename(program)} ${args.slice(0, 3).join(' ')} ended with status ${status}`, 'its own words are above');
}

/** Runs a script to its end: a complaint is printed like any error of Docent, and the status says so. */
export async function main(script: () => Promise<void>): Promise<void> {
  try {
    await script();
  } catch (error) {
    console.error(`error: ${(error as Error).message}`);
    if (error instanceof Complaint) console.error(`hint: ${error.hint}`);
    else console.error((error as Error).stack);
    process.exitCode = 1;
  }
}
