import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const version = spawnSync('gpg', ['--version'], { encoding: 'utf8' });

/** Whether the real gpg is on this machine. */
export const hasGpg = version.status === 0;
if (!hasGpg)
  process.stderr.write('gpg is not installed: tests on files made by it are skipped (apt-get install gnupg)\n');

// One home, and so one agent, for all calls of a test file: starting an agent takes a second.
let shared: string | undefined;

/** Runs gpg with a home of its own, and answers its standard output. */
export function gpg(options: readonly string[], input: Buffer): Buffer {
  shared ??= mkdtempSync(join(tmpdir(), 'blackstart-gpg-'));
  const run = spawnSync(
    'gpg',
    ['--homedir', shared, '--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback', ...options],
    {
      input,
      maxBuffer: 1 << 30,
    },
  );
  if (run.status !== 0) throw new Error(`gpg ${options.join(' ')}: ${run.stderr.toString()}`);
  return run.stdout;
}

afterAll(() => {
  if (shared === undefined) return;
  spawnSync('gpgconf', ['--homedir', shared, '--kill', 'gpg-agent']);
  rmSync(shared, { recursive: true, force: true });
});

/** Encrypts as the runbook's backup job does, with further options before. */
export function gpgSymmetric(input: Buffer, passphrase: string, ...options: string[]): Buffer {
  return gpg(['--passphrase', passphrase, '--cipher-algo', 'AES256', ...options, '--symmetric', '-o', '-'], input);
}
