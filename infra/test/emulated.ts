/**
 * The same stacks for the emulator of the end-to-end test: told where AWS and the model are, and with the one alarm over a
 * computed metric, which the emulator cannot make, over a plain one. Everything else is as it is deployed.
 */
import { Aspects, type IAspect } from 'aws-cdk-lib';
import { CfnAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { deployment } from '../lib/app.js';
import { readSettings } from '../lib/settings.js';

/** JSON: `settings` of the deployment; `environment` that the functions get besides; whether to keep the alarm that cannot be made. */
const given = JSON.parse(process.env.DOCENT_EMULATED ?? '{}') as {
  settings?: Record<string, unknown>;
  environment?: Record<string, string>;
  impossible?: boolean;
};

class ForEmulator implements IAspect {
  visit(node: IConstruct): void {
    if (node instanceof CfnFunction) tell(node, given.environment ?? {});
    if (node instanceof CfnAlarm && node.metrics !== undefined && !given.impossible) simplify(node);
  }
}

/** An empty value takes a variable away. */
function tell(node: CfnFunction, environment: Record<string, string>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (value) node.addPropertyOverride(`Environment.Variables.${name}`, value);
    else node.addPropertyDeletionOverride(`Environment.Variables.${name}`);
  }
}

/** The dashboard shows each alarm, so it stays and looks at the count of errors. */
function simplify(alarm: CfnAlarm): void {
  alarm.metrics = undefined;
  alarm.namespace = 'AWS/Lambda';
  alarm.metricName = 'Url5xxCount';
  alarm.statistic = 'Sum';
  alarm.period = 300;
}

const { app } = deployment(readSettings(given.settings ?? {}));
Aspects.of(app).add(new ForEmulator());
