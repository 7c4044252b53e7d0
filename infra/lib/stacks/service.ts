/** What may be replaced at any time: functions, URL, queue, schedule, logs, alarms. Deleting this stack loses no answer. */
import { CfnOutput, CfnParameter, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import * as budgets from 'aws-cdk-lib/aws-budgets';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { METRICS } from '../contract.js';
import { Alarms } from '../constructs/alarms.js';
import { Api } from '../constructs/api.js';
import { Dashboard } from '../constructs/dashboard.js';
import { Ingest } from '../constructs/ingest.js';
import { own, PERIOD } from '../constructs/metrics.js';
import { Worker } from '../constructs/worker.js';
import { answeringEnvironment, ingestEnvironment, webhookEnvironment } from '../environment.js';
import { asksForKey, type Settings } from '../settings.js';
import type { DataStack } from './data.js';

export interface ServiceStackProps extends StackProps {
  readonly settings: Settings;
  readonly data: DataStack;
}

export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, props);
    const { settings, data } = props;
    const alarms = new Alarms(this, 'Alarms', { runbookUrl: settings.runbookUrl, email: settings.alarmEmail });
    const bucketArn = data.exportValue(data.bucket.bucketArn);
    const generationsArn = `${bucketArn}/${settings.indexPrefix}`;
    const documentsArn = `${bucketArn}/${settings.documentsPrefix}`;
    const environment = { ...answeringEnvironment(settings, data), ...webhookEnvironment(settings, data.webhookSecret) };
    const common = { settings, table: data.table, bucketArn, generationsArn, alarms, environment };
    const embeddingKey = settings.embedder === 'openai' ? data.modelKey : undefined;
    const worker = new Worker(this, 'Worker', { ...common, modelKey: data.modelKey, webhookSecret: data.webhookSecret });
    const api = new Api(this, 'Api', {
      ...common,
      documentsArn,
      worker: worker.function,
      keys: this.keys(settings),
      modelKey: embeddingKey,
    });
    const ingest = data.news && new Ingest(this, 'Ingest', {
      ...common,
      documentsArn,
      news: data.news,
      modelKey: embeddingKey,
      environment: ingestEnvironment(settings, data, embeddingKey),
    });
    this.watch(alarms, props, worker.function);
    new Dashboard(this, 'Overview', { api, worker, ingest, alarms, table: data.table, dailyCostCapUsd: settings.dailyCostCapUsd });
    this.limit(settings);
    new CfnOutput(this, 'Url', { value: api.url.url });
    new CfnOutput(this, 'ApiName', { value: api.function.functionName });
    new CfnOutput(this, 'WorkerName', { value: worker.function.functionName });
    if (ingest) new CfnOutput(this, 'IngestName', { value: ingest.function.functionName });
    new CfnOutput(this, 'FailureQueueUrl', { value: worker.failures.queueUrl });
  }

  /**
   * The deployment's first keys come as a parameter that CloudFormation never shows; an upgrade keeps them. Without one the
   * stack cannot be made, so no URL is ever open by accident.
   */
  private keys(settings: Settings): string | undefined {
    if (!asksForKey(settings)) return undefined;
    return new CfnParameter(this, 'ApiKeys', {
      description: "Docent's keys that open everything, separated by commas, each of at least 32 characters",
      type: 'String',
      noEcho: true,
      allowedPattern: '[A-Za-z0-9_-]{32,}(,[A-Za-z0-9_-]{32,})*',
    }).valueAsString;
  }

  /** What belongs to no single function. */
  private watch(alarms: Alarms, props: ServiceStackProps, worker: lambda.IFunction): void {
    for (const [id, name] of Object.entries({ ReadsThrottled: 'ReadThrottleEvents', WritesThrottled: 'WriteThrottleEvents' })) {
      alarms.add(this, id, {
        about: 'DynamoDB refused requests for a while because too many came at once.',
        section: 'dynamodb-throttles',
        metric: props.data.table.metric(name, { statistic: 'Sum', period: PERIOD }),
        threshold: 10,
        periods: [2, 3],
      });
    }
    alarms.add(this, 'CostCap', {
      about: `Answers have cost four fifths of the daily cap of ${props.settings.dailyCostCapUsd} US dollars.`,
      section: 'cost-cap',
      metric: own(worker, METRICS.cost, 'Sum', { period: Duration.days(1) }),
      threshold: 0.8 * props.settings.dailyCostCapUsd,
    });
    alarms.add(this, 'NoGeneration', {
      about: 'There is no published index, so no question can be answered; or the sweep that would say so does not run.',
      section: 'no-generation',
      metric: own(worker, METRICS.published, 'Minimum'),
      threshold: 1,
      below: true,
      periods: [3, 3],
      missing: cloudwatch.TreatMissingData.BREACHING,
    });
  }

  /** For the whole account: a budget for a tag counts nothing until somebody activates the tag for billing. */
  private limit(settings: Settings): void {
    if (settings.monthlyBudgetUsd === undefined || settings.alarmEmail === undefined) return;
    const subscribers = [{ subscriptionType: 'EMAIL', address: settings.alarmEmail }];
    const notify = (notificationType: string, threshold: number) => ({
      notification: { notificationType, threshold, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
      subscribers,
    });
    new budgets.CfnBudget(this, 'Budget', {
      budget: {
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: settings.monthlyBudgetUsd, unit: 'USD' },
      },
      notificationsWithSubscribers: [notify('ACTUAL', 80), notify('FORECASTED', 100)],
    });
  }
}
