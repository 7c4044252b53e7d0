/**
 * What the functions are told, by the names that the configuration of docent-app declares (docs/reference/configuration.md);
 * a test compares. Secrets are not among them: the worker is told where its key is and fetches it.
 */
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { asksForKey, knowsPrices, takesDocuments, type Settings } from './settings.js';

/** Where things are kept. */
export interface Places {
  readonly table: dynamodb.Table;
  readonly bucket: s3.Bucket;
}

/** How often a document is tried before its message is given up. */
export const ATTEMPTS_MAX = 5;

/** For the two functions that answer. */
export function answeringEnvironment(settings: Settings, places: Places): Record<string, string> {
  return {
    ...commonEnvironment(settings, places),
    DOCENT_ANSWER_TIMEOUT_S: String(settings.answerTimeoutS),
    DOCENT_QUERY_DEADLINE_S: String(settings.queryDeadlineS),
    ...cap(settings),
  };
}

/** For the function that takes documents in, which asks no model for answers. */
export function ingestEnvironment(settings: Settings, places: Places, modelKey?: secretsmanager.ISecret): Record<string, string> {
  return {
    ...commonEnvironment(settings, places),
    ...modelEnvironment({ ...settings, generator: 'quoting' }, modelKey),
    DOCENT_ATTEMPTS_MAX: String(ATTEMPTS_MAX),
  };
}

/** For all functions. */
function commonEnvironment(settings: Settings, places: Places): Record<string, string> {
  return {
    TABLE_NAME: places.table.tableName,
    DOCENT_RETENTION_DAYS: String(settings.retentionDays),
    DOCENT_LOG_FORMAT: 'json',
    DOCENT_LOG_LEVEL: 'info',
    ...(settings.packaging === 'image' ? { IS_USING_IMAGE_RUNTIME: 'True' } : {}),
    // An index in the image lies beside the program, where it is looked for if nothing is said.
    ...(settings.imageIndex ? {} : { DOCENT_INDEX: `s3://${places.bucket.bucketName}/${settings.indexPrefix}` }),
    ...(takesDocuments(settings) ? { DOCENT_DOCUMENTS: `s3://${places.bucket.bucketName}/${settings.documentsPrefix}` } : {}),
  };
}

/** What bounds the answers of a day. Without prices no function starts with a cap on money. */
function cap(settings: Settings): Record<string, string> {
  if (knowsPrices(settings)) return { DOCENT_DAILY_COST_CAP_USD: String(settings.dailyCostCapUsd) };
  return { DOCENT_DAILY_TOKEN_CAP: String(settings.dailyTokenCap) };
}

/** For the function that is called. Whom AWS lets through needs no key of Docent's. */
export function apiEnvironment(settings: Settings): Record<string, string> {
  return {
    DOCENT_CORS_ORIGINS: settings.corsOrigins.join(',') || 'none',
    ...(asksForKey(settings) ? {} : { DOCENT_PUBLIC: 'read,ask' }),
  };
}

/** Whom webhooks may go to and what they are signed with: the API refuses an address by it, the worker delivers. */
export function webhookEnvironment(settings: Settings, secret?: secretsmanager.ISecret): Record<string, string> {
  return {
    ...(secret ? { DOCENT_WEBHOOK_SECRET_ARN: secret.secretArn } : {}),
    ...(settings.webhookHosts.length > 0 ? { DOCENT_WEBHOOK_HOSTS: settings.webhookHosts.join(',') } : {}),
  };
}

/** Who makes vectors and answers: both functions search, and only the worker asks a model. */
export function modelEnvironment(settings: Settings, modelKey?: secretsmanager.ISecret): Record<string, string> {
  const given: Record<string, string | undefined> = {
    DOCENT_GENERATOR: settings.generator,
    DOCENT_EMBEDDER: settings.embedder,
    OPENAI_API_KEY_SECRET_ARN: modelKey?.secretArn,
    OPENAI_BASE_URL: settings.openaiBaseUrl,
    OPENAI_MODEL: settings.openaiModel,
    OPENAI_EMBEDDING_MODEL: settings.openaiEmbeddingModel,
  };
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
