/**
 * Documents into the bucket: parsed, embedded and published by `docent` on this machine, with the embedding model that the
 * functions search with.
 */
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import { resolve } from 'node:path';
import type { Settings } from '../lib/settings.js';
import { INFRA, run } from './cloud.js';

/** The collection that the functions answer from when a question names none. */
const COLLECTION = 'default';

/** Ingests a folder or file and publishes the index that it is in. */
export async function publishDocuments(settings: Settings, bucket: string, documents: string): Promise<void> {
  const environment = { ...embedding(settings), ...(await signing()) };
  const folder = resolve(process.env.DOCENT_CALLED_FROM ?? process.cwd(), documents);
  await docent(['ingest', folder, '--collection', COLLECTION], environment);
  await docent(['publish', `s3://${bucket}/${settings.indexPrefix}`, '--collection', COLLECTION], environment);
}

/** Whether there is anything that a question could be answered from. */
export async function isPublished(settings: Settings, bucket: string): Promise<boolean> {
  try {
    const Key = `${settings.indexPrefix}/${COLLECTION}/current.json`;
    await new S3Client({ forcePathStyle: true }).send(new HeadObjectCommand({ Bucket: bucket, Key }));
    return true;
  } catch (error) {
    if ((error as Error).name === 'NotFound') return false;
    throw error;
  }
}

/** The program of this checkout, or another one that is named. */
async function docent(args: string[], environment: Record<string, string>): Promise<void> {
  const { DOCENT_PROGRAM: program } = process.env;
  const [command, before] = program ? [program, []] : ['cargo', ['run', '--release', '--locked', '--quiet', '--']];
  await run(command, [...before, ...args], resolve(INFRA, '..'), environment);
}

function embedding(settings: Settings): Record<string, string> {
  const given: Record<string, string | undefined> = {
    DOCENT_EMBEDDER: settings.embedder,
    OPENAI_BASE_URL: settings.openaiBaseUrl,
    OPENAI_EMBEDDING_MODEL: settings.openaiEmbeddingModel,
  };
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Who is calling, as variables: `docent` knows no profiles and no single sign-on, and needs to know neither. */
async function signing(): Promise<Record<string, string>> {
  const { config } = new STSClient();
  const { accessKeyId, secretAccessKey, sessionToken } = await config.credentials();
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken ? { AWS_SESSION_TOKEN: sessionToken } : {}),
    AWS_REGION: await config.region(),
  };
}
