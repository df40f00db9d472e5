import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from './lab/lab.js';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.boot();
});
afterAll(() => lab?.down());

it('boots four machines with real systemd, journald and sshd', async () => {
  for (const machine of lab.machines.values()) {
    const state = (await machine.inside(['systemctl', 'is-system-running', '--wait'])).stdout.trim();
    const failed = (await machine.inside(['systemctl', 'list-units', '--failed', '--plain', '--no-legend'])).stdout;
    expect([machine.host.name, state, failed.split('\n').filter((l) => l && !l.startsWith('k3s'))]).toEqual([
      machine.host.name,
      expect.stringMatching(/running|degraded|starting/),
      [],
    ]);
  }
});
