/** What the roles may do, complete: a new permission has to be written here, too. */
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { statementsOf, templates } from './deployments.js';

const { service } = templates();

type Row = [sid: string, actions: string[], resources: RegExp];

const API: Row[] = [
  ['ForgetAnswers', ['dynamodb:Scan'], /Queries\w+Arn\w+$/],
  ['KeepQueries', ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], /Queries\w+Arn\w+$/],
  ['ListQueries', ['dynamodb:Query'], /Queries\w+Arn\w+\/index\/queries_by_user_id$/],
  ['ListReports', ['dynamodb:Query'], /Queries\w+Arn\w+\/index\/open_queries$/],
  ['PutDocuments', ['s3:PutObject'], /Generations\w+Arn\w+\/documents\/\*$/],
  ['ReadDocuments', ['s3:GetObject'], /Generations\w+Arn\w+\/documents\/\*$/],
  ['ReadIndex', ['s3:GetObject'], /Generations\w+Arn\w+\/index\/\*$/],
  ['RemoveDocuments', ['s3:DeleteObject'], /Generations\w+Arn\w+\/documents\/\*$/],
  ['SeeIndex', ['s3:ListBucket'], /Generations\w+Arn\w+$/],
  ['WakeWorker', ['lambda:InvokeFunction'], /^WorkerFunction\w+\.Arn$/],
  ['WriteLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], /^ApiLog\w+\.Arn$/],
];

const WORKER: Row[] = [
  ['AnswerQueries', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], /Queries\w+Arn\w+$/],
  ['DrainFailures', ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'], /^WorkerFailures\w+\.Arn$/],
  ['FindOpenQueries', ['dynamodb:Query'], /Queries\w+Arn\w+\/index\/open_queries$/],
  ['ReadIndex', ['s3:GetObject'], /Generations\w+Arn\w+\/index\/\*$/],
  ['ReadModelKey', ['secretsmanager:GetSecretValue'], /RefModelKey\w+$/],
  ['ReportFailures', ['sqs:SendMessage'], /^WorkerFailures\w+\.Arn$/],
  ['SeeIndex', ['s3:ListBucket'], /Generations\w+Arn\w+$/],
  ['WakeItself', ['lambda:InvokeFunction'], /^WorkerFunction\w+\.Arn$/],
  ['WriteLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], /^WorkerLog\w+\.Arn$/],
];

const INGEST: Row[] = [
  ['FindAnswers', ['dynamodb:Scan'], /Queries\w+Arn\w+$/],
  ['KeepReports', ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], /Queries\w+Arn\w+$/],
  ['ListReports', ['dynamodb:Query'], /Queries\w+Arn\w+\/index\/open_queries$/],
  ['Publish', ['s3:PutObject'], /Generations\w+Arn\w+\/index\/\*$/],
  ['ReadDocuments', ['s3:GetObject'], /Generations\w+Arn\w+\/documents\/\*$/],
  ['ReadIndex', ['s3:GetObject'], /Generations\w+Arn\w+\/index\/\*$/],
  ['ReadNews', ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'], /News\w+Arn\w+$/],
  ['RemoveGenerations', ['s3:DeleteObject'], /Generations\w+Arn\w+\/index\/\*$/],
  ['SeeBucket', ['s3:ListBucket'], /Generations\w+Arn\w+$/],
  ['WriteLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], /^IngestLog\w+\.Arn$/],
];

/** A resource as one line: parts of a name joined, a reference by its name. */
function inWords(value: unknown): string {
  if (typeof value === 'string') return value;
  const node = value as Record<string, unknown>;
  if ('Fn::ImportValue' in node) return inWords(node['Fn::ImportValue']);
  if ('Fn::GetAtt' in node) return (node['Fn::GetAtt'] as string[]).join('.');
  if ('Fn::Join' in node) return (node['Fn::Join'] as [string, unknown[]])[1].map(inWords).join('');
  throw new Error(`a resource of an unknown shape: ${JSON.stringify(value)}`);
}

describe.each([
  ['Api', API],
  ['Worker', WORKER],
  ['Ingest', INGEST],
] as const)('the role of the %s', (role, rows) => {
  const statements = statementsOf(service, role);

  test('has these statements and no other', () => {
    expect([...statements.keys()].sort()).toEqual(rows.map(([sid]) => sid));
  });

  test.each(rows)('%s', (sid, actions, resources) => {
    const statement = statements.get(sid)!;
    expect(statement).toMatchObject({ Effect: 'Allow' });
    expect([statement.Action].flat().sort()).toEqual(actions);
    const named = [statement.Resource].flat().map(inWords);
    expect(named).toHaveLength(1);
    expect(named[0]).toMatch(resources);
  });

  test('comes from no managed policy', () => {
    const roles = service.findResources('AWS::IAM::Role', { Properties: { ManagedPolicyArns: Match.anyValue() } });
    expect(roles).toEqual({});
  });
});

test('without a model the worker reads no secret', () => {
  expect(statementsOf(templates({ generator: 'quoting' }).service, 'Worker').has('ReadModelKey')).toBe(false);
});

test('the secret that webhooks are signed with is read by the worker alone', () => {
  const { service: telling } = templates({ webhooks: true });
  const statement = statementsOf(telling, 'Worker').get('ReadWebhookSecret')!;
  expect(statement).toMatchObject({ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue' });
  expect(inWords(statement.Resource)).toMatch(/RefWebhookSecret\w*$/);
  expect(statementsOf(telling, 'Api').has('ReadWebhookSecret')).toBe(false);
  expect(statementsOf(service, 'Worker').has('ReadWebhookSecret')).toBe(false);
});

test('the API reads the secret only to embed what is searched for', () => {
  const { service: embedding } = templates({ embedder: 'openai' });
  expect(statementsOf(embedding, 'Api').get('ReadModelKey')).toMatchObject({ Action: 'secretsmanager:GetSecretValue' });
});

test('what embeds documents reads the secret only if an endpoint does it', () => {
  const { service: embedding } = templates({ embedder: 'openai' });
  expect(statementsOf(embedding, 'Ingest').get('ReadModelKey')).toMatchObject({ Action: 'secretsmanager:GetSecretValue' });
});

test('no role is made beyond the three, or the two where no documents are taken in', () => {
  (service satisfies Template).resourceCountIs('AWS::IAM::Role', 3);
  const { service: without } = templates({ ingest: false });
  without.resourceCountIs('AWS::IAM::Role', 2);
  const grants = [...statementsOf(without, 'Api').keys()];
  expect(grants.filter((sid) => /Documents|ListReports/.test(sid))).toEqual([]);
});
