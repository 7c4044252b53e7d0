import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { resource, templates } from './deployments.js';

const { service } = templates({ corsOrigins: 'https://docs.example', alarmEmail: 'team@example.com', monthlyBudgetUsd: 20 });
const api = resource(service, 'AWS::Lambda::Function', 'Api').Properties;
const worker = resource(service, 'AWS::Lambda::Function', 'Worker').Properties;
const ingest = resource(service, 'AWS::Lambda::Function', 'Ingest').Properties;

describe('the functions', () => {
  test('are the prebuilt files, on arm64', () => {
    for (const fn of [api, worker, ingest]) {
      expect(fn).toMatchObject({ Runtime: 'provided.al2023', Handler: 'bootstrap', Architectures: ['arm64'] });
      expect(fn.Code.S3Key).toMatch(/\.zip$/);
    }
  });

  test('become x86-64 and one image by settings', () => {
    const other = templates({ architecture: 'x86_64', packaging: 'image' }).service;
    for (const name of ['Api', 'Worker', 'Ingest']) {
      const fn = resource(other, 'AWS::Lambda::Function', name).Properties;
      expect(fn).toMatchObject({ PackageType: 'Image', Architectures: ['x86_64'] });
      expect(fn.Code.ImageUri).toBeDefined();
      expect(fn.Environment.Variables.IS_USING_IMAGE_RUNTIME).toBe('True');
    }
    expect(worker.Environment.Variables.IS_USING_IMAGE_RUNTIME).toBeUndefined();
  });

  test('a missing file is named before anything is made', () => {
    expect(() => templates({ artefacts: 'nowhere' })).toThrow(/nowhere\/arm64\/worker\/bootstrap does not exist\nhint: scripts\/build_lambda.sh/);
  });

  test('logs are forgotten after thirty days, or as told', () => {
    const days = (template: Template) =>
      Object.values(template.findResources('AWS::Logs::LogGroup')).map((group) => group.Properties.RetentionInDays);
    expect(days(service)).toEqual([30, 30, 30]);
    expect(days(templates({ logRetentionDays: '7' }).service)).toEqual([7, 7, 7]);
  });

  test('the worker has time to write down how an answer ended, within the time of an event', () => {
    expect(worker.Timeout).toBe(120 + 30);
    expect(Number(worker.Environment.Variables.DOCENT_ANSWER_TIMEOUT_S)).toBeLessThan(worker.Timeout);
  });

  test('reserved concurrency limits what can be spent at once; 0 reserves none', () => {
    expect(worker.ReservedConcurrentExecutions).toBe(10);
    expect(api.ReservedConcurrentExecutions).toBeUndefined();
    const none = resource(templates({ workerConcurrency: 0 }).service, 'AWS::Lambda::Function', 'Worker').Properties;
    expect(none.ReservedConcurrentExecutions).toBeUndefined();
  });

  test('the model’s key is in no environment', () => {
    const text = JSON.stringify([api.Environment, worker.Environment, ingest.Environment]);
    expect(text).not.toMatch(/resolve:secretsmanager|"OPENAI_API_KEY"/);
  });
});

describe('the URL', () => {
  const url = (template: Template) => resource(template, 'AWS::Lambda::Url', 'Api').Properties;
  const permissions = (template: Template) =>
    Object.values(template.findResources('AWS::Lambda::Permission'))
      .map((it) => it.Properties)
      .filter((it) => it.Principal === '*');

  test('streams, and leaves origins to the one place that knows them', () => {
    expect(url(service)).toMatchObject({ AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM' });
    expect(url(service).Cors).toBeUndefined();
    expect(api.Environment.Variables.DOCENT_CORS_ORIGINS).toBe('https://docs.example');
    expect(resource(templates().service, 'AWS::Lambda::Function', 'Api').Properties.Environment.Variables.DOCENT_CORS_ORIGINS).toBe('none');
  });

  test('open to all has both permissions that AWS asks for, and no more', () => {
    expect(permissions(service)).toEqual([
      expect.objectContaining({ Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' }),
      expect.objectContaining({ Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true }),
    ]);
  });

  test('signed has none for everybody', () => {
    const signed = templates({ urlAuth: 'aws-iam' }).service;
    expect(url(signed)).toMatchObject({ AuthType: 'AWS_IAM', InvokeMode: 'RESPONSE_STREAM' });
    expect(permissions(signed)).toEqual([]);
  });
});

describe('Docent’s own keys', () => {
  const told = (settings: object) => resource(templates({ ...settings }).service, 'AWS::Lambda::Function', 'Api').Properties.Environment.Variables;

  test('must be given, are never shown, and reach the API alone', () => {
    service.hasParameter('ApiKeys', { Type: 'String', NoEcho: true, Default: Match.absent() });
    expect(api.Environment.Variables.DOCENT_API_KEYS).toEqual({ Ref: 'ApiKeys' });
    expect(worker.Environment.Variables.DOCENT_API_KEYS).toBeUndefined();
    expect(api.Environment.Variables.DOCENT_PUBLIC).toBeUndefined();
  });

  test.each([
    ['in public', { isPublic: true }],
    ['behind AWS’s signatures', { urlAuth: 'aws-iam' }],
  ])('%s none is asked for, to read and ask only', (_, settings) => {
    expect(told(settings)).toMatchObject({ DOCENT_PUBLIC: 'read,ask' });
    expect(told(settings).DOCENT_API_KEYS).toBeUndefined();
  });
});

describe('webhooks', () => {
  const told = (settings: object, name: string) =>
    resource(templates({ ...settings }).service, 'AWS::Lambda::Function', name).Properties.Environment.Variables;

  test('are off unless they are turned on', () => {
    const text = JSON.stringify([api.Environment, worker.Environment]);
    expect(text).not.toContain('WEBHOOK');
  });

  test.each(['Api', 'Worker'])('the %s is told where the secret is and which hosts are exempt', (name) => {
    const variables = told({ webhooks: true, webhookHosts: 'a.internal, b.internal' }, name);
    expect(JSON.stringify(variables.DOCENT_WEBHOOK_SECRET_ARN)).toContain('WebhookSecret');
    expect(variables.DOCENT_WEBHOOK_HOSTS).toBe('a.internal,b.internal');
    expect(variables.DOCENT_WEBHOOK_SECRET).toBeUndefined();
  });
});

describe('events that fail', () => {
  test('are tried three times within the life of a question, then queued', () => {
    service.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 600,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': [Match.stringLikeRegexp('^WorkerFailures'), 'Arn'] } } },
    });
  });

  test('an event never outlives what Lambda keeps', () => {
    templates({ queryDeadlineS: 86_400 }).service.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumEventAgeInSeconds: 21_600,
    });
  });

  test('the queue is kept for two weeks, encrypted, over TLS, and is not shown twice to a working worker', () => {
    const queue = resource(service, 'AWS::SQS::Queue', 'WorkerFailures').Properties;
    expect(queue).toMatchObject({ MessageRetentionPeriod: 1_209_600, SqsManagedSseEnabled: true });
    expect(queue.VisibilityTimeout).toBeGreaterThanOrEqual(6 * worker.Timeout);
    service.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: { Statement: [Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })] },
    });
  });

  test('the worker reads the queue and may fail part of a batch', () => {
    service.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      EventSourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^WorkerFailures'), 'Arn'] },
    });
  });
});

describe('documents', () => {
  const { data, service: limited } = templates({ ingestTimeoutS: 100 });
  const news = resource(data, 'AWS::SQS::Queue', 'News').Properties;
  const givenUp = resource(data, 'AWS::SQS::Queue', 'GivenUp').Properties;

  test('are told of by the bucket itself, those below their prefix, put or removed', () => {
    const bucket = resource(data, 'AWS::S3::Bucket', 'Generations');
    const told = (Event: string) => ({
      Event,
      Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'documents/' }] } },
      Queue: { 'Fn::GetAtt': [expect.stringMatching(/^News/), 'Arn'] },
    });
    const configurations = bucket.Properties.NotificationConfiguration.QueueConfigurations;
    expect(configurations).toEqual([told('s3:ObjectCreated:*'), told('s3:ObjectRemoved:*')]);
    expect(bucket.DependsOn).toEqual(expect.arrayContaining([expect.stringMatching(/^NewsPolicy/)]));
    data.resourceCountIs('AWS::Lambda::Function', 0);
  });

  test('wait in a queue that only S3 of this account and the schedule write to, encrypted and over TLS', () => {
    for (const queue of [news, givenUp]) expect(queue).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: 1_209_600 });
    const policies = Object.values(data.findResources('AWS::SQS::QueuePolicy')).map((it) => it.Properties.PolicyDocument.Statement);
    expect(policies).toHaveLength(2);
    for (const statements of policies) {
      expect(statements).toContainEqual(expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }));
    }
    const allowed = policies.flat().filter((it: any) => it.Effect === 'Allow');
    expect(allowed.map((it: any) => [it.Principal.Service, Object.keys(it.Condition)])).toEqual([
      ['s3.amazonaws.com', ['StringEquals']],
      ['events.amazonaws.com', ['ArnEquals']],
    ]);
    expect(allowed[0].Condition.StringEquals).toEqual({ 'aws:SourceAccount': { Ref: 'AWS::AccountId' } });
  });

  test('come again six times the function’s time later, five times in all, and are then kept apart', () => {
    expect(news.VisibilityTimeout).toBeGreaterThanOrEqual(6 * 100);
    expect(news.RedrivePolicy).toMatchObject({ maxReceiveCount: 5 });
    const variables = resource(limited, 'AWS::Lambda::Function', 'Ingest').Properties.Environment.Variables;
    expect(variables.DOCENT_ATTEMPTS_MAX).toBe('5');
  });

  test('are read in batches by two functions at most, of which none is reserved', () => {
    service.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 5,
      ScalingConfig: { MaximumConcurrency: 2 },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(ingest.ReservedConcurrentExecutions).toBeUndefined();
    expect(ingest.EphemeralStorage.Size).toBe(4096);
  });

  test('are all looked at once an hour', () => {
    data.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 hour)',
      Targets: [Match.objectLike({ Input: '{"version":1,"sync":true}' })],
    });
  });

  test('ask no model for answers', () => {
    expect(ingest.Environment.Variables).toMatchObject({ DOCENT_GENERATOR: 'quoting', DOCENT_EMBEDDER: 'local' });
    expect(Object.keys(ingest.Environment.Variables).filter((name) => /CAP|KEY/.test(name))).toEqual([]);
  });

  test.each([
    ['are not taken in if that is turned off', { ingest: false }],
    ['are not taken in beside an index in the image', { packaging: 'image', imageIndex: 'index' }],
  ])('%s', (_, settings) => {
    const { data, service } = templates(settings);
    data.resourceCountIs('AWS::SQS::Queue', 0);
    service.resourceCountIs('AWS::Lambda::Function', 2);
    expect(JSON.stringify(service.toJSON())).not.toContain('DOCENT_DOCUMENTS');
  });
});

describe('the sweep', () => {
  test('runs every minute; a late one is dropped', () => {
    service.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [
        Match.objectLike({
          Input: '{"version":1,"sweep":true}',
          RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
        }),
      ],
    });
  });
});

describe('money', () => {
  test.each([
    ['OpenAI’s endpoint', { openaiBaseUrl: 'https://api.openai.com/v1' }, { DOCENT_DAILY_COST_CAP_USD: '5' }],
    ['a model of known price', { openaiModel: 'gpt-4.1-mini' }, { DOCENT_DAILY_COST_CAP_USD: '5' }],
    ['an endpoint of unknown prices', { openaiBaseUrl: 'https://models.example/v1' }, { DOCENT_DAILY_TOKEN_CAP: '5000000' }],
    ['a model of unknown price', { openaiModel: 'gpt-of-next-year' }, { DOCENT_DAILY_TOKEN_CAP: '5000000' }],
    ['an embedding model of unknown price', { embedder: 'openai', openaiEmbeddingModel: 'e' }, { DOCENT_DAILY_TOKEN_CAP: '5000000' }],
  ])('with %s there is the cap that the functions can keep', (_, settings, cap) => {
    const other = templates(settings).service;
    for (const name of ['Api', 'Worker']) {
      const told = resource(other, 'AWS::Lambda::Function', name).Properties.Environment.Variables;
      const caps = Object.entries(told).filter(([variable]) => variable.startsWith('DOCENT_DAILY_'));
      expect(Object.fromEntries(caps)).toEqual(cap);
    }
  });

  test('a budget mails at four fifths and when it will be exceeded', () => {
    const budget = resource(service, 'AWS::Budgets::Budget', 'Budget').Properties;
    expect(budget.Budget).toMatchObject({ BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: 20, Unit: 'USD' } });
    const notifications = budget.NotificationsWithSubscribers.map((it: { Notification: object }) => it.Notification);
    expect(notifications).toMatchObject([
      { NotificationType: 'ACTUAL', Threshold: 80 },
      { NotificationType: 'FORECASTED', Threshold: 100 },
    ]);
  });

  test('nothing that costs by the hour is made', () => {
    const types = new Set(Object.values(service.toJSON().Resources).map((it) => (it as { Type: string }).Type));
    for (const type of types) expect(type).not.toMatch(/EC2|ECS|RDS|OpenSearch|ElastiCache|NatGateway|KMS|LoadBalancer/);
    for (const fn of [api, worker, ingest]) expect(fn.VpcConfig).toBeUndefined();
    service.resourceCountIs('AWS::Lambda::Alias', 0);
  });
});
