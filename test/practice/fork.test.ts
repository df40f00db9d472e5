import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { RECEIPT_WRAPPER } from '../../src/k3s/reset.js';
import { DB, Lab } from './lab.js';

const DIR = '/var/lib/blackstart/r1';

async function lab(): Promise<Lab> {
  const made = new Lab();
  made.placeSnapshots();
  await made.stopServers();
  await made.run('node-1', `mkdir -p ${DIR}`);
  await made.put('node-1', `${DIR}/with-receipt.sh`, RECEIPT_WRAPPER);
  return made;
}

const START = `systemd-run --unit=blackstart-r1 -p RemainAfterExit=yes -- /bin/sh ${DIR}/with-receipt.sh ${DIR}/reset-a1 /usr/local/bin/k3s server --cluster-reset --cluster-reset-restore-path=${DB}/snapshots/on-demand-node-1-1795342536`;

describe('a copied cluster', () => {
  it('goes on with a reset that runs below the shell of a unit, and both end alike', async () => {
    const original = await lab();
    await original.run('node-1', START);
    for (const ms of [0, 10, 700, 2_000, 4_000]) {
      await original.clock.advance(ms);
      expect(original.cluster.forkable).toBe(true);
      const clock = new VirtualClock(original.clock.now());
      const copy = new Lab({}, { clock, cluster: original.cluster.fork(clock) });
      await clock.advance(30_000);
      const receipt = await copy.out('node-1', `cat ${DIR}/reset-a1/receipt`);
      expect(receipt).toContain('exit=0\nmarker=yes\n');
      expect(await copy.out('node-1', `cat ${DIR}/reset-a1/output`)).toMatch(
        /restart without --cluster-reset flag now/,
      );
      expect(await copy.unit('node-1', 'blackstart-r1')).toBe('active exited');
      copy.cluster.close();
    }
    await original.clock.advance(30_000);
    expect(await original.out('node-1', `cat ${DIR}/reset-a1/receipt`)).toContain('exit=0\nmarker=yes\n');
    expect(await original.unit('node-1', 'blackstart-r1')).toBe('active exited');
  });

  it('ends a unit whose shell was carried over when it is stopped', async () => {
    const original = await lab();
    await original.run('node-1', START);
    await original.clock.advance(3_000);
    const clock = new VirtualClock(original.clock.now());
    const copy = new Lab({}, { clock, cluster: original.cluster.fork(clock) });
    await copy.run('node-1', 'systemctl stop blackstart-r1.service');
    expect((await copy.run('node-1', 'systemctl show blackstart-r1 -p LoadState --value')).stdout).toBe('not-found\n');
    expect(await original.unit('node-1', 'blackstart-r1')).toBe('active running');
  });

  it('goes on with a restart that nobody waits for', async () => {
    const original = new Lab({ faults: ['healthy'] });
    await original.run('node-4', 'systemctl restart --no-block k3s-agent');
    const clock = new VirtualClock(original.clock.now());
    const copy = new Lab({}, { clock, cluster: original.cluster.fork(clock) });
    await clock.advance(60_000);
    expect(await copy.unit('node-4', 'k3s-agent')).toBe('active running');
  });
});

describe('words a real host knows', () => {
  it('umask and systemctl --version', async () => {
    const one = new Lab();
    expect((await one.run('node-1', 'sh -c "umask 077; echo ok"')).stderr).toBe('');
    expect(await one.out('node-1', 'systemctl --version')).toMatch(/^systemd 252/);
  });
});
