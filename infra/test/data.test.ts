import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { resource, templates } from './deployments.js';

const { data } = templates();

describe('the table', () => {
  const table = resource(data, 'AWS::DynamoDB::Table', 'Queries');

  test('has the first system’s key and index', () => {
    expect(table.Properties.KeySchema).toEqual([{ AttributeName: 'query_id', KeyType: 'HASH' }]);
    expect(table.Properties.GlobalSecondaryIndexes[0]).toEqual({
      IndexName: 'queries_by_user_id',
      KeySchema: [
        { AttributeName: 'user_id', KeyType: 'HASH' },
        { AttributeName: 'create_time', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'ALL' },
    });
    expect(table.Properties.AttributeDefinitions).toContainEqual({ AttributeName: 'create_time', AttributeType: 'N' });
  });

  test('forgets, can be put back to any second, costs nothing while idle', () => {
    expect(table.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });
});

describe('the bucket', () => {
  const bucket = resource(data, 'AWS::S3::Bucket', 'Generations');

  test('is private, without versions, and drops abandoned uploads', () => {
    expect(bucket.Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(bucket.Properties.VersioningConfiguration).toBeUndefined();
    expect(bucket.Properties.LifecycleConfiguration.Rules).toEqual([
      { Id: 'abandoned-uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
    ]);
  });

  test('lets pages put files at signed addresses, where documents are taken in', () => {
    expect(bucket.Properties.CorsConfiguration.CorsRules).toEqual([
      {
        Id: 'signed-uploads',
        AllowedMethods: ['PUT'],
        AllowedOrigins: ['*'],
        AllowedHeaders: ['content-type', 'x-amz-meta-docent-upload'],
        MaxAge: 3600,
      },
    ]);
    const { data: without } = templates({ ingest: false });
    expect(resource(without, 'AWS::S3::Bucket', 'Generations').Properties.CorsConfiguration).toBeUndefined();
  });

  test('refuses everybody without TLS 1.2', () => {
    const deny = (Condition: object) => Match.objectLike({ Effect: 'Deny', Principal: { AWS: '*' }, Action: 's3:*', Condition });
    data.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          deny({ Bool: { 'aws:SecureTransport': 'false' } }),
          deny({ NumericLessThan: { 's3:TlsVersion': 1.2 } }),
        ]),
      },
    });
  });
});

describe('the secret', () => {
  test('is made empty, never with a value of ours', () => {
    expect(resource(data, 'AWS::SecretsManager::Secret', 'ModelKey').Properties).toEqual({
      Description: expect.any(String),
      Tags: expect.anything(),
    });
  });

  test('is absent where no model is called: it is what costs while idle', () => {
    templates({ generator: 'quoting' }).data.resourceCountIs('AWS::SecretsManager::Secret', 0);
  });
});

describe('the secret that webhooks are signed with', () => {
  test('is made by AWS, in letters that are base64 of a whole number of bytes, where webhooks are on', () => {
    expect(resource(templates({ webhooks: true }).data, 'AWS::SecretsManager::Secret', 'WebhookSecret').Properties).toMatchObject({
      GenerateSecretString: { PasswordLength: 32, ExcludePunctuation: true },
    });
    expect(Object.keys(data.findResources('AWS::SecretsManager::Secret'))).toEqual(['ModelKey']);
  });

  test('is kept and protected, and keeps its logical id', () => {
    const [id, secret] = Object.entries(templates({ webhooks: true, generator: 'quoting' }).data.findResources('AWS::SecretsManager::Secret'))[0]!;
    expect([id, secret.DeletionPolicy, secret.UpdateReplacePolicy]).toEqual(['WebhookSecret', 'Retain', 'Retain']);
  });
});

describe('what must survive', () => {
  const types = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret'];
  const policies = (template: typeof data) =>
    types.flatMap((type) => Object.values(template.findResources(type))).map((it) => [it.DeletionPolicy, it.UpdateReplacePolicy]);

  test('is kept and protected', () => {
    expect(policies(data)).toEqual(types.map(() => ['Retain', 'Retain']));
    expect(resource(data, 'AWS::DynamoDB::Table', 'Queries').Properties.DeletionProtectionEnabled).toBe(true);
  });

  test('goes only when told so', () => {
    const removable = templates({ keepData: 'false' }).data;
    expect(policies(removable)).toEqual(types.map(() => ['Delete', 'Delete']));
    expect(resource(removable, 'AWS::DynamoDB::Table', 'Queries').Properties.DeletionProtectionEnabled).toBe(false);
  });

  test('keeps its logical ids: another id is another, empty table', () => {
    const ids = types.flatMap((type) => Object.keys(data.findResources(type)));
    expect(ids).toEqual(['QueriesDB6EF58A', 'Generations7CAB23BD', 'ModelKey']);
  });
});
