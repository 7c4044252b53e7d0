/**
 * The topic that alarms speak to, and the one way to make an alarm: each has a section of the runbook, whose link is
 * the last line of its description and so of the mail.
 */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';

export interface AlarmsProps {
  /** The page with a section per alarm. */
  readonly runbookUrl: string;
  /** Who gets mail. */
  readonly email?: string;
}

export interface AlarmProps {
  /** What the reader of the mail must know, as a sentence. */
  readonly about: string;
  /** Its heading in the runbook, as an anchor. */
  readonly section: string;
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  /** Rings from this value on, or only above it. @default from it on */
  readonly above?: boolean;
  /** Rings below the threshold. @default false */
  readonly below?: boolean;
  /** How many periods must be bad, of how many. @default 1 of 1 */
  readonly periods?: readonly [bad: number, of: number];
  /** What no data means. @default all is well: nothing was asked */
  readonly missing?: cloudwatch.TreatMissingData;
}

export class Alarms extends Construct {
  readonly topic: sns.Topic;
  /** All of them, in the order of their making. */
  readonly all: cloudwatch.Alarm[] = [];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: AlarmsProps,
  ) {
    super(scope, id);
    this.topic = new sns.Topic(this, 'Topic', { enforceSSL: true, displayName: 'Docent alarms' });
    if (props.email) this.topic.addSubscription(new EmailSubscription(props.email));
  }

  /** Makes an alarm below `scope`, the construct that it watches. */
  add(scope: Construct, id: string, alarm: AlarmProps): cloudwatch.Alarm {
    const [bad, of] = alarm.periods ?? [1, 1];
    const made = new cloudwatch.Alarm(scope, id, {
      alarmDescription: `${alarm.about}\n${this.props.runbookUrl}#${alarm.section}`,
      metric: alarm.metric,
      threshold: alarm.threshold,
      comparisonOperator: comparison(alarm),
      datapointsToAlarm: bad,
      evaluationPeriods: of,
      treatMissingData: alarm.missing ?? cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    made.addAlarmAction(new SnsAction(this.topic));
    made.addOkAction(new SnsAction(this.topic));
    this.all.push(made);
    return made;
  }
}

function comparison(alarm: AlarmProps): cloudwatch.ComparisonOperator {
  if (alarm.below) return cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD;
  return alarm.above
    ? cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
    : cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD;
}
