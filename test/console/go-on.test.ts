import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listRuns, readRun } from '../../src/record/runs.js';
import { beginFullRestore, folder, type Person, passGate, practice, sitDown, tryAgain } from './driver.js';

/** Whoever looks on goes on where nobody acts any more: without leaving the console, with one key and its question, and only one of several. */

const lineOf = (person: Person): string => person.lines()[0] ?? '';
const acts = (person: Person): boolean => lineOf(person).includes(' DRILL ');
const looks = (person: Person): boolean => lineOf(person).includes(' OBSERVE ');

test('killed in the middle of the reset: of two who look on and press the key at once one goes on to the end, and the reset has run once', async () => {
  const inventory = await practice(10);
  const state = folder();
  const first = sitDown(['--inventory', inventory], { state });
  await first.waitFor('Full restore');
  const others = [sitDown(['--inventory', inventory], { state }), sitDown(['--inventory', inventory], { state })];
  for (const other of others) await other.waitFor(() => looks(other));
  await beginFullRestore(first);
  await passGate(first);
  await first.waitFor('GATE WAITS');
  await passGate(first);
  await first.waitFor('RUNNING');
  for (const other of others) {
    await other.waitFor(/acts here, since/);
    expect(other.sees('go on in their place')).toBe(false);
  }
  first.signal('SIGKILL');
  await first.ends();
  // Said at once, and nothing happens by itself.
  for (const other of others) {
    await other.waitFor('NOBODY ACTS');
    await other.waitFor(/Nobody acts\. A goes on in place of \S+ on \S+, last sign of life \d\d:\d\d:\d\dZ\./);
    await other.pressUntil('A', 'Go on in their place?');
    expect(looks(other)).toBe(true);
  }
  for (const other of others) other.press('y');
  await Promise.all(others.map((other) => other.waitFor(() => acts(other) || /acts here, since/.test(lineOf(other)))));
  expect(others.map(acts).sort()).toEqual([false, true]);
  const [acting, looking] = acts(others[0] as Person) ? others : others.toReversed();
  if (acting === undefined || looking === undefined) throw new Error('there are two');
  for (;;) {
    await acting.waitFor(() => acting.sees('GATE WAITS') || acting.sees('RECOVERED') || acting.sees('IN DOUBT'));
    if (acting.sees('RECOVERED')) break;
    // Killed between writing that it is sent and sending it: nobody knows, a person says so.
    if (acting.sees('IN DOUBT')) await tryAgain(acting);
    else await passGate(acting);
  }
  // The other follows whoever goes on, to the end.
  await looking.waitFor('RECOVERED');
  expect(looks(looking)).toBe(true);
  await acting.done();
  await looking.done();
  const runs = listRuns(join(state, 'blackstart'));
  expect(runs).toHaveLength(1);
  const { events, chain } = readRun(runs[0]?.path ?? '');
  expect(chain.ok).toBe(true);
  expect(events.filter((event) => event.type === 'run-resumed')).toHaveLength(1);
  const resets = events.filter((event) => event.type === 'step-ended' && 'step' in event && event.step === 'reset');
  expect(resets).toMatchObject([{ outcome: 'done' }]);
}, 600_000);

test('the console that acts is left before anything was begun: whoever looks on can act', async () => {
  const inventory = await practice(10);
  const state = folder();
  const first = sitDown(['--inventory', inventory], { state });
  await first.waitFor('Full restore');
  const second = sitDown(['--inventory', inventory], { state });
  await second.waitFor(() => looks(second));
  await first.pressUntil('q', 'Leave?');
  await first.pressUntil('y', () => first.exit !== undefined);
  await second.waitFor('NOBODY ACTS');
  await second.pressUntil('A', 'no run is open');
  await second.pressUntil('y', () => acts(second));
  await beginFullRestore(second);
}, 300_000);

test('with another state directory, left in the middle: the run is rebuilt from the servers, behind the gate that names who had it', async () => {
  const inventory = await practice(10);
  const first = sitDown(['--inventory', inventory]);
  await beginFullRestore(first);
  await passGate(first);
  const second = sitDown(['--inventory', inventory]);
  await second.waitFor(/ on \S+ acts, since/);
  await first.waitFor('GATE WAITS');
  await first.pressUntil('q', 'Leave?');
  await first.pressUntil('y', () => first.exit !== undefined);
  await second.waitFor('NOBODY ACTS');
  await second.pressUntil('A', 'rebuilt from its journal');
  await second.pressUntil('y', () => acts(second));
  await second.waitFor(/goes on in place of/);
  expect(await passGate(second)).toMatch(/^Act in place of/);
  for (;;) {
    await second.waitFor(() => second.sees('GATE WAITS') || second.sees('RECOVERED'));
    if (second.sees('RECOVERED')) break;
    await passGate(second);
  }
}, 600_000);
