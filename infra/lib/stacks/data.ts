/**
 * What must survive: queries, documents, index generations, the key for the model, the secret that webhooks are signed with; and the
 * queue that the bucket tells of its documents, where that waits while there is nobody to take them in. Everything is kept and protected, also when the
 * stack is deleted, until somebody sets `keepData` to false on purpose. Names are generated; nothing here is replaced by
 * an upgrade, and a test holds the logical ids still.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack, Validations, type StackProps } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { ATTEMPTS_MAX } from '../environment.js';
import { needsModelKey, takesDocuments, type Settings } from '../settings.js';
import { SYNC_MESSAGE, TABLE, UPLOAD_HEADER } from '../contract.js';

export interface DataStackProps extends StackProps {
  readonly settings: Settings;
}

/** What the bucket tells of its documents, and what of that was given up. */
export interface News {
  readonly queue: sqs.Queue;
  readonly givenUp: sqs.Queue;
}

/**
 * A page may put a file at an address that the API has signed for it. From any origin: the API's own is not known here, and whoever
 * has the address needs no page.
 */
const PAGES_PUT: s3.CorsRule = {
  id: 'signed-uploads',
  allowedMethods: [s3.HttpMethods.PUT],
  allowedOrigins: ['*'],
  allowedHeaders: ['content-type', UPLOAD_HEADER],
  maxAge: 3600,
};

/** How long messages are gathered before they are worked on together. */
export const BATCH_WINDOW_S = 5;

export class DataStack extends Stack {
  /** Queries, keys and counters. */
  readonly table: dynamodb.Table;
  /** Documents and index generations. */
  readonly bucket: s3.Bucket;
  /** Absent if no documents are taken in. */
  readonly news?: News;
  /** The key for the model endpoint, filled in by hand; absent if no model is used. */
  readonly modelKey?: secretsmanager.ISecret;
  /** What webhooks are signed with; absent if they are off. */
  readonly webhookSecret?: secretsmanager.ISecret;

  constructor(scope: Construct, id: string, props: DataStackProps) {
    super(scope, id, { ...props, terminationProtection: props.settings.keepData });
    const removal = props.settings.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.table = this.queries(props.settings.keepData, removal);
    this.bucket = this.generations(props.settings, removal);
    if (takesDocuments(props.settings)) this.news = this.tell(props.settings);
    if (needsModelKey(props.settings)) this.modelKey = this.secret(removal);
    if (props.settings.webhooks) this.webhookSecret = this.signingSecret(removal);
    new CfnOutput(this, 'TableName', { value: this.table.tableName });
    new CfnOutput(this, 'BucketName', { value: this.bucket.bucketName });
    if (this.news) new CfnOutput(this, 'NewsQueueUrl', { value: this.news.queue.queueUrl });
    if (this.news) new CfnOutput(this, 'GivenUpQueueUrl', { value: this.news.givenUp.queueUrl });
    if (this.modelKey) new CfnOutput(this, 'ModelKeySecretArn', { value: this.modelKey.secretArn });
    if (this.webhookSecret) new CfnOutput(this, 'WebhookSecretArn', { value: this.webhookSecret.secretArn });
  }

  /** A single-region table: `TableV2` makes a global one, whose replicas nobody here asked for. */
  private queries(protect: boolean, removal: RemovalPolicy): dynamodb.Table {
    const table = new dynamodb.Table(this, 'Queries', {
      partitionKey: { name: TABLE.partitionKey, type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.DEFAULT,
      timeToLiveAttribute: TABLE.timeToLive,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: protect,
      removalPolicy: removal,
    });
    for (const index of [TABLE.byUser, TABLE.open]) {
      table.addGlobalSecondaryIndex({
        indexName: index.name,
        partitionKey: { name: index.partitionKey, type: dynamodb.AttributeType.STRING },
        sortKey: { name: TABLE.sortKey, type: dynamodb.AttributeType.NUMBER },
      });
    }
    return table;
  }

  /** Without versions: every object but the pointer is written once, and what was purged must be gone. */
  private generations(settings: Settings, removal: RemovalPolicy): s3.Bucket {
    const bucket = new s3.Bucket(this, 'Generations', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: false,
      lifecycleRules: [{ id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      cors: takesDocuments(settings) ? [PAGES_PUT] : undefined,
      removalPolicy: removal,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs need a second bucket that grows for ever. Only the roles of this app and the publisher may read, and CloudTrail data events can be turned on where a log is required.',
    });
    return bucket;
  }

  /**
   * S3 tells the queue of every object that is put or removed below the documents' prefix, and once an hour everything is to be
   * looked at. Set on the bucket itself: the library would make a function of its own to do it.
   */
  private tell(settings: Settings): News {
    const givenUp = this.queue('GivenUp', {});
    const queue = this.queue('News', {
      // Six times the function's time, as AWS advises, and the time that it waits for more.
      visibilityTimeout: Duration.seconds(6 * settings.ingestTimeoutS + BATCH_WINDOW_S),
      deadLetterQueue: { queue: givenUp, maxReceiveCount: ATTEMPTS_MAX },
    });
    // The bucket cannot be named, as it is made after this policy: any of this account.
    queue.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    new events.Rule(this, 'LookAtAll', {
      description: 'Docent: look whether documents were put or removed of which no message has told',
      schedule: events.Schedule.rate(Duration.hours(1)),
      targets: [new targets.SqsQueue(queue, { message: events.RuleTargetInput.fromObject(SYNC_MESSAGE) })],
    });
    const bucket = this.bucket.node.defaultChild as s3.CfnBucket;
    const filter = { s3Key: { rules: [{ name: 'prefix', value: `${settings.documentsPrefix}/` }] } };
    bucket.notificationConfiguration = {
      queueConfigurations: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'].map((event) => ({ event, filter, queue: queue.queueArn })),
    };
    bucket.node.addDependency(queue);
    return { queue, givenUp };
  }

  /** What waits in a queue is news of documents, never a document: it goes with the stack. */
  private queue(id: string, more: sqs.QueueProps): sqs.Queue {
    const queue = new sqs.Queue(this, id, {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy: RemovalPolicy.DESTROY,
      ...more,
    });
    if (!more.deadLetterQueue) {
      Validations.of(queue).acknowledge({
        id: 'AwsSolutions-SQS3',
        reason: 'This is the queue for messages that failed in another one. What is in it rings an alarm.',
      });
    }
    return queue;
  }

  /** Made empty: a generated value would look like a key and be sent to the endpoint. */
  private secret(removal: RemovalPolicy): secretsmanager.ISecret {
    const secret = new secretsmanager.CfnSecret(this, 'ModelKey', {
      description: 'API key of the OpenAI-compatible endpoint, as plain text',
    });
    secret.applyRemovalPolicy(removal);
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'The endpoint issues the key, so AWS cannot rotate it. The worker reads the secret again after a 401.',
    });
    return secretsmanager.Secret.fromSecretCompleteArn(this, 'ModelKeyReference', secret.ref);
  }

  /** Made by AWS: 32 letters and digits are the base64 of 24 bytes. Receivers put `whsec_` before them. */
  private signingSecret(removal: RemovalPolicy): secretsmanager.ISecret {
    const secret = new secretsmanager.CfnSecret(this, 'WebhookSecret', {
      description: 'What webhooks are signed with: give receivers whsec_ and this',
      generateSecretString: { passwordLength: 32, excludePunctuation: true },
    });
    secret.applyRemovalPolicy(removal);
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Receivers have the same secret, so AWS cannot rotate it alone. Two at a time, separated by a comma, both sign.',
    });
    return secretsmanager.Secret.fromSecretCompleteArn(this, 'WebhookSecretReference', secret.ref);
  }
}
