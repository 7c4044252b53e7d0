/** AWS's list of practices, for every shape that the settings can give a deployment. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stacks } from './deployments.js';

test.each([
  ['as it comes', {}],
  ['with everything', { alarmEmail: 'team@example.com', monthlyBudgetUsd: 20, corsOrigins: '*', webhooks: true }],
  ['as an image on x86-64', { packaging: 'image', architecture: 'x86_64' }],
  ['signed, without a model', { urlAuth: 'aws-iam', generator: 'quoting' }],
  ['embedding by an endpoint, without documents', { embedder: 'openai', ingest: false }],
  ['to be removed, under another name', { keepData: false, name: 'trial' }],
])('%s: no finding without an explanation', (_, settings) => {
  const { app, outdir } = stacks(settings);
  app.synth();
  process.exitCode = 0; // a finding sets it; the report says which
  const { pluginReports } = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
  expect(pluginReports).toEqual([]);
});
