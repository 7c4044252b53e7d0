#!/usr/bin/env node
/** Reads the settings of a deployment and makes its stacks; everything else is in `lib`. */
import { App } from 'aws-cdk-lib';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { deployment } from '../lib/app.js';
import { readSettings, settingNames } from '../lib/settings.js';

const file = resolve(import.meta.dirname, '..', 'deployment.json');
const fromFile = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const context = new App().node;
const fromContext = settingNames.flatMap((name) => {
  const value: unknown = context.tryGetContext(name);
  return value === undefined ? [] : [[name, value] as const];
});
deployment(readSettings({ ...fromFile, ...Object.fromEntries(fromContext) }));
