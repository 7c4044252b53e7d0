/** docs/costs.md, worked out again: its formulas, its sums, and what it says of the deployment. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OUTCOMES } from '../lib/contract.js';
import { readSettings } from '../lib/settings.js';
import { CHECKOUT, templates } from './deployments.js';

const page = readFileSync(join(CHECKOUT, 'docs', 'costs.md'), 'utf8');

/** Rows of the table below a heading, as their cells. */
function table(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('|')).slice(2);
  return rows.map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim()));
}

const prices = new Map(table('Prices').map(([name, price]) => [name!, price!]));

/** What a formula comes to: numbers, names of prices, and the four kinds of arithmetic. */
function worth(formula: string): number {
  const priced = formula.replace(/`\w+`/g, (name) => `(${prices.get(name) ?? 'unknown'})`);
  const plain = priced.replace(/(\d),(?=\d{3})/g, '$1').replaceAll('×', '*').replaceAll('1M', '1000000');
  expect(plain, formula).toMatch(/^[\d.\s*/+()]+$/);
  return Function(`return ${plain}`)() as number;
}

const amount = (cell: string) => Number(cell.replaceAll('*', ''));

/** The amount is the value, rounded as far as it is written. */
function expectRounded(cell: string, value: number): void {
  expect(cell.replaceAll('*', '')).toBe(value.toFixed(cell.replaceAll('*', '').split('.')[1]?.length ?? 0));
}

describe.each(['Per question', 'One thousand questions a day', 'One thousand documents', 'While nobody asks'])('%s', (heading) => {
  const rows = table(heading);
  const items = rows.slice(0, -1);

  test.each(items.filter(([, formula]) => formula !== ''))('%s', (_, formula, cell, alone) => {
    expectRounded(cell!, worth(formula!));
    if (alone !== undefined) expect(amount(alone)).toBeLessThanOrEqual(amount(cell!));
  });

  test('the sum is that of the column', () => {
    const sum = rows.at(-1)!;
    for (let column = 2; column < sum.length; column++) {
      expectRounded(sum[column]!, items.reduce((all, row) => all + amount(row[column]!), 0));
    }
  });
});

describe('what it says of the deployment', () => {
  const { service } = templates();
  const formula = (heading: string, start: string) => table(heading).find(([name]) => name!.startsWith(start))![1];

  test('memory is as the settings have it', () => {
    const { apiMemoryMib, workerMemoryMib, ingestMemoryMib } = readSettings({});
    expect(formula('One thousand documents', 'ingest time')).toContain(`${ingestMemoryMib} / 1024`);
    expect(formula('Per question', 'API time')).toContain(`${apiMemoryMib} / 1024`);
    expect(formula('Per question', 'worker time')).toContain(`${workerMemoryMib} / 1024`);
  });

  test('alarms look at so many metrics, ten of which are free', () => {
    const alarms = Object.values(service.findResources('AWS::CloudWatch::Alarm'));
    const plain = (alarm: (typeof alarms)[0]) => (alarm.Properties.Metrics ?? [{ MetricStat: {} }]).filter((it: any) => it.MetricStat);
    const count = alarms.flatMap(plain).length;
    expect(formula('While nobody asks', 'alarms')).toBe(`${count} × \`alarm\``);
    expectRounded(table('While nobody asks').find(([name]) => name!.startsWith('alarms'))![3]!, worth(`${count - 10} × \`alarm\``));
  });

  test('metrics are those that are written: by each function, and queries also by outcome', () => {
    const written = Number(/METRICS: \[[^\]]*; (\d+)\]/.exec(readFileSync(join(CHECKOUT, 'crates/docent-aws/src/emf.rs'), 'utf8'))![1]);
    const headings = ['While nobody asks', 'One thousand questions a day', 'One thousand documents'];
    const told = headings.map((heading) => parseInt(formula(heading, 'metrics')!));
    // All three functions tell of their starts.
    expect(told.reduce((all, some) => all + some)).toBe(written + 2 + OUTCOMES.length);
  });

  test('the dashboard is one of the free ones', () => {
    const [dashboard] = Object.values(service.findResources('AWS::CloudWatch::Dashboard'));
    const body = JSON.stringify(dashboard!.Properties.DashboardBody);
    expect(body.match(/AWS\/|\\\\\\"Docent\\\\\\"/g)!.length).toBeLessThanOrEqual(50);
  });

  test('the model costs what the program reckons with', () => {
    const list = readFileSync(join(CHECKOUT, 'crates/docent-app/prices.toml'), 'utf8');
    const [, read, written] = /^gpt-4o-mini = \{ input = "(.*)", output = "(.*)" \}$/m.exec(list)!;
    expect([prices.get('`in`'), prices.get('`out`')]).toEqual([`${read} / 1M`, `${written} / 1M`]);
  });
});
