/**
 * The life of a deployment, with the commands that people use: deploy, smoke test, upgrade in place, two deployments that
 * fail and go back, destroy. Then the roles, enforced: everything works with them, and without one grant exactly one thing
 * does not (`enforced.ts`).
 */
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { destroy } from '../scripts/destroy.js';
import { deploy } from '../scripts/deploy.js';
import { alarmsOf, examine } from '../scripts/doctor.js';
import { stack, template } from '../scripts/cloud.js';
import { readSettings, type Settings } from '../lib/settings.js';
import { artefacts, broken, DOCUMENTS, PROGRAM, QUESTION } from './artefacts.js';
import { ask, KEY } from './calls.js';
import { documents } from './documents.js';
import { Emulator } from './emulator.js';
import { enforced } from './enforced.js';

let passed = 0;

/** Settings of a deployment that picks sentences, so that no model is needed. */
function settings(folder: string, more: Record<string, unknown> = {}, impossible = false): Settings {
  const given = { artefacts: folder, generator: 'quoting', architecture: 'x86_64', ...more };
  process.env.DOCENT_EMULATED = JSON.stringify({
    settings: given,
    environment: { AWS_ENDPOINT_URL: process.env.AWS_ENDPOINT_URL },
    impossible,
  });
  return readSettings(given);
}

export type Step = typeof step;
export type MakeSettings = typeof settings;

async function step(name: string, run: () => Promise<void>): Promise<void> {
  await run();
  passed += 1;
  console.log(`ok: ${name}`);
}

async function life(emulator: Emulator, step: Step, settings: MakeSettings): Promise<void> {
  const good = artefacts();
  const wishes = { keys: KEY, question: QUESTION, urlFrom: emulator.urlFrom };
  const url = async () => emulator.urlFrom((await stack('docent-service'))!.outputs.Url!);
  let kept = '';

  await step('a first deployment without documents asks nothing', () => deploy(settings(good), wishes));
  await step('one with documents answers with a verified quote', () => deploy(settings(good), { ...wishes, documents: DOCUMENTS }));
  await step('without a key it refuses', async () => {
    const refused = await fetch(new URL('v1/queries?user_id=u', await url()));
    assert.equal(refused.status, 401);
  });
  await step('the doctor sees the stacks, the documents and all alarms', async () => {
    const found = await examine(readSettings({})).then(() => '', String);
    assert.doesNotMatch(found, /no stack|in the state|no documents/);
    const made = Object.values<{ Type: string }>(JSON.parse(await template('docent-service')).Resources);
    const alarms = made.filter((it) => it.Type === 'AWS::CloudWatch::Alarm');
    assert.equal((await alarmsOf('docent-service')).length, alarms.length);
  });
  await documents(step, url, async () => (await stack('docent-data'))!.outputs.BucketName!);
  await step('an upgrade in place keeps what was asked before', async () => {
    kept = (await ask(await url(), 'v1/queries', { method: 'POST', body: JSON.stringify({ query: QUESTION, wait: 20 }) })).body.id;
    const address = await url();
    await deploy(settings(good, { logRetentionDays: 7, workerMemoryMib: 1024 }), wishes);
    assert.equal(await url(), address);
    assert.equal((await ask(address, `v1/queries/${kept}?wait=20`)).body.outcome, 'answered');
  });
  await step('a deployment that cannot answer goes back to the one before', async () => {
    await assert.rejects(deploy(settings(broken(good)), wishes), /the deployment before it is back/);
    assert.equal((await ask(await url(), `v1/queries/${kept}`)).body.outcome, 'answered');
  });
  await step('one that cannot be made is rolled back', async () => {
    await assert.rejects(deploy(settings(good, {}, true), wishes));
    assert.match((await stack('docent-service'))!.status, /ROLLBACK_COMPLETE$/);
    assert.equal((await ask(await url(), `v1/queries/${kept}`)).body.outcome, 'answered');
  });
  await step('destroying needs the name, and leaves the data', async () => {
    await assert.rejects(destroy(settings(good), { withData: false }), /nothing was deleted/);
    assert.ok(await stack('docent-service'));
    await destroy(settings(good), { confirm: 'docent', withData: false });
    assert.equal(await stack('docent-service'), undefined);
    assert.ok(await stack('docent-data'));
  });
  await step('deployed again, it knows what was asked before', async () => {
    await deploy(settings(good), wishes);
    assert.equal((await ask(await url(), `v1/queries/${kept}`)).body.outcome, 'answered');
  });
  await step('destroying with the data leaves nothing', async () => {
    await destroy(settings(good), { confirm: 'docent', withData: true });
    assert.equal(await stack('docent-service'), undefined);
    assert.equal(await stack('docent-data'), undefined);
  });
}

process.env.DOCENT_PROGRAM ??= PROGRAM;
process.env.DOCENT_CDK_APP = `npx tsx ${join(resolve(import.meta.dirname, '..'), 'test', 'emulated.ts')}`;
for (const [test, roles] of [
  [life, false],
  [enforced, true],
] as const) {
  const emulator = await Emulator.start(roles);
  try {
    await test(emulator, step, settings);
  } finally {
    emulator.stop();
  }
}
console.log(`${passed} passed, 0 failed`);
