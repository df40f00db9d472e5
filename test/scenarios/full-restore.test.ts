import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { restoreSummary } from '../../src/incident/summary.js';
import { k3sPaths } from '../../src/k3s/paths.js';
import type { FaultName } from '../../src/practice/faults.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig, type RigOptions } from '../support/rig.js';

const SERVERS = ['node-1', 'node-2', 'node-3'];
const SERVER_DIR = '/var/lib/rancher/k3s/server';
const { holdFile: HOLD, holdDropIn: DROP_IN } = k3sPaths('/var/lib/rancher/k3s', 'k3s');

let rig: Rig;
beforeAll(async () => void (await provenSnapshot()));
afterEach(async () => rig.close());

async function begun(faults: readonly FaultName[] = [], more: RigOptions = {}): Promise<Rig> {
  rig = await Rig.start({ ...more, faults });
  await rig.choose();
  return rig;
}

const cell = (step: string, host: string) => rig.runner.state.cells[`${step}@${host}`];
const out = async (node: string, command: string): Promise<string> => (await rig.run(node, command)).stdout;
const sentTo = (program: string): string[] =>
  rig.practice.sent.filter((one) => one.argv[0] === program).map((one) => `${one.host} ${one.argv.join(' ')}`);

async function members(node = 'node-1'): Promise<{ name: string; isLearner?: boolean }[]> {
  const said = await out(node, 'curl -s -k https://127.0.0.1:6443/db/info');
  return (JSON.parse(said) as { members: { name: string; isLearner?: boolean }[] }).members;
}

/** Content of everything a reset or an undo may touch, times left out: `path -> hash`. */
function kept(node: string, roots: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [path, print] of rig.cluster.node(node).fingerprint()) {
    if (roots.some((root) => path === root || path.startsWith(`${root}/`)))
      found[path] = print.replace(/^(\w+ \w+ \w+) [\d.]+/, '$1');
  }
  return found;
}

async function recovers(voters: number): Promise<void> {
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.attention).toEqual({ kind: 'none' });
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  expect((await members()).filter((member) => member.isLearner !== true)).toHaveLength(voters);
}

describe('a full restore', () => {
  test('brings the damaged cluster back: three voters, every node Ready, nothing of ours left but what is listed', async () => {
    await begun();
    await recovers(3);
    const nodes = JSON.parse(await out('node-1', 'k3s kubectl get nodes -o json')) as {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
    };
    const ready = nodes.items.filter((node) =>
      node.status.conditions.some((one) => one.type === 'Ready' && one.status === 'True'),
    );
    expect(ready.map((node) => node.metadata.name).sort()).toEqual(expect.arrayContaining([...SERVERS, 'node-4']));
    for (const node of SERVERS) {
      expect((await rig.run(node, `test -e ${HOLD}`)).code).toBe(1);
      expect((await rig.run(node, `test -e ${DROP_IN}`)).code).toBe(1);
      expect(await out(node, 'ls -1 /etc/rancher/k3s/config.yaml.d')).toBe('lab.yaml\n');
      expect(await out(node, 'ls -1 /run')).not.toContain('blackstart');
    }
    const { left, tolerance } = restoreSummary(rig.runner.state);
    expect(tolerance).toBe('3 of 3 servers vote: tolerates 1 failure');
    expect(left.join('\n')).toMatch(/etcd-old-\d+/);
    expect(left.join('\n')).toContain('etcd.pre-rejoin-');
  });

  test('the gate behind which the others join is closed where the restored server died meanwhile', async () => {
    await begun();
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate' && rig.runner.attention.gate === 'release');
    await rig.run('node-1', 'systemctl kill --signal=KILL k3s');
    const gate = await rig.runner.openGate();
    expect(gate.facts.filter(({ ok }) => !ok)).toMatchObject([
      { host: 'node-1', title: 'the server they join is healthy', text: expect.stringContaining('API not ready') },
    ]);
    expect(await rig.runner.confirmGate(gate.typed)).toBe('blocked');
    expect(cell('aside', 'node-2')?.sent ?? []).toEqual([]);
  });

  test('runs the reset once, as a unit, and no token is in any argument list or in the record', async () => {
    await begun();
    await recovers(3);
    const resets = sentTo('systemd-run').filter((line) => line.includes('--cluster-reset'));
    expect(resets).toHaveLength(1);
    expect(JSON.stringify(rig.practice.sent)).not.toContain(TOKEN);
    expect(JSON.stringify(rig.events)).not.toContain(TOKEN);
    // A login shell that is csh would refuse them.
    expect(rig.practice.sent.flatMap(({ argv }) => argv).filter((word) => word.includes('\n'))).toEqual([]);
  });

  test('peers follow one by one, each as soon as the one before votes', async () => {
    await begun();
    await recovers(3);
    const at = (step: string, host: string): number => cell(step, host)?.begunAt ?? 0;
    const ended = (step: string, host: string): number => cell(step, host)?.endedAt ?? Number.POSITIVE_INFINITY;
    expect(at('rejoin', 'node-3')).toBeGreaterThanOrEqual(ended('voter', 'node-2'));
    expect(at('rejoin', 'node-3')).toBeLessThan(cell('peer-ready', 'node-2')?.endedAt ?? 0);
    for (const peer of ['node-2', 'node-3'])
      expect(at('aside', peer)).toBeGreaterThanOrEqual(ended('verify-primary', 'node-1'));
    // The agents wait for every server's place in etcd, not for its Node.
    expect(at('restart-agents', 'node-4')).toBeGreaterThanOrEqual(ended('voter', 'node-3'));
    expect(at('restart-agents', 'node-4')).toBeLessThan(cell('peer-ready', 'node-3')?.endedAt ?? 0);
    expect(at('verify-nodes', 'node-1')).toBeGreaterThanOrEqual(ended('restart-agents', 'node-4'));
  });

  test('the snapshot is brought while the servers are saved, and the reset waits for both', async () => {
    await begun();
    await recovers(3);
    expect(cell('deliver', 'node-1')?.begunAt).toBeLessThan(cell('save', 'node-2')?.endedAt ?? 0);
    const over = ['node-1', 'node-2', 'node-3'].map((host) => cell('save', host)?.endedAt ?? Number.NaN);
    expect(cell('reset', 'node-1')?.begunAt).toBeGreaterThanOrEqual(
      Math.max(...over, cell('deliver', 'node-1')?.endedAt ?? 0),
    );
  });

  test('five gates, each shown once, whatever has to be done', async () => {
    await begun();
    await recovers(3);
    const shown = rig.events.filter((event) => event.type === 'gate-shown').map((event) => event.gate);
    expect(shown).toEqual(['stop', 'reset', 'start', 'release', 'cleanup']);
  });

  test('a dead server is attested off: it ends with two voters and says so', async () => {
    await begun(['dead-server']);
    expect(() => rig.runner.begin()).toThrow(/node-3 does not answer/);
    rig.runner.attest('node-3', 'the machine room says it has no power', 'off');
    await recovers(2);
    const { left, tolerance } = restoreSummary(rig.runner.state);
    expect(tolerance).toBe('2 of 3 servers vote: recovered, tolerates no failure');
    expect(left.join('\n')).toContain('server node-3 was left out: keep it off, then add it as a fresh server');
    expect(rig.practice.sent.some((one) => one.host === 'node-3' && one.argv[0] === 'mv')).toBe(false);
  });

  test.each(['server-url-in-env', 'earlier-attempt', 'slow-start', 'slow-disk', 'hung-server'] as const)(
    'recovers with %s',
    async (fault) => {
      await begun([fault]);
      if (fault === 'hung-server') rig.runner.attest('node-3', 'its console hangs', 'left-out');
      await recovers(fault === 'hung-server' ? 2 : 3);
    },
  );

  test('K3s in another data directory is found by its own configuration', async () => {
    await begun(['custom-data-dir']);
    await recovers(3);
    expect(await out('node-1', 'ls -1 /data/k3s/server/db')).toMatch(/^etcd-old-\d+$/m);
    expect((await rig.run('node-1', 'ls /var/lib/rancher')).code).not.toBe(0);
  });

  test('a server that named another one in its environment is reset without that, and keeps its file', async () => {
    await begun(['server-url-in-env']);
    const before = kept('node-1', ['/etc/systemd/system/k3s.service.env']);
    // The server that names none is the better primary; this one is asked for.
    rig.runner.choose('primary', 'node-1');
    await recovers(3);
    expect(kept('node-1', ['/etc/systemd/system/k3s.service.env'])).toEqual(before);
  });

  test('the hold stops who starts a peer before its turn', async () => {
    await begun(['peer-starts-early']);
    rig.runner.begin();
    const { runner } = rig;
    await rig.play(() => runner.attention.kind === 'gate' && runner.attention.gate === 'reset');
    // A person reads the gate for a while; meanwhile somebody else tries to start K3s.
    await rig.wait(50_000);
    expect(await out('node-2', 'systemctl show k3s -p ActiveState --value')).toBe('inactive\n');
    const journal = await out('node-2', 'journalctl -u k3s -o cat');
    expect(journal.includes('Starting requested but asserts failed.')).toBe(true);
    await recovers(3);
    expect(cell('aside', 'node-2')?.evidence.join()).toContain('etcd.pre-rejoin-');
  });

  test('says by name what it throws away, at the reset gate and in the report', async () => {
    await begun();
    const { runner } = rig;
    runner.begin();
    await rig.play(() => runner.attention.kind === 'gate' && runner.attention.gate === 'reset');
    const gate = await runner.openGate();
    expect(gate.loses).toContain('2 objects made since are gone, 1 go back to older content');
    expect(gate.losses).toEqual([
      'gone: 2 deployments.apps',
      '· deployments.apps shop/web',
      '· deployments.apps shop/cart',
      'back to older content: 1 secrets',
      '· secrets shop/key',
      'the same cluster: kube-system has one UID in the backup and on node-2',
      'not listed: 7 Events and Leases',
      'node-1: its data is damaged and was not compared',
    ]);
    runner.cancelGate();
    await recovers(3);
    expect(restoreSummary(runner.state).lost.join('\n')).toContain('· deployments.apps shop/web');
  });
});

describe('what cannot be restored is refused before anything changes', () => {
  async function untouched(act: () => Promise<void>): Promise<void> {
    const prints = () => SERVERS.map((node) => kept(node, [SERVER_DIR, '/etc']));
    const before = prints();
    await act();
    expect(prints()).toEqual(before);
  }

  test.each([
    ['sqlite', /node-1 uses SQLite/],
    ['openrc', /node-1 does not run systemd/],
  ] as const)('%s', async (fault, why) => {
    await begun([fault]);
    await untouched(async () => expect(() => rig.runner.begin()).toThrow(why));
  });

  test.each([
    ['db-mount-point', /is a mount point/],
    ['disk-full', /60 MB free .* needed/],
  ] as const)('%s closes the first gate', async (fault, why) => {
    await begun([fault]);
    await untouched(async () => {
      rig.runner.begin();
      await rig.play();
      const { attention } = rig.runner;
      expect(attention).toMatchObject({ kind: 'gate', gate: 'stop' });
      const wrong = attention.kind === 'gate' ? attention.open?.facts.filter((fact) => !fact.ok) : [];
      expect(wrong?.map((fact) => fact.text).join()).toMatch(why);
    });
  });

  test('an older K3s than the snapshot’s, unless its version is typed at both gates', async () => {
    await begun(['older-k3s']);
    const { runner } = rig;
    expect(cell('fetch', 'here')?.status).toBe('done');
    for (const gate of ['stop', 'reset']) {
      if (gate === 'stop') runner.begin();
      await rig.play(() => runner.attention.kind === 'gate' && runner.attention.gate === gate);
      const open = await runner.openGate();
      expect(open).toMatchObject({
        typed: 'v1.32.1+k3s1',
        loses: expect.stringContaining('is OLDER than the snapshot'),
      });
      expect(await runner.confirmGate(undefined)).toBe('mistyped');
      expect(await runner.confirmGate('node-1')).toBe('mistyped');
      runner.cancelGate();
    }
    await recovers(3);
    const shown = rig.events.filter((event) => event.type === 'gate-shown' && event.gate === 'reset');
    expect(shown.at(-1)).toMatchObject({ typed: 'v1.32.1+k3s1' });
    expect(shown.flatMap((event) => (event.type === 'gate-shown' ? event.facts : [])).join()).toContain('OLDER');
  });

  test('a fresh server is given the K3s of the restored one before it joins', async () => {
    await begun(['not-installed']);
    await recovers(3);
    expect(cell('install', 'node-2')?.status).toBe('done');
    expect(cell('install', 'node-3')).toBeUndefined();
    expect(await out('node-2', 'cat /etc/rancher/k3s/config.yaml')).toContain('server: https://10.77.0.11:6443');
    expect(await out('node-2', 'systemctl is-enabled k3s')).toBe('enabled\n');
  });

  test('a server without K3s can be left out', async () => {
    await begun(['not-installed']);
    rig.runner.attest('node-2', 'it was never installed there', 'left-out');
    await recovers(2);
  });
});

test('a peer that would start with another token closes the release gate (R25)', async () => {
  await begun();
  await rig.run('node-2', `sed -i 's/${TOKEN}/another-token-9/' /etc/rancher/k3s/config.yaml`);
  rig.runner.begin();
  await rig.play();
  const { attention } = rig.runner;
  expect(attention).toMatchObject({ kind: 'gate', gate: 'release' });
  const wrong = attention.kind === 'gate' ? attention.open?.facts.filter((fact) => !fact.ok) : [];
  expect(wrong).toMatchObject([{ host: 'node-2', text: expect.stringContaining('it would start with token') }]);
  expect(cell('aside', 'node-2')?.sent ?? []).toEqual([]);
  // Put right by hand, the same gate opens.
  await rig.run('node-2', `sed -i 's/another-token-9/${TOKEN}/' /etc/rancher/k3s/config.yaml`);
  await rig.wait(10_000);
  await rig.play();
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
});

describe('a reset that fails', () => {
  async function failed(faults: readonly FaultName[] = []): Promise<Record<string, string>> {
    await begun(['reset-fails-once', ...faults]);
    const before = kept('node-1', roots);
    rig.runner.begin();
    await rig.play();
    expect(rig.runner.attention).toMatchObject({ kind: 'trouble', step: 'reset', host: 'node-1', why: 'failed' });
    return before;
  }
  const roots = ['db/etcd', 'token', 'cred', 'tls', 'db/reset-flag'].map((name) => `${SERVER_DIR}/${name}`);

  test('says why, what it left and what can be done; nothing is started meanwhile', async () => {
    await failed();
    const trouble = cell('reset', 'node-1')?.trouble;
    expect(trouble?.what).toMatch(/ended with 137/);
    expect(trouble?.left).toMatch(/the old database is in .*etcd-old-\d+.*stays stopped and held/);
    expect(trouble?.next).toMatch(/Undo .* retry/);
    await rig.wait(60_000);
    for (const node of SERVERS) {
      expect(await out(node, 'systemctl show k3s -p ActiveState --value')).toBe('inactive\n');
      expect((await rig.run(node, `test -e ${HOLD}`)).code).toBe(0);
      expect((await rig.run(node, 'systemctl start k3s')).stderr).toContain('Assertion failed');
    }
  });

  test('can be tried again, behind its gate, and recovers', async () => {
    await failed();
    rig.runner.answer('reset', 'node-1', 'retry');
    const from = rig.events.length;
    await rig.play();
    expect(rig.runner.state.ended?.outcome).toBe('recovered');
    const gates = rig.events.slice(from).flatMap((event) => (event.type === 'gate-shown' ? [event.gate] : []));
    expect(gates[0]).toBe('reset');
    expect(sentTo('systemd-run').filter((line) => line.includes('--cluster-reset'))).toHaveLength(2);
  });

  test.each([[[]], [['earlier-attempt']], [['custom-data-dir']]] as [FaultName[]][])(
    'is undone: database, token, credentials and certificates are as before (%s)',
    async (faults) => {
      const moved = faults.includes('custom-data-dir');
      const own = moved ? roots.map((path) => path.replace('/var/lib/rancher', '/data')) : roots;
      let before = await failed(faults);
      if (moved) {
        await rig.close();
        await begun(['reset-fails-once', ...faults]);
        before = kept('node-1', own);
        rig.runner.begin();
        await rig.play();
      }
      expect(Object.keys(before).length).toBeGreaterThan(10);
      rig.runner.undo('it failed');
      await rig.play();
      expect(rig.runner.state.ended?.outcome).toBe('undone');
      expect(kept('node-1', own)).toEqual(before);
      for (const node of SERVERS) {
        for (const path of [HOLD, DROP_IN]) expect((await rig.run(node, `test -e ${path}`)).code).toBe(1);
        expect(await out(node, 'systemctl show k3s -p ActiveState --value')).toBe('activating\n');
      }
    },
  );
});
