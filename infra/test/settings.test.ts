import { describe, expect, test } from 'vitest';
import { needsModelKey, readSettings } from '../lib/settings.js';

describe('settings', () => {
  test('defaults are complete, private and kept', () => {
    expect(readSettings({})).toMatchObject({
      name: 'docent',
      architecture: 'arm64',
      packaging: 'zip',
      urlAuth: 'docent-keys',
      isPublic: false,
      corsOrigins: [],
      workerConcurrency: 10,
      keepData: true,
    });
  });

  test('what comes from a command line is text', () => {
    const read = readSettings({ keepData: 'false', workerConcurrency: '3', corsOrigins: 'https://a.example, https://b.example' });
    expect(read).toMatchObject({
      keepData: false,
      workerConcurrency: 3,
      corsOrigins: ['https://a.example', 'https://b.example'],
    });
  });

  test.each([
    ['a misspelt name', { architecure: 'arm64' }, 'architecure'], // typos:ignore
    ['an unknown processor', { architecture: 'mips' }, 'architecture: Invalid option'],
    ['a name that no stack can have', { name: 'My Docent' }, 'name: must be lower-case'],
    ['a flag that is neither', { keepData: 'perhaps' }, 'keepData'],
    ['a budget nobody hears of', { monthlyBudgetUsd: 20 }, 'monthlyBudgetUsd: needs alarmEmail'],
    ['an address that is none', { alarmEmail: 'me' }, 'alarmEmail'],
    ['a log period CloudWatch does not know', { logRetentionDays: 31 }, 'logRetentionDays'],
    ['an answer longer than its question lives', { answerTimeoutS: 600, queryDeadlineS: 60 }, 'answerTimeoutS: must be shorter'],
    ['an answer longer than a function may run', { answerTimeoutS: 900 }, 'answerTimeoutS'],
    ['a signed URL that is public', { isPublic: true, urlAuth: 'aws-iam' }, 'isPublic: contradicts'],
    ['hosts for webhooks that are off', { webhookHosts: 'receiver.internal' }, 'webhookHosts: needs webhooks'],
    ['no cap at all', { dailyCostCapUsd: 0 }, 'dailyCostCapUsd'],
  ])('%s is refused by name', (_, given, complaint) => {
    expect(() => readSettings(given)).toThrow(complaint);
  });

  test('a key is needed exactly when a model is called', () => {
    expect(needsModelKey(readSettings({}))).toBe(true);
    expect(needsModelKey(readSettings({ generator: 'quoting' }))).toBe(false);
    expect(needsModelKey(readSettings({ generator: 'quoting', embedder: 'openai' }))).toBe(true);
  });
});
