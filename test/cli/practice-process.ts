import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { startPractice } from '../support/practice-process.js';

const built = (path: string): string => fileURLToPath(new URL(`../../dist/src/${path}`, import.meta.url));

const ends: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A folder that is removed at the end of the file's tests. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'blackstart-cli-'));
  ends.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Practice {
  readonly folder: string;
  readonly inventory: string;
  /** The inventory with something changed, as a file beside it. */
  with(name: string, change: (text: string) => string): string;
}

const running = new Map<string, Promise<Practice>>();

/** A practice cluster in a process of its own, as a drill starts it; one for all tests of a file that want the same and only look. */
export function practice(...faults: string[]): Promise<Practice> {
  const key = faults.join();
  const known = running.get(key) ?? started(faults);
  running.set(key, known);
  return known;
}

async function started(faults: readonly string[]): Promise<Practice> {
  const directory = folder();
  const { inventory, stop } = await startPractice(directory, ...faults.flatMap((fault) => ['--fault', fault]));
  ends.push(stop);
  return {
    folder: directory,
    inventory,
    with: (name, change) => {
      const path = join(directory, name);
      writeFileSync(path, change(readFileSync(inventory, 'utf8')));
      return path;
    },
  };
}

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built program with a state directory of its own. */
export class Cli {
  readonly state = folder();

  async run(...args: string[]): Promise<Said> {
    const child = spawn(process.execPath, [built('cli/main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: this.state, XDG_CONFIG_HOME: this.state, NO_COLOR: '1' },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, stdout, stderr };
  }

  /** Everything that lies in the state directory. */
  left(): string[] {
    return readdirSync(this.state, { recursive: true })
      .map(String)
      .filter((path) => path !== 'blackstart');
  }
}
