/**
 * `make destroy`: says what goes and what stays, and does it when told so. The service goes; the data only if asked for by
 * name, as nothing brings it back.
 */
import { DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CloudFormationClient, UpdateTerminationProtectionCommand } from '@aws-sdk/client-cloudformation';
import type { Settings } from '../lib/settings.js';
import { account, cdk, Complaint, deploymentSettings, say, stack, synthesise } from './cloud.js';

interface Wishes {
  /** The deployment's name, to show that it is meant. */
  readonly confirm?: string;
  /** Also what is kept otherwise. */
  readonly withData: boolean;
}

export async function destroy(settings: Settings, wishes: Wishes): Promise<void> {
  say(`account ${await account()}, deployment ${settings.name}`);
  announce(await stack(`${settings.name}-data`), wishes.withData);
  if (wishes.confirm !== settings.name) {
    throw new Complaint('nothing was deleted', `say CONFIRM=${settings.name} to do it; DATA=delete for the data as well`);
  }
  // The templates of the data, without what protects it.
  const app = await synthesise('keepData=false');
  await cdk('destroy', 'Service', '--app', app, '--exclusively', '--force');
  if (wishes.withData) await destroyData(settings.name, app);
}

function announce(data: { outputs: Record<string, string> } | undefined, withData: boolean): void {
  say('goes: both functions, the URL, the failure queue, the schedule, logs, alarms, the dashboard');
  if (data === undefined) return;
  say(`${withData ? 'goes, for ever' : 'stays'}:`);
  say(`  table ${data.outputs.TableName} (queries, answers, keys)`);
  say(`  bucket ${data.outputs.BucketName} (the index)`);
  if (data.outputs.ModelKeySecretArn) say(`  secret ${data.outputs.ModelKeySecretArn} (the key for the model)`);
}

/** Takes the protection away by a deployment of its own, empties the bucket, and deletes the stack with all that is in it. */
async function destroyData(name: string, app: string): Promise<void> {
  const StackName = `${name}-data`;
  const outputs = (await stack(StackName))?.outputs;
  if (!outputs) return;
  await cdk('deploy', 'Data', '--app', app, '--require-approval', 'never');
  await empty(outputs.BucketName!);
  const client = new CloudFormationClient();
  await client.send(new UpdateTerminationProtectionCommand({ StackName, EnableTerminationProtection: false }));
  await cdk('destroy', 'Data', '--app', app, '--exclusively', '--force');
}

async function empty(Bucket: string): Promise<void> {
  const client = new S3Client();
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) return;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
  }
}

/** From the environment and the settings file, as `make destroy` does. */
export async function destroyFromEnvironment(): Promise<void> {
  await destroy(deploymentSettings(), { confirm: process.env.CONFIRM, withData: process.env.DATA === 'delete' });
}
