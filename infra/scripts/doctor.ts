/**
 * `make doctor`: what the alarms of a deployment say at this moment, and whether there is anything to answer from. Each
 * complaint ends with its section of the runbook.
 */
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, DescribeAlarmsCommand, type MetricAlarm } from '@aws-sdk/client-cloudwatch';
import type { Settings } from '../lib/settings.js';
import { account, Complaint, deploymentSettings, say, stack } from './cloud.js';
import { isPublished } from './publish.js';

/** Looks at everything, and complains at the end if something is wrong. */
export async function examine(settings: Settings): Promise<void> {
  say(`account and region ${await account()}, deployment ${settings.name}`);
  const wrong = [await stackTrouble(`${settings.name}-data`), await stackTrouble(`${settings.name}-service`)];
  const bucket = (await stack(`${settings.name}-data`))?.outputs.BucketName;
  if (bucket && !settings.imageIndex && !(await isPublished(settings, bucket))) {
    wrong.push('no documents are published: DOCUMENTS=folder make deploy');
  }
  const alarms = await alarmsOf(`${settings.name}-service`);
  for (const alarm of alarms) say(`  ${STATES[alarm.StateValue!] ?? alarm.StateValue} ${alarm.AlarmName}`);
  wrong.push(...alarms.filter((alarm) => alarm.StateValue === 'ALARM').map((alarm) => alarm.AlarmDescription!));
  const said = wrong.filter((text) => text !== undefined);
  if (said.length > 0) throw new Complaint(`${said.length} of the checks found something:\n${said.join('\n')}`, 'docs/runbook.md');
  say(`all is well, by ${alarms.length} alarms`);
}

/** An alarm without data has not been asked anything yet. */
const STATES: Record<string, string> = { OK: 'ok      ', ALARM: 'RINGING ', INSUFFICIENT_DATA: 'no data ' };

async function stackTrouble(name: string): Promise<string | undefined> {
  const found = await stack(name);
  if (found === undefined) return `there is no stack ${name}: make deploy`;
  const { status } = found;
  if (/^(CREATE|UPDATE)_COMPLETE$/.test(status)) return undefined;
  return `the stack ${name} is in the state ${status}: CloudFormation's events say why`;
}

/** The alarms that a stack has, as they are now. */
export async function alarmsOf(StackName: string): Promise<MetricAlarm[]> {
  if ((await stack(StackName)) === undefined) return [];
  const names: string[] = [];
  for await (const page of paginateListStackResources({ client: new CloudFormationClient() }, { StackName })) {
    const alarms = (page.StackResourceSummaries ?? []).filter((it) => it.ResourceType === 'AWS::CloudWatch::Alarm');
    names.push(...alarms.map((it) => it.PhysicalResourceId!));
  }
  const { MetricAlarms = [] } = await new CloudWatchClient().send(new DescribeAlarmsCommand({ AlarmNames: names, MaxRecords: 100 }));
  return MetricAlarms;
}

/** As `make doctor` does. */
export async function examineFromSettings(): Promise<void> {
  await examine(deploymentSettings());
}
