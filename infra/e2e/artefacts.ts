/** What is deployed in the test: the real programs, and an index of the example handbook beside them. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const CHECKOUT = resolve(import.meta.dirname, '..', '..');
/** Where cargo puts the programs for this machine. */
const PROGRAMS = join(process.env.CARGO_TARGET_DIR ?? join(CHECKOUT, 'target'), 'release');

/** A question that these documents answer. */
export const QUESTION = 'What does error E-417 mean?';

/** A folder as `make build-lambda` makes it, with the handbook's index beside each program. */
export function artefacts(): string {
  // Built functions, laid out as `scripts/build_lambda.sh` does it, may be named instead.
  if (process.env.DOCENT_ARTEFACTS) return process.env.DOCENT_ARTEFACTS;
  const folder = mkdtempSync(join(tmpdir(), 'docent-deployed-'));
  const index = ingest(folder);
  for (const name of ['api', 'worker']) {
    const program = join(PROGRAMS, name);
    if (!existsSync(program)) throw new Error(`${program} does not exist\nhint: cargo build --release -p docent-lambda --features local-model`);
    const place = join(folder, 'x86-64', name);
    mkdirSync(place, { recursive: true });
    cpSync(program, join(place, 'bootstrap'));
    cpSync(index, join(place, 'index'), { recursive: true });
  }
  return folder;
}

/** The same, with an API that ends as soon as it starts. */
export function broken(good: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'docent-broken-'));
  cpSync(good, folder, { recursive: true });
  writeFileSync(join(folder, 'x86-64', 'api', 'bootstrap'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  return folder;
}

function ingest(folder: string): string {
  const data = join(folder, 'data');
  const handbook = join(CHECKOUT, 'examples', 'handbook', 'product');
  const program = join(PROGRAMS, 'docent');
  execFileSync(program, ['ingest', handbook, '--collection', 'default', '--data', data], { stdio: 'ignore' });
  return join(data, 'index');
}
