/** The API: a function behind a URL of its own. It stores questions, wakes the worker and reads answers. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { METRICS, TABLE } from '../contract.js';
import { apiEnvironment, modelEnvironment } from '../environment.js';
import { takesDocuments, type Settings } from '../settings.js';
import type { Alarms } from './alarms.js';
import { DocentFunction } from './docent-function.js';
import { ofUrl, own, PERIOD } from './metrics.js';

export interface ApiProps {
  readonly settings: Settings;
  readonly table: dynamodb.Table;
  /** The bucket, and where generations are in it. */
  readonly bucketArn: string;
  readonly generationsArn: string;
  /** Where documents are in it. */
  readonly documentsArn: string;
  /** Only for a search with an embedding model behind an endpoint. */
  readonly modelKey?: secretsmanager.ISecret;
  /** Docent's own keys, separated by commas; absent if none is asked for. */
  readonly keys?: string;
  readonly worker: lambda.IFunction;
  readonly alarms: Alarms;
  /** What both functions are told. */
  readonly environment: Record<string, string>;
}

/** Longer than the longest `wait` of a caller; a stream that it cuts is resumed by the caller. */
const TIMEOUT = Duration.seconds(60);

export class Api extends Construct {
  readonly function: lambda.Function;
  readonly url: lambda.FunctionUrl;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);
    const api = new DocentFunction(this, 'Api', {
      settings: props.settings,
      binary: 'api',
      memoryMib: props.settings.apiMemoryMib,
      timeout: TIMEOUT,
      environment: {
        ...props.environment,
        ...apiEnvironment(props.settings),
        ...modelEnvironment(props.settings, props.modelKey),
        ...(props.keys ? { DOCENT_API_KEYS: props.keys } : {}),
        WORKER_LAMBDA_NAME: props.worker.functionName,
      },
    });
    this.function = api.function;
    this.grant(api, props);
    this.url = this.function.addFunctionUrl({
      authType: props.settings.urlAuth === 'aws-iam' ? lambda.FunctionUrlAuthType.AWS_IAM : lambda.FunctionUrlAuthType.NONE,
      invokeMode: lambda.InvokeMode.RESPONSE_STREAM,
    });
    this.watch(props.alarms);
  }

  private grant(api: DocentFunction, props: ApiProps): void {
    api.allow({
      sid: 'KeepQueries',
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      resources: [props.table.tableArn],
    });
    api.allow({
      sid: 'ListQueries',
      actions: ['dynamodb:Query'],
      resources: [`${props.table.tableArn}/index/${TABLE.byUser.name}`],
    });
    // A deleted document's answers are found by looking through all.
    api.allow({ sid: 'ForgetAnswers', actions: ['dynamodb:Scan'], resources: [props.table.tableArn] });
    api.allow({ sid: 'WakeWorker', actions: ['lambda:InvokeFunction'], resources: [props.worker.functionArn] });
    if (props.modelKey) {
      api.allow({ sid: 'ReadModelKey', actions: ['secretsmanager:GetSecretValue'], resources: [props.modelKey.secretArn] });
    }
    if (takesDocuments(props.settings)) this.grantDocuments(api, props);
    api.allowToReadIndex(props.bucketArn, props.generationsArn);
  }

  /** It puts documents into the bucket, removes them, and hands them out again. An address for somebody else's file is signed in its name. */
  private grantDocuments(api: DocentFunction, props: ApiProps): void {
    api.allowToListReports(props.table.tableArn);
    const [resources, wildcard] = [[`${props.documentsArn}/*`], 'All documents: users name them.'];
    api.allow({ sid: 'PutDocuments', actions: ['s3:PutObject'], resources, wildcard });
    api.allow({ sid: 'RemoveDocuments', actions: ['s3:DeleteObject'], resources, wildcard });
    api.allow({ sid: 'ReadDocuments', actions: ['s3:GetObject'], resources, wildcard });
  }

  private watch(alarms: Alarms): void {
    const errors = new cloudwatch.MathExpression({
      expression: 'IF(requests > 0, 100 * errors / requests, 0)',
      usingMetrics: { requests: ofUrl(this.function, 'UrlRequestCount'), errors: ofUrl(this.function, 'Url5xxCount') },
      period: PERIOD,
      label: 'requests that failed, %',
    });
    alarms.add(this, 'ErrorRate', {
      about: 'More than 5 % of the requests to the API failed.',
      section: 'api-errors',
      metric: errors,
      threshold: 5,
      above: true,
      periods: [2, 3],
    });
    alarms.add(this, 'SlowSubmit', {
      about: 'One question in twenty took longer than two seconds to be accepted.',
      section: 'submit-slow',
      metric: own(this.function, METRICS.submit, 'p95'),
      threshold: 2000,
      above: true,
      periods: [2, 3],
    });
    alarms.add(this, 'Throttled', {
      about: 'Requests to the API were refused by Lambda because too many ran at once.',
      section: 'throttles',
      metric: this.function.metricThrottles({ period: PERIOD }),
      threshold: 1,
    });
  }
}
