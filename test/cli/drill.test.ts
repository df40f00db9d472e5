import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import type { AutoResult } from '../../src/cli/auto.js';

/** `drill --auto --json` as a real process, over real SSH and S3 to a practice cluster that is a process of its own. */

const BLACKSTART = fileURLToPath(new URL('../../bin/blackstart', import.meta.url));
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly state: string;
}

function drill(...args: string[]): Promise<Ended> {
  const state = mkdtempSync(join(tmpdir(), 'blackstart-drill-'));
  ends.push(() => rmSync(state, { recursive: true, force: true }));
  const child = spawn(BLACKSTART, ['drill', '--auto', '--json', '--speed', '20', ...args], {
    cwd: state,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, XDG_STATE_HOME: state },
  });
  ends.push(() => child.kill('SIGKILL'));
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, state })));
}

describe('a drill that plays itself', () => {
  test.each([[[]], [['dead-server']], [['sudo-password', 'reset-fails-once']], [['empty-bucket']]])(
    'recovers (%j): one document, exit 0',
    async (faults) => {
      const { code, stdout, state } = await drill(...faults.flatMap((fault) => ['--fault', fault]));
      const result = JSON.parse(stdout) as AutoResult;
      expect(result, result.why).toMatchObject({ recovered: true, scenario: 'full-restore', seed: 1 });
      expect(result.steps.find((step) => step.id === 'reset')?.outcome).toBe('done');
      expect(code).toBe(0);
      // What was fetched holds every Secret of the cluster: nothing of it stays.
      expect(readdirSync(join(state, 'blackstart')).filter((name) => name.startsWith('spool'))).toEqual([]);
    },
    180_000,
  );

  test.each([
    ['disk-full', /free|room/],
    ['wrong-passphrase', /passphrase/],
    ['damaged-backup', /not restorable/],
  ])(
    '%s: says why it cannot, exit 1',
    async (fault, why) => {
      const { code, stdout } = await drill('--fault', fault);
      expect(code).toBe(1);
      const result = JSON.parse(stdout) as AutoResult;
      expect(result.recovered).toBe(false);
      expect(result.why).toMatch(why);
    },
    180_000,
  );
});
