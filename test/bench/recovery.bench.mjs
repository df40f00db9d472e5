import { spawnSync } from 'node:child_process';

/** Time to recovery on the lab's hosts: the console against the runbook's commands. Needs what the lab needs, and says what is missing. */
export function benchRecovery() {
  const { status } = spawnSync('npm', ['run', '--silent', 'test:hosts', '--', 'test/hosts/recovery.bench.lab.ts'], {
    stdio: 'inherit',
    env: { ...process.env, BLACKSTART_BENCH: '1' },
  });
  if (status !== 0) process.exitCode = 1;
}
