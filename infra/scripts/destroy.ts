/**
 * `make destroy`: says what goes and what stays, and does it when told so. The service goes; the data only if asked for by
 * name, as nothing brings it back.
 */
import { DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  CloudFormationClient,
  DeleteStackCommand,
  UpdateTerminationProtectionCommand,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import type { Settings } from '../lib/settings.js';
import { account, Complaint, deploymentSettings, restore, say, stack, template } from './cloud.js';

interface Wishes {
  /** The deployment's name, to show that it is meant. */
  readonly confirm?: string;
  /** Also what is kept otherwise. */
  readonly withData: boolean;
}

export async function destroy(settings: Settings, wishes: Wishes): Promise<void> {
  say(`account and region ${await account()}, deployment ${settings.name}`);
  announce(await stack(`${settings.name}-data`), wishes.withData);
  if (wishes.confirm !== settings.name) {
    throw new Complaint('nothing was deleted', `say CONFIRM=${settings.name} to do it; DATA=delete for the data as well`);
  }
  await remove(`${settings.name}-service`);
  if (wishes.withData) await destroyData(`${settings.name}-data`);
}

function announce(data: { outputs: Record<string, string> } | undefined, withData: boolean): void {
  say('goes: all functions, the URL, the failure queue, the schedule, logs, alarms, the dashboard');
  if (data === undefined) return;
  say(`${withData ? 'goes, for ever' : 'stays'}:`);
  say(`  table ${data.outputs.TableName} (queries, answers, keys)`);
  say(`  bucket ${data.outputs.BucketName} (documents and the index)`);
  if (data.outputs.ModelKeySecretArn) say(`  secret ${data.outputs.ModelKeySecretArn} (the key for the model)`);
  if (data.outputs.WebhookSecretArn) say(`  secret ${data.outputs.WebhookSecretArn} (what webhooks are signed with)`);
}

/** Takes the protection away by an update of the stack, empties the bucket, and deletes the stack with all that is in it. */
async function destroyData(StackName: string): Promise<void> {
  const outputs = (await stack(StackName))?.outputs;
  if (!outputs) return;
  say('taking the protection from the data');
  await restore(StackName, unprotected(await template(StackName)));
  await empty(outputs.BucketName!);
  const unlock = new UpdateTerminationProtectionCommand({ StackName, EnableTerminationProtection: false });
  await new CloudFormationClient().send(unlock);
  await remove(StackName);
}

/** A template whose resources go with their stack. */
function unprotected(body: string): string {
  const made = JSON.parse(body);
  for (const resource of Object.values<any>(made.Resources)) {
    Object.assign(resource, { DeletionPolicy: 'Delete', UpdateReplacePolicy: 'Delete' });
    if (resource.Properties?.DeletionProtectionEnabled) resource.Properties.DeletionProtectionEnabled = false;
  }
  return JSON.stringify(made);
}

/** Deletes a stack, and waits until it is gone. */
async function remove(StackName: string): Promise<void> {
  say(`deleting ${StackName}`);
  const client = new CloudFormationClient();
  await client.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete({ client, maxWaitTime: 900 }, { StackName });
}

async function empty(Bucket: string): Promise<void> {
  const client = new S3Client({ forcePathStyle: true });
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
