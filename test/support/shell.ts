import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';

/** A text that /bin/sh reads, and in which shellcheck, where it is installed, finds nothing. */
export function expectShell(text: string): void {
  expect(spawnSync('/bin/sh', ['-n'], { input: text, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  const checked = spawnSync('shellcheck', ['--severity=warning', '-'], { input: text, encoding: 'utf8' });
  if (checked.error === undefined) expect(checked.stdout).toBe('');
}
