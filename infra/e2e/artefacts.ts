/** What is deployed in the test: the real programs, and the example handbook as what they answer from. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const CHECKOUT = resolve(import.meta.dirname, '..', '..');
/** Where cargo puts the programs for this machine. */
const PROGRAMS = join(process.env.CARGO_TARGET_DIR ?? join(CHECKOUT, 'target'), 'release');

/** Documents, and a question that a part of them answers. */
export const HANDBOOK = join(CHECKOUT, 'examples', 'handbook');
export const DOCUMENTS = join(HANDBOOK, 'product');
export const QUESTION = 'What does error E-417 mean?';

/** The program that publishes them. */
export const PROGRAM = join(PROGRAMS, 'docent');

/** A folder as `make build-lambda` makes it. */
export function artefacts(): string {
  // Built functions, laid out as `scripts/build_lambda.sh` does it, may be named instead.
  if (process.env.DOCENT_ARTEFACTS) return process.env.DOCENT_ARTEFACTS;
  const folder = mkdtempSync(join(tmpdir(), 'docent-deployed-'));
  for (const name of ['api', 'worker', 'ingest']) {
    const program = join(PROGRAMS, name);
    if (!existsSync(program)) throw new Error(`${program} does not exist\nhint: scripts/e2e_deployed.sh builds it`);
    const place = join(folder, 'x86-64', name);
    mkdirSync(place, { recursive: true });
    cpSync(program, join(place, 'bootstrap'));
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
