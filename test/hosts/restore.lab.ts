import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabBucket } from './lab/bucket.js';
import { LabCluster } from './lab/cluster.js';
import { drive } from './lab/drive.js';
import { writeInventory } from './lab/inventory.js';
import { Lab } from './lab/lab.js';

/** Data comes back: a real etcd cluster is destroyed and restored by the program, over real SSH, sudo and systemd. */

let lab: Lab;
let cluster: LabCluster;
let bucket: LabBucket;

beforeAll(async () => {
  lab = await Lab.boot({ k3s: 'off' });
  cluster = new LabCluster(lab);
  bucket = await LabBucket.open(lab);
  await cluster.form();
});
afterAll(async () => {
  await bucket?.close();
  await lab?.down();
});

const PREFIX = '/registry/configmaps/lab/';

describe('full restore', () => {
  it('brings back exactly the keys of the backup, on three voters', async () => {
    for (let n = 0; n < 20; n++) await cluster.put(`${PREFIX}kept-${n}`, `value ${n}`);
    await bucket.upload(await cluster.snapshot());
    const backup = await cluster.read(PREFIX);
    for (let n = 0; n < 5; n++) await cluster.put(`${PREFIX}late-${n}`, 'after the backup');
    await cluster.put(`${PREFIX}kept-0`, 'changed after the backup');
    await cluster.destroy();

    const run = drive(lab, writeInventory(lab, { backups: bucket.lines }));
    const result = await run.ended;
    expect(result.recovered, `${result.why}\n${run.said()}`).toBe(true);

    expect(backup.size).toBe(20);
    for (const server of cluster.servers) expect(await cluster.read(PREFIX, server.host.name)).toEqual(backup);
    const members = await cluster.members();
    expect(members.map((member) => [member.ip, member.learner]).sort()).toEqual([
      ['10.77.0.11', false],
      ['10.77.0.12', false],
      ['10.77.0.13', false],
    ]);
  });
});
