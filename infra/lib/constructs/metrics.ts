/** The metrics that Docent itself writes, and those of AWS that the library has no method for. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { METRICS } from '../contract.js';

/** Five minutes: short enough to notice, long enough to hold more than one request of a small team. */
export const PERIOD = Duration.minutes(5);

/** A metric that a function writes about itself. */
export function own(
  writer: lambda.IFunction,
  metricName: string,
  statistic: string,
  options: { readonly period?: Duration; readonly label?: string } = {},
): cloudwatch.Metric {
  const dimensionsMap = { Function: writer.functionName };
  return new cloudwatch.Metric({ namespace: METRICS.namespace, metricName, dimensionsMap, statistic, period: PERIOD, ...options });
}

/** Queries that ended in one way. */
export function ended(worker: lambda.IFunction, outcome: string): cloudwatch.Metric {
  const dimensionsMap = { Function: worker.functionName, Outcome: outcome };
  return own(worker, METRICS.queries, 'Sum').with({ dimensionsMap });
}

/** A metric of a function's URL. */
export function ofUrl(api: lambda.IFunction, metricName: string, statistic = 'Sum'): cloudwatch.Metric {
  const dimensionsMap = { FunctionName: api.functionName };
  return new cloudwatch.Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap, statistic, period: PERIOD });
}
