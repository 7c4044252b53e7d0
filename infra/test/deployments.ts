/** Synthesised deployments for tests: real stacks around a placeholder for each `bootstrap`. */
import { Template } from 'aws-cdk-lib/assertions';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { deployment } from '../lib/app.js';
import { PROCESSORS, readSettings } from '../lib/settings.js';

/** The checkout, for what other languages say about the same things. */
export const CHECKOUT = resolve(import.meta.dirname, '..', '..');

const flags = JSON.parse(readFileSync(resolve(CHECKOUT, 'infra', 'cdk.json'), 'utf8')).context;

/** A folder with files that stand for the binaries. */
export function placeholders(): string {
  const folder = mkdtempSync(join(tmpdir(), 'docent-artefacts-'));
  for (const processor of Object.values(PROCESSORS)) {
    for (const binary of ['api', 'worker', 'ingest']) {
      mkdirSync(join(folder, processor, binary), { recursive: true });
      writeFileSync(join(folder, processor, binary, 'bootstrap'), '#!/bin/sh\n', { mode: 0o755 });
    }
  }
  return folder;
}

const artefacts = placeholders();

/** The stacks that these settings make, as objects. */
export function stacks(settings: Record<string, unknown> = {}) {
  const outdir = mkdtempSync(join(tmpdir(), 'docent-synth-'));
  return { outdir, ...deployment(readSettings({ artefacts, ...settings }), { outdir, context: flags }) };
}

/** The templates that these settings make. */
export function templates(settings: Record<string, unknown> = {}) {
  const made = stacks(settings);
  return { data: Template.fromStack(made.data), service: Template.fromStack(made.service) };
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** Every statement that the role of a function has, by its name. */
export function statementsOf(service: Template, role: 'Api' | 'Worker' | 'Ingest'): Map<string, Statement> {
  const policies = Object.values(service.findResources('AWS::IAM::Policy'));
  const own = policies.filter((policy) => JSON.stringify(policy.Properties.Roles).includes(`"${role}Role`));
  const statements = own.flatMap((policy) => policy.Properties.PolicyDocument.Statement as Statement[]);
  return new Map(statements.map((statement) => [statement.Sid ?? 'nameless', statement]));
}

/** The one resource of a type whose logical id begins so. */
export function resource(template: Template, type: string, prefix: string) {
  const found = Object.entries(template.findResources(type)).filter(([id]) => id.startsWith(prefix));
  if (found.length !== 1) throw new Error(`${found.length} resources of type ${type} begin with ${prefix}`);
  return found[0]![1];
}
