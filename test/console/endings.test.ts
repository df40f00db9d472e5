import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listRuns, readRun } from '../../src/record/runs.js';
import { BLACKSTART, beginFullRestore, folder, passGate, practice, sitDown, tryAgain } from './driver.js';

/** Every way out of the program: it leaves the terminal as it found it, and the cluster as it is. */

test('killed in the middle of the restore, started again: it goes on, asks anew, and the reset has run once', async () => {
  const inventory = await practice(10);
  const state = folder();
  const first = sitDown(['--inventory', inventory], { state });
  await beginFullRestore(first);
  await passGate(first);
  await first.waitFor('GATE WAITS');
  await passGate(first);
  // In the very middle of the reset.
  await first.waitFor('RUNNING');
  first.signal('SIGKILL');
  await first.ends();
  const second = sitDown(['--inventory', inventory], { state });
  await second.waitFor(/goes on/);
  for (;;) {
    await second.waitFor(() => second.sees('GATE WAITS') || second.sees('RECOVERED') || second.sees('IN DOUBT'));
    if (second.sees('RECOVERED')) break;
    // Killed between writing that it is sent and sending it: nobody knows, a person says so.
    if (second.sees('IN DOUBT')) await tryAgain(second);
    else await passGate(second);
  }
  await second.done();
  const [run] = listRuns(join(state, 'blackstart'));
  const { events, chain } = readRun(run?.path ?? '');
  expect(chain.ok).toBe(true);
  const resets = events.filter((event) => event.type === 'step-ended' && 'step' in event && event.step === 'reset');
  expect(resets).toMatchObject([{ outcome: 'done' }]);
  const resumed = events.findIndex((event) => event.type === 'run-resumed');
  const confirmedAfter = events
    .slice(resumed)
    .flatMap((event) => (event.type === 'gate-answered' && 'gate' in event ? [event.gate] : []));
  expect(confirmedAfter).toEqual(expect.arrayContaining(['start', 'release', 'cleanup']));
}, 600_000);

test('a drill that was killed, or left in the middle: the same command goes on with it, on the same practice cluster, and another begins with --new', async () => {
  const state = folder();
  const first = sitDown(['drill', '--speed', '10'], { state });
  await beginFullRestore(first);
  await passGate(first);
  await first.waitFor('GATE WAITS');
  first.signal('SIGKILL');
  await first.ends();
  const [begun] = listRuns(join(state, 'blackstart'));
  // Something else that is asked for is another drill, beside it.
  const other = sitDown(['drill', '--speed', '10', '--seed', '2'], { state });
  await other.waitFor('Full restore');
  expect(other.sees(/goes on:/)).toBe(false);
  await other.pressUntil('q', 'Leave?');
  await other.pressUntil('y', () => other.exit !== undefined);
  const second = sitDown(['drill', '--speed', '10'], { state });
  await second.waitFor(`Run ${begun?.id} goes on`);
  await passGate(second);
  await second.waitFor(/RUNNING|GATE WAITS/);
  await second.pressUntil('q', 'Leave?');
  await second.pressUntil('y', () => second.exit !== undefined);
  expect(second.raw).toContain('the same command goes on with this drill');
  const third = sitDown(['drill', '--speed', '10'], { state });
  await third.waitFor(`Run ${begun?.id} goes on`);
  await third.pressUntil('q', 'Leave?');
  await third.pressUntil('y', () => third.exit !== undefined);
  const fourth = sitDown(['drill', '--speed', '10', '--new'], { state });
  await fourth.waitFor('Full restore');
  expect(fourth.sees(/goes on:/)).toBe(false);
  await fourth.pressUntil('q', 'Leave?');
  await fourth.pressUntil('y', () => fourth.exit !== undefined);
  // Nothing was begun in it: it goes with its console, as the one before went when it began.
  const standing = JSON.parse(readFileSync(join(state, 'blackstart/practice.json'), 'utf8')) as { directory: string }[];
  expect(standing.filter(({ directory }) => existsSync(directory))).toEqual([]);
  expect(listRuns(join(state, 'blackstart')).map((run) => run.id)).toEqual([begun?.id]);
}, 300_000);

describe('a signal', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 143],
  ] as const)(
    '%s leaves the terminal as it was and says %i',
    async (name, code) => {
      const person = sitDown(['drill', '--speed', '20']);
      await person.waitFor('Full restore');
      expect(person.onAlternateScreen).toBe(true);
      person.signal(name);
      expect(await person.ends()).toEqual({ code, signal: 0 });
      expect(person.onAlternateScreen).toBe(false);
      expect(person.raw.lastIndexOf('\u001b[?25h')).toBeGreaterThan(person.raw.lastIndexOf('\u001b[?25l'));
    },
    90_000,
  );
});

test('q asks first, esc stays, y leaves', async () => {
  const person = sitDown(['drill', '--speed', '20']);
  await person.waitFor('Full restore');
  await person.pressUntil('q', 'Leave?');
  await person.pressUntil('esc', () => !person.sees('Leave?'));
  await person.pressUntil('q', 'Leave?');
  await person.pressUntil('y', () => person.exit !== undefined);
  expect(person.exit?.code).toBe(0);
  expect(person.onAlternateScreen).toBe(false);
}, 300_000);

describe('without what it needs', () => {
  function said(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    const state = folder();
    return spawnSync(BLACKSTART, args, {
      cwd: state,
      encoding: 'utf8',
      env: { ...process.env, XDG_STATE_HOME: state, XDG_CONFIG_HOME: state, HOME: state },
    });
  }

  test.each([[['drill']], [[]]])('no terminal: one line, exit 2 (%j)', (args) => {
    const { status, stdout, stderr } = said(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
    expect(stderr).not.toMatch(/at .*\.js:\d+/);
  });

  test('no inventory: says where it looked and what to do, exit 2', async () => {
    const person = sitDown([]);
    expect(await person.ends()).toMatchObject({ code: 2 });
    expect(person.screen()).toMatch(/inventory|cluster\.yaml/);
    expect(person.onAlternateScreen).toBe(false);
  });
});
