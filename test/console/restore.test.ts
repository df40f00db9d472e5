import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { expect, test } from 'vitest';
import { beginFullRestore, folder, type Person, passGate, sitDown } from './driver.js';

/** The whole program in a real terminal, driven by keypresses alone. */

/** No line is wider than the terminal, and the scrollback is never cleared. */
function drawsInside(person: Person): void {
  const { columns } = person.size;
  for (const line of person.lines()) expect(line.length).toBeLessThanOrEqual(columns);
  expect(person.raw.includes('\u001b[3J')).toBe(false);
}

test('a full restore by keypresses, from the first screen to a written report', async () => {
  const state = folder();
  const person = sitDown(['drill', '--speed', '20'], { state });
  await beginFullRestore(person);
  const gates: string[] = [];
  for (let gate = 0; gate < 5; gate++) {
    gates.push(await passGate(person));
    drawsInside(person);
    await person.waitFor(() => person.sees('GATE WAITS') || person.sees('RECOVERED'));
  }
  expect(gates).toEqual([
    'Stop and hold every server, save what is there',
    'Reset etcd from the snapshot',
    'Start the restored server',
    'Release the other servers and the agents',
    'Clean up',
  ]);
  await person.waitFor('RECOVERED');
  await person.waitFor('3 of 3 servers vote: tolerates 1 failure');
  // The verification is recorded, too: after it nothing is added any more.
  await person.waitFor('v shows them');
  await person.pressUntil('r', /report +\S+\.md/);
  // The end of the chain stands on the screen as it stands in the report.
  const head = /chain head ([0-9a-f]{64})/.exec(person.screen().replace(/[│\s]+/g, ' '))?.[1];
  const reports = readdirSync(join(state, 'blackstart', 'reports')).sort();
  expect(reports.map((name) => extname(name))).toEqual(['.html', '.md']);
  for (const report of reports) {
    const text = readFileSync(join(state, 'blackstart', 'reports', report), 'utf8');
    expect(text).toMatch(/outcome(: |<\/dt><dd>)recovered/);
    expect(text).toContain(head ?? 'no head on the screen');
  }
  await person.pressUntil('q', () => person.exit !== undefined);
  expect(await person.ends()).toMatchObject({ code: 0 });
  expect(person.onAlternateScreen).toBe(false);
  expect(person.sees(/Run \S+: recovered\./)).toBe(true);
}, 600_000);

test('a terminal of another size in the middle of the run: everything fits again, too small says so', async () => {
  const person = sitDown(['drill', '--speed', '20']);
  await beginFullRestore(person);
  await passGate(person);
  for (const size of [
    { columns: 80, rows: 24 },
    { columns: 160, rows: 45 },
    { columns: 120, rows: 36 },
  ]) {
    person.resize(size);
    await person.waitFor(() => person.lines()[size.rows - 1]?.includes('leave') === true);
    await person.waitFor(() => person.lines()[0]?.includes('blackstart') === true);
    drawsInside(person);
  }
  person.resize({ columns: 60, rows: 20 });
  await person.waitFor('blackstart needs 80×24; this is 60×20.');
  person.resize({ columns: 120, rows: 36 });
  await person.waitFor(/GATE WAITS|RUNNING/);
  await person.waitFor('GATE WAITS');
}, 600_000);

test.each([
  { columns: 80, rows: 24 },
  { columns: 160, rows: 45 },
])(
  '$columns×$rows: the opening, a gate and the keys fit',
  async (size) => {
    const person = sitDown(['drill', '--speed', '20'], { size });
    await person.waitFor('Full restore');
    await person.waitFor(() => person.lines()[size.rows - 1]?.includes('leave') === true);
    drawsInside(person);
    await beginFullRestore(person);
    await person.waitFor('GATE WAITS');
    await person.pressUntil('enter', /CHANGE · Stop and hold/);
    await person.waitFor('Press y to do it');
    for (const word of ['does', 'loses', 'esc cancels']) expect(person.sees(word), word).toBe(true);
    drawsInside(person);
  },
  200_000,
);

test('a gate takes only what is typed, letter by letter, after it was read', async () => {
  const person = sitDown(['drill', '--speed', '20']);
  await beginFullRestore(person);
  // The key that opens it, pressed again and again, does not confirm it.
  await person.waitFor('GATE WAITS');
  await person.pressUntil('enter', 'CHANGE · Stop and hold');
  for (const _again of [1, 2, 3]) person.press('enter');
  await person.waitFor('Press y to do it');
  expect(person.sees('CHANGE · Stop and hold')).toBe(true);
  await person.pressUntil('esc', () => !person.sees('CHANGE · '));
  expect(person.sees('GATE WAITS')).toBe(true);
  await passGate(person);
  await person.waitFor('GATE WAITS');
  await person.pressUntil('enter', 'DESTRUCTIVE · Reset etcd');
  await person.waitFor('Type node-1 and enter to go on');
  // What comes too soon is taken for nothing; wait until one letter counts.
  await person.type('n');
  await person.pressUntil('backspace', 'to go on:  ▌');
  person.paste('node-1');
  await person.waitFor('Pasted text is refused here');
  expect(person.sees('to go on:  ▌')).toBe(true);
  await person.type('n');
  person.burst('ode-1');
  await person.waitFor('Pasted text is refused here');
  expect(person.sees('to go on:  ▌')).toBe(true);
  await person.type('node-2');
  await person.pressUntil('enter', 'That was not node-1. Nothing was done.');
  person.press('enter');
  await person.waitFor('Type node-1 first.');
  await person.pressUntil('esc', () => !person.sees('DESTRUCTIVE · '));
  expect(person.sees('GATE WAITS')).toBe(true);
}, 600_000);
