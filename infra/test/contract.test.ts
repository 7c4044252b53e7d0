/**
 * The seam between two languages: what this app tells the functions, sets up for them and expects of them, against the
 * Rust code that reads, uses and writes it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { METRICS, SWEEP_EVENT, SYNC_MESSAGE, TABLE, UPLOAD_HEADER } from '../lib/contract.js';
import { CHECKOUT, resource, templates } from './deployments.js';

const rust = (path: string) => readFileSync(join(CHECKOUT, 'crates', path), 'utf8');
const withAws = existsSync(join(CHECKOUT, 'crates/docent-aws'));
const withAccess = existsSync(join(CHECKOUT, 'crates/docent-core/src/access.rs'));
if (!withAws) console.warn('skipped: there is no crates/docent-aws in this checkout to compare with');
if (!withAccess) console.warn('skipped: there are no keys and caps in this checkout to compare with');

/** Every environment variable that the configuration declares. */
function declared(): Set<string> {
  const lists = [...rust('docent-app/src/config/settings.rs').matchAll(/environment: &\[([^\]]*)\]/g)];
  return new Set(lists.flatMap(([, list]) => [...list!.matchAll(/"([^"]+)"/g)].map(([, name]) => name!)));
}

describe.skipIf(!withAws || !withAccess)('what the functions are told', () => {
  const everything = {
    openaiBaseUrl: 'https://models.example/v1',
    openaiModel: 'm',
    embedder: 'openai',
    openaiEmbeddingModel: 'e',
    webhooks: true,
    webhookHosts: 'receiver.internal',
  };

  test.each([
    ['as a zip', everything],
    ['as an image', { ...everything, packaging: 'image' }],
    ['in public', { ...everything, isPublic: true }],
  ])('%s has names that the configuration declares', (_, settings) => {
    const { service } = templates(settings);
    for (const name of ['Api', 'Worker', 'Ingest']) {
      const told = Object.keys(resource(service, 'AWS::Lambda::Function', name).Properties.Environment.Variables);
      expect(told.length).toBeGreaterThan(5);
      expect(told.filter((variable) => !declared().has(variable))).toEqual([]);
    }
  });
});

describe.skipIf(!withAws)('what is set up', () => {
  test('the table’s indexes and keys are those that the store uses', () => {
    const table = rust('docent-aws/src/table.rs');
    for (const name of [TABLE.byUser.name, TABLE.open.name]) expect(table).toContain(`"${name}"`);
    const item = rust('docent-aws/src/item.rs');
    const keys = [TABLE.partitionKey, TABLE.sortKey, TABLE.timeToLive, TABLE.byUser.partitionKey, TABLE.open.partitionKey];
    for (const key of keys) expect(item).toContain(`"${key}"`);
  });

  test('the worker understands the schedule’s event', () => {
    const version = /const VERSION: u64 = (\d+);/.exec(rust('docent-aws/src/event.rs'))?.[1];
    expect(SWEEP_EVENT).toEqual({ version: Number(version), sweep: true });
  });

  test('the ingest function understands the message that asks for everything', () => {
    const version = /const VERSION: u64 = (\d+);/.exec(rust('docent-aws/src/news.rs'))?.[1];
    expect(SYNC_MESSAGE).toEqual({ version: Number(version), sync: true });
  });
});

describe.skipIf(!withAws)('what is allowed', () => {
  test('a page may send the header that signed addresses ask for', () => {
    const name = /const UPLOAD: &str = "([^"]+)";/.exec(rust('docent-index/src/remote/depot.rs'))?.[1];
    expect(UPLOAD_HEADER).toBe(`x-amz-meta-${name}`);
  });
});

describe.skipIf(!withAws)('what is expected', () => {
  test('alarms and dashboard look at the metrics that are written, all of them', () => {
    const { namespace, ...read } = METRICS;
    const source = rust('docent-aws/src/emf.rs');
    const list = /METRICS: \[[^\]]*\] = \[(.*?)\n\];/s.exec(source)![1]!;
    const written = Array.from(list.matchAll(/\("\w+", "(\w+)", "\w+"\)/g), ([, name]) => name);
    expect(written.sort()).toEqual(Object.values(read).sort());
    expect(source).toContain(`"${namespace}"`);
  });
});
