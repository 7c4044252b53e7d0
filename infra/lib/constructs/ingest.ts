/**
 * Takes documents in: reads what the bucket tells of them, brings what has changed into the index and publishes it. Two of it at
 * most run at the same time; which of them publishes is decided by a conditional write, not by a lock or by reserved concurrency, of
 * which a new account has none.
 */
import { Duration, Size } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Settings } from '../settings.js';
import { BATCH_WINDOW_S, type News } from '../stacks/data.js';
import type { Alarms } from './alarms.js';
import { DocentFunction } from './docent-function.js';
import { PERIOD } from './metrics.js';

export interface IngestProps {
  readonly settings: Settings;
  readonly table: dynamodb.Table;
  /** The bucket, and where generations and documents are in it. */
  readonly bucketArn: string;
  readonly generationsArn: string;
  readonly documentsArn: string;
  readonly news: News;
  /** Only for an embedding model behind an endpoint. */
  readonly modelKey?: secretsmanager.ISecret;
  readonly alarms: Alarms;
  readonly environment: Record<string, string>;
}

/** Messages that are worked on together at most. */
const BATCH_SIZE = 100;
/** The least that AWS allows. */
const CONCURRENCY = 2;
/** For a copy of the index and of the files that are being read. */
const STORAGE = Size.gibibytes(4);

export class Ingest extends Construct {
  readonly function: lambda.Function;

  constructor(
    scope: Construct,
    id: string,
    readonly props: IngestProps,
  ) {
    super(scope, id);
    const ingest = new DocentFunction(this, 'Ingest', {
      settings: props.settings,
      binary: 'ingest',
      memoryMib: props.settings.ingestMemoryMib,
      timeout: Duration.seconds(props.settings.ingestTimeoutS),
      storage: STORAGE,
      environment: props.environment,
    });
    this.function = ingest.function;
    this.grant(ingest);
    this.read(ingest);
    this.watch(props.alarms);
  }

  private grant(ingest: DocentFunction): void {
    const { bucketArn, generationsArn, documentsArn, table, modelKey } = this.props;
    const everything = 'All objects there: their names are not known beforehand.';
    // It sees the whole bucket: without it S3 says of what is not there that it is forbidden.
    ingest.allow({ sid: 'SeeBucket', actions: ['s3:ListBucket'], resources: [bucketArn] });
    ingest.allow({ sid: 'ReadDocuments', actions: ['s3:GetObject'], resources: [`${documentsArn}/*`], wildcard: everything });
    ingest.allow({ sid: 'ReadIndex', actions: ['s3:GetObject'], resources: [`${generationsArn}/*`], wildcard: everything });
    ingest.allow({ sid: 'Publish', actions: ['s3:PutObject'], resources: [`${generationsArn}/*`], wildcard: everything });
    ingest.allow({ sid: 'RemoveGenerations', actions: ['s3:DeleteObject'], resources: [`${generationsArn}/*`], wildcard: everything });
    ingest.allow({
      sid: 'KeepReports',
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      resources: [table.tableArn],
    });
    // A deleted document's answers are found by looking through all.
    ingest.allow({ sid: 'FindAnswers', actions: ['dynamodb:Scan'], resources: [table.tableArn] });
    // Which uploads wait, and which documents were refused already.
    ingest.allowToListReports(table.tableArn);
    if (modelKey) {
      ingest.allow({ sid: 'ReadModelKey', actions: ['secretsmanager:GetSecretValue'], resources: [modelKey.secretArn] });
    }
  }

  private read(ingest: DocentFunction): void {
    const { queue } = this.props.news;
    const permission = ingest.allow({
      sid: 'ReadNews',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: [queue.queueArn],
    });
    const mapping = this.function.addEventSourceMapping('ReadNews', {
      eventSourceArn: queue.queueArn,
      batchSize: BATCH_SIZE,
      maxBatchingWindow: Duration.seconds(BATCH_WINDOW_S),
      maxConcurrency: CONCURRENCY,
      reportBatchItemFailures: true,
    });
    mapping.node.addDependency(permission);
  }

  private watch(alarms: Alarms): void {
    alarms.add(this, 'Errors', {
      about: 'The function that takes documents in crashed, or ran out of time or of memory.',
      section: 'ingest-errors',
      metric: this.function.metricErrors({ period: PERIOD }),
      threshold: 1,
      periods: [2, 3],
    });
    alarms.add(this, 'GivenUp', {
      about: 'Documents that were put or removed have been given up: the index is not as the bucket is.',
      section: 'documents-given-up',
      metric: this.props.news.givenUp.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' }),
      threshold: 1,
    });
    alarms.add(this, 'Late', {
      about: 'A document that was put or removed has been waiting for a quarter of an hour.',
      section: 'documents-late',
      metric: this.props.news.queue.metricApproximateAgeOfOldestMessage({ period: PERIOD }),
      threshold: 900,
    });
  }
}
