/**
 * The worker: answers one query per event. What Lambda gives up on comes to the failure queue, whose items the same
 * worker turns into failed queries; a schedule makes it sweep once a minute, so that nothing depends on an event arriving.
 */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRICS, SWEEP_EVENT, TABLE } from '../contract.js';
import { modelEnvironment } from '../environment.js';
import type { Settings } from '../settings.js';
import type { Alarms } from './alarms.js';
import { DocentFunction } from './docent-function.js';
import { ended, own, PERIOD } from './metrics.js';

export interface WorkerProps {
  readonly settings: Settings;
  readonly table: dynamodb.Table;
  /** The bucket, and where generations are in it. */
  readonly bucketArn: string;
  readonly generationsArn: string;
  readonly modelKey?: secretsmanager.ISecret;
  readonly webhookSecret?: secretsmanager.ISecret;
  readonly alarms: Alarms;
  /** What both functions are told. */
  readonly environment: Record<string, string>;
}

/** What the worker has beyond an answer's time, to write down how it ended. */
const MARGIN_S = 30;
/** The longest that Lambda keeps an event. */
const EVENT_AGE_MAX_S = 21_600;

export class Worker extends Construct {
  readonly function: lambda.Function;
  readonly failures: sqs.Queue;

  constructor(scope: Construct, id: string, props: WorkerProps) {
    super(scope, id);
    const timeout = Duration.seconds(props.settings.answerTimeoutS + MARGIN_S);
    this.failures = this.failureQueue(timeout);
    const worker = new DocentFunction(this, 'Worker', {
      settings: props.settings,
      binary: 'worker',
      memoryMib: props.settings.workerMemoryMib,
      timeout,
      environment: { ...props.environment, ...modelEnvironment(props.settings, props.modelKey) },
      reservedConcurrency: props.settings.workerConcurrency,
    });
    this.function = worker.function;
    this.grant(worker, props);
    this.retry(worker, props.settings);
    this.drainFailures(worker);
    this.sweepEveryMinute();
    this.watch(props.alarms);
  }

  /** Six times the function's time, as AWS advises for queues that a function reads. */
  private failureQueue(timeout: Duration): sqs.Queue {
    const queue = new sqs.Queue(this, 'Failures', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      visibilityTimeout: Duration.seconds(6 * timeout.toSeconds()),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(queue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'This is the queue for what failed elsewhere. What the worker cannot mark failed stays here and rings an alarm.',
    });
    return queue;
  }

  private grant(worker: DocentFunction, props: WorkerProps): void {
    worker.allow({
      sid: 'AnswerQueries',
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      resources: [props.table.tableArn],
    });
    worker.allow({
      sid: 'FindOpenQueries',
      actions: ['dynamodb:Query'],
      resources: [`${props.table.tableArn}/index/${TABLE.open.name}`],
    });
    worker.allowToReadIndex(props.bucketArn, props.generationsArn);
    if (props.modelKey) {
      worker.allow({
        sid: 'ReadModelKey',
        actions: ['secretsmanager:GetSecretValue'],
        resources: [props.modelKey.secretArn],
      });
    }
    if (props.webhookSecret) {
      worker.allow({
        sid: 'ReadWebhookSecret',
        actions: ['secretsmanager:GetSecretValue'],
        resources: [props.webhookSecret.secretArn],
      });
    }
    worker.allow({
      sid: 'WakeItself',
      actions: ['lambda:InvokeFunction'],
      resources: [this.function.functionArn],
    });
  }

  /** Two retries of an event, then the failure queue; no event outlives the question that it is about. */
  private retry(worker: DocentFunction, settings: Settings): void {
    const permission = worker.allow({
      sid: 'ReportFailures',
      actions: ['sqs:SendMessage'],
      resources: [this.failures.queueArn],
    });
    const retries = new lambda.EventInvokeConfig(this, 'Retries', {
      function: this.function,
      retryAttempts: 2,
      maxEventAge: Duration.seconds(Math.min(settings.queryDeadlineS, EVENT_AGE_MAX_S)),
      onFailure: { bind: () => ({ destination: this.failures.queueArn }) },
    });
    retries.node.addDependency(permission);
  }

  private drainFailures(worker: DocentFunction): void {
    const permission = worker.allow({
      sid: 'DrainFailures',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: [this.failures.queueArn],
    });
    const mapping = this.function.addEventSourceMapping('DrainFailures', {
      eventSourceArn: this.failures.queueArn,
      batchSize: 10,
      reportBatchItemFailures: true,
    });
    mapping.node.addDependency(permission);
  }

  /** A sweep that is late is useless, as the next one is coming. */
  private sweepEveryMinute(): void {
    new events.Rule(this, 'Sweep', {
      description: 'Docent: wake queries that were never delivered, give up those out of attempts or time',
      schedule: events.Schedule.rate(Duration.minutes(1)),
      targets: [
        new targets.LambdaFunction(this.function, {
          event: events.RuleTargetInput.fromObject(SWEEP_EVENT),
          retryAttempts: 0,
          maxEventAge: Duration.minutes(1),
        }),
      ],
    });
  }

  private watch(alarms: Alarms): void {
    alarms.add(this, 'Errors', {
      about: 'The worker ended without an answer and without saying why: it crashed, ran out of time or of memory.',
      section: 'worker-errors',
      metric: this.function.metricErrors({ period: PERIOD }),
      threshold: 1,
      periods: [2, 3],
    });
    alarms.add(this, 'Throttled', {
      about: 'More questions came than workers may run; they wait longer.',
      section: 'throttles',
      metric: this.function.metricThrottles({ period: PERIOD }),
      threshold: 1,
      periods: [2, 3],
    });
    alarms.add(this, 'FailedQueries', {
      about: 'Three or more questions failed within five minutes.',
      section: 'failed-queries',
      metric: ended(this.function, 'failed'),
      threshold: 3,
    });
    alarms.add(this, 'FailureQueue', {
      about: 'Events that Lambda gave up on have been waiting for ten minutes to be marked failed.',
      section: 'failure-queue',
      metric: this.failures.metricApproximateAgeOfOldestMessage({ period: PERIOD }),
      threshold: 600,
    });
    this.watchSweep(alarms);
  }

  private watchSweep(alarms: Alarms): void {
    alarms.add(this, 'Stuck', {
      about: 'The sweep had to wake questions that nobody worked on, or to give them up, for a quarter of an hour.',
      section: 'stuck-queries',
      metric: own(this.function, METRICS.unattended, 'Sum'),
      threshold: 1,
      periods: [3, 3],
    });
    alarms.add(this, 'OldestQuery', {
      about: 'A question has been waiting for five minutes to be worked on.',
      section: 'oldest-query',
      metric: own(this.function, METRICS.oldest, 'Maximum'),
      threshold: 300_000,
    });
  }
}
