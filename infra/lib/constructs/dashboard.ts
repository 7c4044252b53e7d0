/** One page for the question "how is it doing?", read from top to bottom: is it used, does it answer, how fast, at what price. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { METRICS, OUTCOMES } from '../contract.js';
import type { Alarms } from './alarms.js';
import type { Api } from './api.js';
import type { Ingest } from './ingest.js';
import { ended, ofUrl, own, PERIOD } from './metrics.js';
import type { Worker } from './worker.js';

export interface DashboardProps {
  readonly api: Api;
  readonly worker: Worker;
  readonly ingest?: Ingest;
  readonly table: dynamodb.Table;
  readonly alarms: Alarms;
  readonly dailyCostCapUsd: number;
}

const DAY = Duration.days(1);

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(12) });
    dashboard.addWidgets(new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms: props.alarms.all, width: 24, height: 3 }));
    const worker = props.worker.function;
    dashboard.addWidgets(traffic(props.api), outcomes(worker));
    dashboard.addWidgets(latency(props), money(worker, props.dailyCostCapUsd), tokens(worker));
    dashboard.addWidgets(generation(worker), waiting(props.worker), errors(props));
    if (props.ingest) dashboard.addWidgets(documents(props.ingest), documentsWaiting(props.ingest));
    dashboard.addWidgets(processes(props));
  }
}

function graph(title: string, left: cloudwatch.IMetric[], more: cloudwatch.GraphWidgetProps = {}): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left, width: 8, height: 6, leftYAxis: { min: 0 }, ...more });
}

function traffic(api: Api): cloudwatch.IWidget {
  const left = ['UrlRequestCount', 'Url4xxCount', 'Url5xxCount'].map((name) => ofUrl(api.function, name));
  return graph('Requests', left, { width: 12, right: [ofUrl(api.function, 'UrlRequestLatency', 'p95')] });
}

function outcomes(worker: lambda.IFunction): cloudwatch.IWidget {
  const left = OUTCOMES.map((outcome) => ended(worker, outcome).with({ label: outcome }));
  return graph('Queries by outcome', left, { width: 12, stacked: true });
}

function latency(props: DashboardProps): cloudwatch.IWidget {
  const phases = [METRICS.retrieve, METRICS.generate, METRICS.answer].map((name) => [props.worker.function, name] as const);
  const left = [[props.api.function, METRICS.submit] as const, ...phases].flatMap(([writer, name]) =>
    ['p50', 'p95'].map((share) => own(writer, name, share, { label: `${name} ${share}` })),
  );
  return graph('Latency by phase, ms', left);
}

function money(worker: lambda.IFunction, capUsd: number): cloudwatch.IWidget {
  return graph('Estimated cost per day, US dollars', [own(worker, METRICS.cost, 'Sum', { period: DAY })], {
    leftAnnotations: [{ value: capUsd, label: 'daily cap' }],
  });
}

function tokens(worker: lambda.IFunction): cloudwatch.IWidget {
  return graph('Tokens; embedded', [own(worker, METRICS.tokensIn, 'Sum'), own(worker, METRICS.tokensOut, 'Sum')], {
    right: [own(worker, METRICS.tokensEmbedded, 'Sum')],
  });
}

function generation(worker: lambda.IFunction): cloudwatch.IWidget {
  return graph('Index generation: chunks; age in seconds', [own(worker, METRICS.chunks, 'Maximum')], {
    right: [own(worker, METRICS.generationAge, 'Minimum')],
  });
}

function waiting(worker: Worker): cloudwatch.IWidget {
  const queue = worker.failures.metricApproximateNumberOfMessagesVisible({ period: PERIOD, label: 'failure queue' });
  return graph('Waiting: oldest query, ms; queries nobody worked on', [own(worker.function, METRICS.oldest, 'Maximum')], {
    right: [own(worker.function, METRICS.unattended, 'Sum'), queue],
  });
}

function documents(ingest: Ingest): cloudwatch.IWidget {
  const left = [own(ingest.function, METRICS.files, 'Sum'), own(ingest.function, METRICS.filesRefused, 'Sum')];
  const right = [own(ingest.function, METRICS.ingest, 'p95', { label: 'from the bucket to the index, p95, ms' })];
  return graph('Documents taken in; refused', left, { width: 12, right });
}

function documentsWaiting({ props: { news } }: Ingest): cloudwatch.IWidget {
  const left = [news.queue, news.givenUp].map((queue, place) =>
    queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, label: ['waiting', 'given up'][place] }),
  );
  return graph('Documents waiting; given up', left, { width: 12 });
}

function processes(props: DashboardProps): cloudwatch.IWidget {
  const [api, worker] = [props.api.function, props.worker.function];
  const all = { api, worker, ...(props.ingest ? { ingest: props.ingest.function } : {}) };
  const left = Object.entries(all).map(([label, fn]) => own(fn, METRICS.coldStarts, 'Sum', { label }));
  return graph('Cold starts; attempts that a query took, at most; sweeps', left, {
    width: 24,
    right: [own(worker, METRICS.attempts, 'Maximum'), own(worker, METRICS.sweeps, 'Sum')],
  });
}

function errors(props: DashboardProps): cloudwatch.IWidget {
  const ingest = props.ingest ? [props.ingest.function] : [];
  const left = [props.api.function, props.worker.function, ...ingest].flatMap((fn) => [
    fn.metricErrors({ period: PERIOD }),
    fn.metricThrottles({ period: PERIOD }),
  ]);
  const table = ['ReadThrottleEvents', 'WriteThrottleEvents'].map((name) =>
    props.table.metric(name, { statistic: 'Sum', period: PERIOD }),
  );
  return graph('Errors and throttles', [...left, ...table]);
}
