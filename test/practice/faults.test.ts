import { describe, expect, it } from 'vitest';
import { FAULTS, faultNamed } from '../../src/practice/faults.js';
import { DB, Lab } from './lab.js';

describe('faults', () => {
  it('have names and descriptions, each once', () => {
    expect(new Set(FAULTS.map((fault) => fault.name)).size).toBe(FAULTS.length);
    for (const fault of FAULTS) expect(fault.description).toMatch(/\.$/);
    expect(faultNamed('healthy')).toBe('healthy');
    expect(faultNamed('nonsense')).toBeUndefined();
  });

  it.each(FAULTS.map((fault) => fault.name))('%s can be built and lived in', async (name) => {
    const lab = new Lab({ faults: [name] });
    await lab.clock.advance(30_000);
    expect(await lab.out('node-1', 'hostname')).toBe('node-1\n');
    lab.cluster.close();
  });

  it('show where a console looks', async () => {
    expect((await new Lab({ faults: ['not-installed'] }).run('node-2', 'k3s --version')).code).toBe(127);
    expect((await new Lab({ faults: ['openrc'] }).run('node-1', 'systemctl is-active k3s')).stderr).toContain(
      'not been booted with systemd',
    );
    expect((await new Lab({ faults: ['sqlite'] }).run('node-1', `test -e ${DB}/state.db`)).code).toBe(0);
    expect(
      await new Lab({ faults: ['server-url-in-env'] }).out('node-1', 'cat /etc/systemd/system/k3s.service.env'),
    ).toContain('K3S_URL=');
    expect((await new Lab({ faults: ['db-mount-point'] }).run('node-1', `mv -T ${DB}/etcd ${DB}/x`)).stderr).toContain(
      'Device or resource busy',
    );
    expect(
      await new Lab({ faults: ['db-mount-point'] }).out('node-1', `findmnt -rno TARGET,SOURCE,FSTYPE -T ${DB}/etcd`),
    ).toContain(`${DB}/etcd `);
    expect(await new Lab({ faults: ['custom-data-dir'] }).out('node-1', 'ls -1 /data/k3s/server')).toContain('token');
    expect(await new Lab({ faults: ['earlier-attempt'] }).out('node-1', `ls -1 ${DB}`)).toMatch(/etcd-old-\d+/);
    const full = await new Lab({ faults: ['disk-full'] }).out('node-1', 'df -B1 --output=avail /var/lib/rancher');
    expect(Number(full.split('\n')[1])).toBeLessThan(61_000_000);
  });

  it('a hold stops whoever starts a peer early', async () => {
    const lab = new Lab({ faults: ['peer-starts-early'] });
    await lab.run('node-2', 'systemctl stop k3s');
    await lab.clock.advance(22_000);
    expect(await lab.unit('node-2')).not.toBe('inactive dead');
    await lab.run('node-2', 'systemctl stop k3s');
    await lab.run('node-2', 'touch /var/lib/rancher/k3s/server/blackstart-hold');
    await lab.run('node-2', 'mkdir -p /etc/systemd/system/k3s.service.d');
    await lab.put(
      'node-2',
      '/etc/systemd/system/k3s.service.d/zz.conf',
      '[Unit]\nAssertPathExists=!/var/lib/rancher/k3s/server/blackstart-hold\n',
    );
    await lab.run('node-2', 'systemctl daemon-reload');
    await lab.clock.advance(60_000);
    expect(await lab.unit('node-2')).toBe('inactive dead');
  });

  it('kills the first reset only', async () => {
    const lab = new Lab({ faults: ['reset-fails-once'] });
    await lab.stopServers();
    lab.placeSnapshots();
    const reset = `k3s server --cluster-reset --cluster-reset-restore-path=${DB}/snapshots/on-demand-node-1-1795342536`;
    expect((await lab.run('node-1', reset)).code).toBe(137);
    expect((await lab.run('node-1', reset)).code).toBe(0);
  });
});
