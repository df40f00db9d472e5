import { type ChildProcess, spawn } from 'node:child_process';
import type { Lab } from './lab.js';

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

/** Plays a scenario over an inventory with the built program, in this namespace. */
export function drive(lab: Lab, inventory: string, scenario = 'full-restore'): Drive {
  const entry = `${process.env.BLACKSTART_COMPILED}/test/hosts/drive.js`;
  const child = spawn(process.execPath, [entry, inventory, `${lab.home}/state`, scenario], {
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
