import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT, templates } from './deployments.js';

const { service } = templates({ alarmEmail: 'team@example.com', dailyCostCapUsd: 10, runbookUrl: 'https://runbook.example/' });
const alarms = Object.entries(service.findResources('AWS::CloudWatch::Alarm')).map(
  ([id, it]) => [id.slice(0, -8), it.Properties] as const,
);

/** Metric or expression · statistic over seconds · when it rings. */
function summary(alarm: Record<string, any>): string {
  const [metric, statistic, period] = alarm.Metrics
    ? [alarm.Metrics[0].Expression, 'computed', alarm.Metrics[1].MetricStat.Period]
    : [alarm.MetricName, alarm.Statistic ?? alarm.ExtendedStatistic, alarm.Period];
  const sign = { GreaterThanThreshold: '>', GreaterThanOrEqualToThreshold: '>=', LessThanThreshold: '<' }[
    alarm.ComparisonOperator as string
  ];
  const often = `${alarm.DatapointsToAlarm} of ${alarm.EvaluationPeriods}`;
  return `${metric} · ${statistic} over ${period} s · ${sign} ${alarm.Threshold}, ${often}, missing ${alarm.TreatMissingData}`;
}

describe('alarms', () => {
  test('ring when they should', () => {
    expect(Object.fromEntries(alarms.map(([id, alarm]) => [id, summary(alarm)]))).toEqual({
      ApiErrorRate: 'IF(requests > 0, 100 * errors / requests, 0) · computed over 300 s · > 5, 2 of 3, missing notBreaching',
      ApiSlowSubmit: 'SubmitLatency · p95 over 300 s · > 2000, 2 of 3, missing notBreaching',
      ApiThrottled: 'Throttles · Sum over 300 s · >= 1, 1 of 1, missing notBreaching',
      WorkerErrors: 'Errors · Sum over 300 s · >= 1, 2 of 3, missing notBreaching',
      WorkerThrottled: 'Throttles · Sum over 300 s · >= 1, 2 of 3, missing notBreaching',
      WorkerFailedQueries: 'Queries · Sum over 300 s · >= 3, 1 of 1, missing notBreaching',
      WorkerFailureQueue: 'ApproximateAgeOfOldestMessage · Maximum over 300 s · >= 600, 1 of 1, missing notBreaching',
      WorkerStuck: 'UnattendedQueries · Sum over 300 s · >= 1, 3 of 3, missing notBreaching',
      WorkerOldestQuery: 'OldestOpenQuery · Maximum over 300 s · >= 300000, 1 of 1, missing notBreaching',
      IngestErrors: 'Errors · Sum over 300 s · >= 1, 2 of 3, missing notBreaching',
      IngestGivenUp: 'ApproximateNumberOfMessagesVisible · Maximum over 300 s · >= 1, 1 of 1, missing notBreaching',
      IngestLate: 'ApproximateAgeOfOldestMessage · Maximum over 300 s · >= 900, 1 of 1, missing notBreaching',
      ReadsThrottled: 'ReadThrottleEvents · Sum over 300 s · >= 10, 2 of 3, missing notBreaching',
      WritesThrottled: 'WriteThrottleEvents · Sum over 300 s · >= 10, 2 of 3, missing notBreaching',
      CostCap: 'EstimatedCost · Sum over 86400 s · >= 8, 1 of 1, missing notBreaching',
      NoGeneration: 'GenerationPublished · Minimum over 300 s · < 1, 3 of 3, missing breaching',
    });
  });

  test('reach the mail address, and say when it is over', () => {
    service.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'team@example.com' });
    for (const [, alarm] of alarms) {
      expect(alarm.AlarmActions).toEqual([{ Ref: expect.stringMatching(/^AlarmsTopic/) }]);
      expect(alarm.OKActions).toEqual(alarm.AlarmActions);
    }
    templates().service.resourceCountIs('AWS::SNS::Subscription', 0);
  });

  test.each(alarms)('%s says what it means and links to a section that exists', (_, alarm) => {
    const [about, link] = alarm.AlarmDescription.split('\n');
    expect(about).toMatch(/^[A-Z].{20,}\.$/);
    const [page, section] = link.split('#');
    expect(page).toBe('https://runbook.example/');
    expect(sections()).toContain(section);
  });
});

/** The anchors of the runbook's headings. */
function sections(): string[] {
  const runbook = readFileSync(join(CHECKOUT, 'docs', 'runbook.md'), 'utf8');
  return [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!.toLowerCase().replaceAll(' ', '-'));
}

describe('the dashboard', () => {
  const [dashboard] = Object.values(service.findResources('AWS::CloudWatch::Dashboard'));
  const body = JSON.stringify(dashboard!.Properties.DashboardBody);

  test.each([
    ['traffic', ['UrlRequestCount', 'Url4xxCount', 'Url5xxCount', 'UrlRequestLatency']],
    ['outcomes', ['answered', 'partial', 'not_found', 'failed', 'cancelled']],
    ['latency by phase', ['SubmitLatency', 'RetrieveLatency', 'GenerateLatency', 'AnswerLatency']],
    ['tokens and cost', ['InputTokens', 'OutputTokens', 'EmbeddingTokens', 'EstimatedCost', 'daily cap']],
    ['generation', ['GenerationAge', 'GenerationChunks']],
    ['errors', ['Errors', 'Throttles', 'ReadThrottleEvents', 'WriteThrottleEvents', 'ApproximateNumberOfMessagesVisible']],
    ['documents', ['IngestedFiles', 'RefusedFiles', 'IngestLatency', 'given up']],
    ['processes', ['ColdStarts', 'Attempts', 'Sweeps']],
  ])('shows %s', (_, names) => {
    for (const name of names) expect(body).toContain(name);
  });

  test('shows every alarm', () => {
    const shown = body.match(/WorkerErrors|ApiErrorRate|CostCap|NoGeneration/g);
    expect(new Set(shown).size).toBe(4);
  });
});
