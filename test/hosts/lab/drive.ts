import { type ChildProcess, spawn } from 'node:child_process';
import { seeded } from '../../support/mutations.js';
import type { Lab } from './lab.js';
import { until } from './sh.js';

export interface Driven {
  readonly recovered: boolean;
  readonly why?: string;
  readonly runId: string;
  readonly record: string;
  readonly steps: readonly { readonly id: string; readonly host: string; readonly outcome: string }[];
}

/** A running restore, as a process of its own. */
export interface Drive {
  readonly child: ChildProcess;
  /** What it said so far: a line a step. */
  said(): string;
  readonly ended: Promise<Driven>;
}

/** Plays a scenario over an inventory with the built program, in this namespace; `resume` goes on with a run that was cut off. */
export function drive(
  lab: Lab,
  inventory: string,
  scenario = 'full-restore',
  how: 'fresh' | 'resume' = 'fresh',
): Drive {
  const entry = `${process.env.BLACKSTART_COMPILED}/test/hosts/drive.js`;
  const child = spawn(process.execPath, [entry, inventory, `${lab.home}/state`, scenario, how], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: lab.home },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
    // To look on while a lab runs.
    if (process.env.BLACKSTART_LAB_SAY === '1') process.stderr.write(chunk);
  });
  const ended = new Promise<Driven>((resolve, reject) => {
    child.on('close', (code) => {
      const line = out.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve(JSON.parse(line) as Driven);
      else reject(new Error(`the program ended with ${code}: ${err.slice(-3000)}`));
    });
  });
  ended.catch(() => undefined);
  return { child, said: () => err, ended };
}

/**
 * Plays a scenario whose console is killed with SIGKILL so many times, each time a seeded while after it said its next line, and started again.
 */
export async function driveKilled(
  lab: Lab,
  inventory: string,
  kills: number,
  seed: number,
): Promise<Driven & { readonly killed: number }> {
  const random = seeded(seed);
  for (let killed = 0; ; killed++) {
    const run = drive(lab, inventory, 'full-restore', killed === 0 ? 'fresh' : 'resume');
    if (killed === kills) return { ...(await run.ended), killed };
    const pause = random(1_500);
    const over = run.ended.then(
      () => true,
      () => true,
    );
    let ended = false;
    void over.then(() => {
      ended = true;
    });
    await until('its next line', () => ended || run.said().includes('\n') || undefined, {
      withinMs: 240_000,
    });
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (ended) return { ...(await run.ended), killed };
    run.child.kill('SIGKILL');
    await over;
  }
}
