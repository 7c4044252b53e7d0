/**
 * What this app and the Rust code must agree on, in one file. Tests read the Rust side and compare.
 */

/** Keys and indexes of the table (crates/docent-aws/src/table.rs). */
export const TABLE = {
  partitionKey: 'query_id',
  timeToLive: 'ttl',
  sortKey: 'create_time',
  /** The first system's. */
  byUser: { name: 'queries_by_user_id', partitionKey: 'user_id' },
  /** Sparse: holds queries that have not ended, for the sweep. */
  open: { name: 'open_queries', partitionKey: 'open' },
} as const;

/** The event that the schedule sends to the worker (crates/docent-aws/src/event.rs). */
export const SWEEP_EVENT = { version: 1, sweep: true } as const;

/** What asks the ingest function to look at everything (crates/docent-aws/src/news.rs). */
export const SYNC_MESSAGE = { version: 1, sync: true } as const;

/** The header by which an object says which upload has put it there (crates/docent-index/src/remote/depot.rs). */
export const UPLOAD_HEADER = 'x-amz-meta-docent-upload';

/** Metrics that the functions write in CloudWatch's embedded format, by function (crates/docent-aws/src/emf.rs). */
export const METRICS = {
  namespace: 'Docent',
  /** Queries that ended; also by outcome. */
  queries: 'Queries',
  /** Milliseconds. */
  submit: 'SubmitLatency',
  retrieve: 'RetrieveLatency',
  generate: 'GenerateLatency',
  answer: 'AnswerLatency',
  /** Tokens that the model read and wrote, and that were embedded. */
  tokensIn: 'InputTokens',
  tokensOut: 'OutputTokens',
  tokensEmbedded: 'EmbeddingTokens',
  /** US dollars, by the price table. */
  cost: 'EstimatedCost',
  /** Which attempt it was that ended a query: 1 unless a worker died. */
  attempts: 'Attempts',
  /** Processes that were started. */
  coldStarts: 'ColdStarts',
  sweeps: 'Sweeps',
  /** Of each sweep: queries that nobody worked on; how long the oldest open one has waited, in milliseconds. */
  unattended: 'UnattendedQueries',
  oldest: 'OldestOpenQuery',
  /** Of each sweep: 1 if a generation is published, else 0; how old it is, in seconds; how many chunks it has. */
  published: 'GenerationPublished',
  generationAge: 'GenerationAge',
  chunks: 'GenerationChunks',
  /** Of each batch of documents: how many there were, how many of them were refused, and milliseconds since the first of them changed. */
  files: 'IngestedFiles',
  filesRefused: 'RefusedFiles',
  ingest: 'IngestLatency',
} as const;

/** How a query may end (crates/docent-core). */
export const OUTCOMES = ['answered', 'partial', 'not_found', 'failed', 'cancelled'] as const;
