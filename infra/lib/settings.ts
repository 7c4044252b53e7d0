/**
 * What a deployment may choose, validated once. `bin/app.ts` reads it from `deployment.json` and from `-c key=value`;
 * nothing else in this app looks at context or environment.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** A switch on the command line arrives as text. */
const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());
/** So does a number. */
const number = z.coerce.number();
/** And a list, separated by commas. */
const list = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value),
  z.array(z.string().min(1)),
);

export const settingsSchema = z
  .strictObject({
    /** Begins the names of the stacks, so that several deployments fit into one account. */
    name: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower-case letters, digits and hyphens').default('docent'),
    /** Processor of all functions. arm64 costs a fifth less. */
    architecture: z.enum(['arm64', 'x86_64']).default('arm64'),
    /** How the functions travel: a zip of one `bootstrap` each, or one container image. */
    packaging: z.enum(['zip', 'image']).default('zip'),
    /** Folder with `arm64/api/bootstrap` and so on, as `make build-lambda` writes it, relative to `infra/`. Only for `zip`. */
    artefacts: z.string().min(1).default('dist'),
    /** Folder of the checkout whose index is baked into the image, instead of one from the bucket. Only for `image`. */
    imageIndex: z.string().min(1).optional(),
    /** Who may call the URL: anybody who has one of Docent's keys, or principals of AWS with a signature. */
    urlAuth: z.enum(['docent-keys', 'aws-iam']).default('docent-keys'),
    /** Answers callers without a key. Costs are then bounded by the caps and by `workerConcurrency` alone. */
    isPublic: flag.default(false),
    /** Tells whoever asked, by a signed request to an address that the question names, that the answer is there. */
    webhooks: flag.default(false),
    /** Hosts that webhooks may go to though their addresses are not public. */
    webhookHosts: list.default([]),
    /** Web origins whose pages may call; empty for none. */
    corsOrigins: list.default([]),
    /** Where generations are, below the bucket. */
    indexPrefix: z.string().regex(/^[a-z0-9][a-z0-9/-]*$/).default('index'),
    /** Takes in what is put below `documentsPrefix`, by a function of its own. */
    ingest: flag.default(true),
    /** Where documents are put, below the bucket. */
    documentsPrefix: z.string().regex(/^[a-z0-9][a-z0-9-]*$/).default('documents'),
    /** Who writes answers: nobody (`quoting`: sentences picked word for word) or a model. */
    generator: z.enum(['quoting', 'openai']).default('openai'),
    /** Who makes vectors. Must be the one that the index was made with. */
    embedder: z.enum(['local', 'openai']).default('local'),
    openaiBaseUrl: z.url().optional(),
    openaiModel: z.string().min(1).optional(),
    openaiEmbeddingModel: z.string().min(1).optional(),
    /** Answers at the same time: the spending limit in its bluntest form. 0 takes what the account has left, as a new account may not reserve any. */
    workerConcurrency: number.int().min(0).max(1000).default(10),
    apiMemoryMib: number.int().min(128).max(10_240).default(512),
    workerMemoryMib: number.int().min(256).max(10_240).default(1769),
    /** Documents are embedded here, if `embedder` is `local`: the more memory, the more processor. A new account may have no more than this. */
    ingestMemoryMib: number.int().min(512).max(10_240).default(3008),
    /** How long one batch of documents may take, in seconds. What is too large for it is not taken in. */
    ingestTimeoutS: number.int().min(60).max(900).default(300),
    /** How long one attempt at an answer may take, in seconds. The worker gets 30 more, to write down how it ended. */
    answerTimeoutS: number.int().min(5).max(840).default(120),
    /** After how many seconds an unanswered question is given up. */
    queryDeadlineS: number.int().min(60).max(86_400).default(600),
    /** After how many days a question and its answer are forgotten. */
    retentionDays: number.int().min(1).max(3650).default(180),
    /** After how many days logs are forgotten. Only the periods that CloudWatch knows. */
    logRetentionDays: number
      .pipe(z.literal([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653]))
      .default(30),
    /** US dollars that answers may cost in a day; beyond, questions are refused until midnight UTC. */
    dailyCostCapUsd: number.positive().default(5),
    /** The same in tokens, for an endpoint or a model whose prices Docent does not know. */
    dailyTokenCap: number.int().positive().default(5_000_000),
    /** US dollars in a month from which AWS Budgets sends mail about the whole account; needs `alarmEmail`. */
    monthlyBudgetUsd: number.positive().optional(),
    /** Where alarms go. */
    alarmEmail: z.email().optional(),
    /** The page that alarms link to; a section per alarm. */
    runbookUrl: z.url().default('https://github.com/docent/docent/blob/main/docs/runbook.md'),
    /** False removes protection from table, bucket and secret, so that deleting the stack deletes them. */
    keepData: flag.default(true),
  })
  .refine((settings) => settings.monthlyBudgetUsd === undefined || settings.alarmEmail !== undefined, {
    path: ['monthlyBudgetUsd'],
    message: 'needs alarmEmail, since a budget tells by mail',
  })
  .refine((settings) => settings.answerTimeoutS < settings.queryDeadlineS, {
    path: ['answerTimeoutS'],
    message: 'must be shorter than queryDeadlineS',
  })
  .refine((settings) => !(settings.isPublic && settings.urlAuth === 'aws-iam'), {
    path: ['isPublic'],
    message: 'contradicts urlAuth aws-iam',
  })
  .refine((settings) => settings.webhooks || settings.webhookHosts.length === 0, {
    path: ['webhookHosts'],
    message: 'needs webhooks',
  })
  .refine((settings) => settings.indexPrefix.split('/')[0] !== settings.documentsPrefix, {
    path: ['documentsPrefix'],
    message: 'must not be where generations are',
  })
  .refine((settings) => settings.imageIndex === undefined || settings.packaging === 'image', {
    path: ['imageIndex'],
    message: 'needs packaging image',
  });

export type Settings = z.output<typeof settingsSchema>;

/** The names of all settings. */
export const settingNames = Object.keys(settingsSchema.shape);

/** Validated settings, or an error that names each wrong one and what it must be. */
export function readSettings(given: unknown): Settings {
  const read = settingsSchema.safeParse(given);
  if (read.success) return read.data;
  const complaints = read.error.issues.map((issue) => `  ${issue.path.join('.') || 'deployment.json'}: ${issue.message}`);
  throw new Error(`the deployment's settings are not usable:\n${complaints.join('\n')}\nhint: docs/deploy.md lists them`);
}

/** Whether a key for a model endpoint is needed at all: without one there is no secret, which is the one thing that costs while idle. */
export function needsModelKey(settings: Settings): boolean {
  return settings.generator === 'openai' || settings.embedder === 'openai';
}

/** Whether documents come in through the bucket. An index that travels in the image is made elsewhere. */
export function takesDocuments(settings: Settings): boolean {
  return settings.ingest && settings.imageIndex === undefined;
}

/** Whether Docent knows what answers cost: prices of these models at OpenAI's own endpoint come with it (crates/docent-app/src/costs.rs). */
export function knowsPrices(settings: Settings): boolean {
  const isOpenai = settings.openaiBaseUrl === undefined || new URL(settings.openaiBaseUrl).hostname === 'api.openai.com';
  // The models that the program takes by itself are in its list; one of its tests says so.
  const writer = settings.generator === 'openai' ? settings.openaiModel : undefined;
  const embedder = settings.embedder === 'openai' ? settings.openaiEmbeddingModel : undefined;
  return isOpenai && [writer, embedder].every((model) => model === undefined || pricedModels().has(model));
}

function pricedModels(): Set<string> {
  const list = readFileSync(join(import.meta.dirname, '..', '..', 'crates', 'docent-app', 'prices.toml'), 'utf8');
  return new Set(Array.from(list.matchAll(/^"?([^\s"]+)"? = \{/gm), ([, model]) => model!));
}

/** Whether a caller has to show one of Docent's own keys. */
export function asksForKey(settings: Settings): boolean {
  return settings.urlAuth === 'docent-keys' && !settings.isPublic;
}

/** What the folders of the built functions are called. */
export const PROCESSORS = { arm64: 'arm64', x86_64: 'x86-64' } as const;
