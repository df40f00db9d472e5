import { afterEach, describe, expect, test } from 'vitest';
import { ProblemError } from '../../src/base/problem.js';
import { surveyHost } from '../../src/cluster/survey.js';
import type { ClusterHost } from '../../src/incident/cluster.js';
import type { ExecRequest, Host } from '../../src/remote/host.js';
import { PracticeHost } from '../support/practice-host.js';
import { Rig } from '../support/rig.js';

/** A look at one host whose answers do not all come. */

let rig: Rig;
afterEach(() => rig.close());

const SERVER: ClusterHost = {
  name: 'node-1',
  role: 'server',
  address: '127.0.0.1',
  nodeName: 'node-1',
  dataDir: '/var/lib/rancher/k3s',
  service: 'k3s',
};

/** A look at a server of the practice cluster on which some commands never come back, as on a disk that hangs, or fail. */
async function lookWhere(
  hangs: (argv: readonly string[]) => boolean,
  fails: (argv: readonly string[]) => string | undefined = () => undefined,
) {
  rig = await Rig.start({ faults: ['healthy'] });
  const real = new PracticeHost(() => rig.cluster.node('node-1'), rig.clock);
  const exec = async (request: ExecRequest) => {
    if (hangs(request.argv)) throw new ProblemError({ id: 'command-timeout', what: 'no end', next: 'wait' });
    const stderr = fails(request.argv);
    return stderr === undefined ? real.exec(request) : { code: 1, stdout: '', stderr, truncated: false, ms: 1 };
  };
  const stop = rig.clock.runFree();
  const facts = await surveyHost(
    { ...real, name: 'node-1', exec } as unknown as Host,
    SERVER,
    new AbortController().signal,
  );
  stop();
  return facts;
}

describe('what a host does not answer', () => {
  test('everything answered: it has etcd data', async () => {
    expect(await lookWhere(() => false)).toMatchObject({ reachable: true, data: { datastore: 'etcd' } });
  });

  test.each([
    ['what lies in /var/lib/rancher/k3s/server/db', (text: string) => /\/server\/db( |$)/.test(text)],
    ['whether it has etcd data', (text: string) => text.includes('/member/wal')],
    ['what its database is', (text: string) => text.endsWith('/member/snap/db')],
    ['what /etc/rancher/k3s/config.yaml says', (text: string) => text === 'cat /etc/rancher/k3s/config.yaml'],
    ['what systemd knows of K3s', (text: string) => text.includes('systemctl show')],
  ])('%s: it is slow, and not one without data or settings', async (what, hangs) => {
    expect(await lookWhere((argv) => hangs(argv.join(' ')))).toEqual({
      reachable: false,
      problem: {
        id: 'host-slow',
        what: `node-1 is reached, but too slow to answer ${what}.`,
        next: 'Look at its load and its disk; it is asked again by itself.',
      },
    });
  });

  test('a disk with errors is not one without data', async () => {
    const facts = await lookWhere(
      () => false,
      (argv) => (argv.join(' ').includes('/member/wal') ? "stat: cannot statx 'x': Input/output error" : undefined),
    );
    expect(facts).toMatchObject({
      reachable: false,
      problem: { id: 'disk-error', what: expect.stringContaining('its data cannot be read: stat: cannot statx') },
    });
  });

  test('how large it is, how much room there is: the rest is known all the same', async () => {
    const facts = await lookWhere((argv) => argv.includes('du') || argv.includes('df'));
    expect(facts).toMatchObject({ reachable: true, data: { datastore: 'etcd' } });
    expect(facts.diskFree).toBeUndefined();
  });
});
