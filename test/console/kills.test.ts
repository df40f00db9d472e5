import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readRun } from '../../src/record/runs.js';
import { folder, practice } from './driver.js';

/**
 * The real program is killed with SIGKILL at seeded moments of a run, over real SSH; started again it ends where it would have ended, and no reset
 * runs twice.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
const SPEED = 10;
/** A run takes about so many lines of what it says. */
const LINES = 24;

interface Playing {
  readonly child: ChildProcess;
  readonly ended: Promise<string>;
}

/** Plays until the end, or is killed after so many lines. */
function play(inventory: string, state: string, killAfter?: number): Playing {
  const child = spawn(process.execPath, [join(ROOT, 'test/support/player.mjs'), inventory, state, 'full-restore'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  let lines = 0;
  child.stdout.on('data', (data: Buffer) => {
    out += String(data);
  });
  child.stderr.on('data', (data: Buffer) => {
    err += String(data);
    lines += String(data).split('\n').length - 1;
    if (killAfter !== undefined && lines >= killAfter) child.kill('SIGKILL');
  });
  const ended = once(child, 'close').then(() => out || err);
  return { child, ended };
}

test.each(SEEDS)(
  'killed at moment %i of a run: it goes on to the same end, and the reset has run once',
  async (seed) => {
    const inventory = await practice(SPEED);
    const state = folder();
    // Spread over the whole run, the same every time.
    const first = play(inventory, state, 1 + ((seed * 7919) % LINES));
    await first.ended;
    // What was fetched and decrypted is gone by then: it is fetched and proven again where it is still needed.
    rmSync(join(state, 'spool'), { recursive: true, force: true });
    const said = await play(inventory, state).ended;
    const result = JSON.parse(said.trim().split('\n').at(-1) ?? '{}') as { recovered?: boolean; record: string };
    expect(result.recovered, said).toBe(true);
    const { events, chain } = readRun(result.record);
    expect(chain.ok).toBe(true);
    const resets = events.filter((event) => event.type === 'step-ended' && 'step' in event && event.step === 'reset');
    expect(resets).toMatchObject([{ outcome: 'done' }]);
  },
  300_000,
);
