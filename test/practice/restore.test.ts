import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { snapshot, snapshotObjects } from '../../src/practice/data.js';
import { DB, Lab, MARKER, recorded } from './lab.js';

const SERVER = '/var/lib/rancher/k3s/server';
const SNAPSHOT = `${DB}/snapshots/practice-restore`;

/** The runbook's steps on the broken default cluster up to a running primary. */
async function restorePrimary(lab: Lab): Promise<void> {
  await lab.stopServers();
  await lab.put('node-1', SNAPSHOT, snapshot('s2'));
  const reset = await lab.run('node-1', `k3s server --cluster-reset --cluster-reset-restore-path=${SNAPSHOT}`);
  if (reset.code !== 0 || !reset.stderr.includes(MARKER)) throw new Error(reset.stderr);
  await lab.run('node-1', 'systemctl start k3s');
}

async function rejoin(lab: Lab, name: string): Promise<void> {
  await lab.run(name, `mv -T ${DB}/etcd ${DB}/etcd.aside`);
  const { code, stderr } = await lab.run(name, 'systemctl start k3s');
  if (code !== 0) throw new Error(stderr);
}

describe('real bytes decide', () => {
  it('another cluster’s snapshot restores, and brings that cluster’s CA', async () => {
    const lab = new Lab();
    await lab.stopServers();
    await lab.put('node-1', SNAPSHOT, snapshot('foreign'));
    const ca = await lab.out('node-1', `sha256sum ${SERVER}/tls/server-ca.crt`);
    expect(ca).toMatch(/^f845686c/);
    expect(
      (await lab.run('node-1', `k3s server --cluster-reset --cluster-reset-restore-path=${SNAPSHOT}`)).stderr,
    ).toContain(MARKER);
    expect(await lab.out('node-1', `sha256sum ${SERVER}/tls/server-ca.crt`)).not.toBe(ca);
  });

  it('two tries within a second of a clock that runs faster than real move the database aside twice', async () => {
    const lab = new Lab();
    await lab.stopServers();
    await lab.put('node-1', SNAPSHOT, snapshot('s1'));
    const second = Math.floor(lab.clock.now() / 1000);
    const taken = Array.from({ length: 4 }, (_, at) => `${DB}/etcd-old-${second + at}`);
    await lab.out('node-1', `mkdir ${taken.join(' ')}`);
    expect(
      (await lab.run('node-1', `k3s server --cluster-reset --cluster-reset-restore-path=${SNAPSHOT}`)).stderr,
    ).toContain(MARKER);
    expect((await lab.out('node-1', `ls -1 ${DB}`)).match(/etcd-old-/g)).toHaveLength(5);
  });

  it('the CA inside the recorded snapshots is the recorded CA', async () => {
    const lab = new Lab();
    await restorePrimary(lab);
    expect(await lab.out('node-1', `sha256sum ${SERVER}/tls/server-ca.crt`)).toMatch(
      /^f845686cf1a90b233a5e496753d5fcde92ecd2f610d2acfdbfbf3a49a33ce0cf /,
    );
    expect(await lab.out('node-1', 'curl -sk -m 5 https://127.0.0.1:6443/cacerts')).toBe(
      await lab.out('node-1', `cat ${SERVER}/tls/server-ca.crt`),
    );
  });
});

describe('a full restore by hand', () => {
  it('brings three voters and every Node back; node-5, which joined after the backup, comes by itself', async () => {
    const lab = new Lab();
    await lab.clock.advance(20_000);
    expect(await lab.unit('node-1')).toMatch(/^activating /);
    expect((await lab.run('node-1', 'k3s kubectl get nodes')).code).toBe(1);
    const before = lab.clock.mono();
    await restorePrimary(lab);
    expect(await lab.members('node-1')).toHaveLength(1);
    await rejoin(lab, 'node-2');
    await rejoin(lab, 'node-3');
    const members = await lab.members('node-3');
    expect(members.map((member) => member.name?.slice(0, 6)).sort()).toEqual(['node-1', 'node-2', 'node-3']);
    expect(members.every((member) => member.isLearner === undefined)).toBe(true);
    expect(members.some((member) => BigInt(member.ID) > 2n ** 53n)).toBe(true);
    // 57 s of waiting in the recordings: reset 6.6, primary 5.6, node-2 28.7, node-3 12 to 22.
    expect(lab.clock.mono() - before).toBeGreaterThan(40_000);
    expect(lab.clock.mono() - before).toBeLessThan(75_000);
    await lab.clock.advance(30_000);
    const nodes = JSON.parse(await lab.out('node-1', 'k3s kubectl get nodes -o json')) as {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
    };
    expect(nodes.items.map((node) => node.metadata.name)).toEqual(['node-1', 'node-2', 'node-3', 'node-4', 'node-5']);
    const state = (node: (typeof nodes.items)[number], type: string): string | undefined =>
      node.status.conditions.find((one) => one.type === type)?.status;
    for (const node of nodes.items) expect(state(node, 'Ready')).toBe('True');
    for (const node of nodes.items.slice(0, 3)) expect(state(node, 'EtcdIsVoter')).toBe('True');
    const namespaces = (await lab.out('node-1', 'k3s kubectl get ns -o name'))
      .trim()
      .split('\n')
      .map((line) => line.slice('namespace/'.length));
    expect(namespaces).toEqual(
      snapshotObjects('s2')
        .filter((line) => line.startsWith('namespaces '))
        .map((line) => line.slice('namespaces /'.length)),
    );
    await lab.run(
      'node-1',
      'k3s kubectl run proof --image=busybox:1.36 --restart=Never --command -- sh -c "echo practice-ok"',
    );
    expect(
      (await lab.run('node-1', "k3s kubectl wait pod/proof --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s"))
        .code,
    ).toBe(0);
    expect(await lab.out('node-1', 'k3s kubectl logs proof')).toBe('practice-ok\n');
    expect((await lab.run('node-1', 'k3s kubectl delete pod proof')).code).toBe(0);
  });

  it('starts the primary in the steps of the recorded poll (c-full-restore/05)', async () => {
    const lab = new Lab();
    await lab.stopServers();
    await lab.put('node-1', SNAPSHOT, snapshot('s2'));
    await lab.run('node-1', `k3s server --cluster-reset --cluster-reset-restore-path=${SNAPSHOT}`);
    await lab.run('node-1', 'systemctl start --no-block k3s');
    const steps: string[] = [];
    for (let i = 0; i < 90; i++) {
      await lab.clock.advance(100);
      const health = (
        await lab.run('node-1', "curl -s -m 2 -o /dev/null -w '%{http_code}' http://127.0.0.1:2381/health")
      ).stdout;
      const ping = (await lab.run('node-1', "curl -sk -m 2 -o /dev/null -w '%{http_code}' https://127.0.0.1:6443/ping"))
        .stdout;
      const flag = (await lab.run('node-1', `test -e ${DB}/reset-flag`)).code === 0 ? 'yes' : 'no';
      const step = `${await lab.unit('node-1')} health=${health} ping=${ping} flag=${flag}`;
      if (steps.at(-1) !== step) steps.push(step);
    }
    expect(steps[0]).toContain('activating');
    const order = ['ping=200', 'health=200', 'active running', 'flag=no'].map((what) =>
      steps.findIndex((step) => step.includes(what) && !(what === 'active running' && step.startsWith('activating'))),
    );
    expect(order.every((index) => index >= 0)).toBe(true);
    expect([...order].sort((a, b) => a - b)).toEqual(order);
    // The unit is active before the flag goes (R16), in the model and in the recording.
    expect(steps.some((step) => step.startsWith('active running') && step.endsWith('flag=yes'))).toBe(true);
    expect(recorded('c-full-restore/05-start-node-1-poll.out')).toMatch(/active running .*reset-flag=yes/);
  });

  it('lets node-3 start as soon as node-2 is a voter; never two learners (R54)', async () => {
    const lab = new Lab();
    await restorePrimary(lab);
    for (const name of ['node-2', 'node-3']) await lab.run(name, `mv -T ${DB}/etcd ${DB}/etcd.aside`);
    await lab.run('node-2', 'systemctl start --no-block k3s');
    let learners = 0;
    let started = false;
    for (let i = 0; i < 600 && (await lab.unit('node-3')) !== 'active running'; i++) {
      await lab.clock.advance(100);
      const members = await lab.members('node-1');
      learners = Math.max(learners, members.filter((member) => member.isLearner).length);
      if (
        !started &&
        members.filter((member) => member.isLearner === undefined && member.name?.startsWith('node-2')).length === 1
      ) {
        started = true;
        await lab.run('node-3', 'systemctl start --no-block k3s');
      }
    }
    expect(started).toBe(true);
    expect(learners).toBe(1);
    expect(await lab.unit('node-3')).toBe('active running');
    await lab.clock.advance(20_000);
    expect(await lab.unit('node-2')).toBe('active running');
  });

  it('keeps what the lists and conditions lag behind: peers Ready although off, then not (R18)', async () => {
    const lab = new Lab();
    await restorePrimary(lab);
    const line = async (): Promise<string> =>
      (await lab.out('node-1', 'k3s kubectl get nodes --no-headers')).split('\n')[1] ?? '';
    expect(await line()).toMatch(/^node-2 +Ready/);
    await lab.clock.advance(70_000);
    expect(await line()).toMatch(/^node-2 +NotReady/);
  });
});

describe('what goes wrong as the real one did', () => {
  it('two unwiped peers form the old cluster again beside the restored one (R23)', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    await restorePrimary(lab);
    for (const name of ['node-2', 'node-3']) await lab.run(name, 'systemctl start --no-block k3s');
    await lab.clock.advance(60_000);
    for (const name of ['node-1', 'node-2', 'node-3']) expect(await lab.unit(name)).toBe('active running');
    expect(await lab.members('node-1')).toHaveLength(1);
    expect(await lab.members('node-2')).toHaveLength(3);
    expect(await lab.out('node-2', 'journalctl -u k3s -o cat --no-pager')).toContain(
      'request sent was ignored by remote peer due to cluster ID mismatch',
    );
  });

  it('after a reset without restore an unwiped peer is told it was removed and stays activating (R22)', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    const ids = (await lab.members('node-1')).map((member) => member.ID);
    await lab.stopServers();
    expect((await lab.run('node-1', 'k3s server --cluster-reset')).stderr).toContain(MARKER);
    await lab.run('node-1', 'systemctl start k3s');
    expect(ids).toContain((await lab.members('node-1'))[0]?.ID);
    await lab.run('node-2', 'systemctl start --no-block k3s');
    await lab.clock.advance(60_000);
    expect(await lab.out('node-2', 'systemctl show k3s -p ActiveState,SubState,NRestarts')).toBe(
      'NRestarts=0\nActiveState=activating\nSubState=start\n',
    );
    expect(await lab.out('node-2', 'curl -s -m 5 http://127.0.0.1:2381/health')).toContain('RAFT NO LEADER');
    expect(await lab.out('node-2', 'journalctl -u k3s -o cat --no-pager')).toContain(
      'the member has been permanently removed from the cluster',
    );
  });

  it('a wiped server without server: makes a new empty cluster alone, and dies of its living peers (R19)', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    await lab.run('node-1', 'systemctl stop k3s');
    await lab.run('node-1', `mv -T ${DB}/etcd ${DB}/aside`);
    await lab.run('node-1', 'systemctl start --no-block k3s');
    await lab.clock.advance(4_000);
    expect(await lab.out('node-1', 'journalctl -u k3s -o cat --no-pager')).toMatch(/tocommit\(\d+\) is out of range/);
    await lab.run('node-1', 'systemctl stop k3s');
    await lab.run('node-1', `rm -rf ${DB}/etcd`);
    for (const name of ['node-2', 'node-3']) await lab.run(name, 'systemctl stop k3s');
    expect((await lab.run('node-1', 'systemctl start k3s')).code).toBe(0);
    expect((await lab.out('node-1', 'k3s kubectl get ns -o name')).trim().split('\n')).toHaveLength(4);
  });

  it('quorum lost: active for a minute, then the end of K3s, then activating for good (R33)', async () => {
    const lab = new Lab({ faults: ['lost-quorum'] });
    const health = "curl -s -m 5 -o /dev/null -w '%{http_code}' http://127.0.0.1:2381/health";
    await lab.clock.advance(3_000);
    expect((await lab.run('node-1', health)).stdout).toBe('200');
    await lab.clock.advance(10_000);
    expect((await lab.run('node-1', health)).stdout).toBe('503');
    expect((await lab.run('node-1', 'curl -s -m 8 http://127.0.0.1:2381/readyz')).code).toBe(28);
    const ask = await lab.run('node-1', 'k3s kubectl get nodes --request-timeout=5s');
    expect(ask.stderr).toBe('Unable to connect to the server: context deadline exceeded\n');
    await lab.clock.advance(60_000);
    expect(await lab.out('node-1', 'journalctl -u k3s -o cat --no-pager')).toContain('leaderelection lost for k3s');
    expect(await lab.out('node-1', 'systemctl show k3s -p ActiveState,SubState,NRestarts')).toBe(
      'NRestarts=1\nActiveState=activating\nSubState=start\n',
    );
    const blocked = await lab.run('node-1', 'timeout 15 systemctl start k3s');
    expect(blocked.code).toBe(124);
  });

  it('a duplicate node name: exit 0 before READY is `protocol`, healed by deleting the Node (R35)', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    await lab.run('node-3', 'systemctl stop k3s');
    await lab.run('node-3', `mv -T ${DB}/etcd ${DB}/aside`);
    await lab.run('node-3', 'systemctl start --no-block k3s');
    await lab.clock.advance(9_000);
    expect(await lab.out('node-3', 'journalctl -u k3s -o cat --no-pager')).toContain(
      "k3s.service: Failed with result 'protocol'.",
    );
    await lab.run('node-1', 'k3s kubectl delete node node-3');
    await lab.clock.advance(40_000);
    expect(await lab.unit('node-3')).toBe('active running');
  });
});

describe('the reset as a unit of its own', () => {
  const script = `mkdir "$1" || exit 73
{ /usr/local/bin/k3s server --cluster-reset --cluster-reset-restore-path="$2"; echo $? > "$1/code"; } 2>&1 | tee "$1/out"
grep -q '${MARKER}' "$1/out" && echo marker >> "$1/receipt"
exit "$(cat "$1/code")"
`;
  async function begin(lab: Lab): Promise<void> {
    await lab.stopServers();
    await lab.put('node-1', SNAPSHOT, snapshot('s2'));
    await lab.put('node-1', '/var/tmp/wrap.sh', script);
    const started = await lab.run(
      'node-1',
      `systemd-run --unit=blackstart-reset -p RemainAfterExit=yes /bin/sh /var/tmp/wrap.sh /var/lib/attempt ${SNAPSHOT}`,
    );
    expect(started).toMatchObject({ code: 0, stdout: '', stderr: 'Running as unit: blackstart-reset.service\n' });
  }

  it('writes its lines to the journal while it runs, each once, and leaves a receipt', async () => {
    const lab = new Lab();
    await begin(lab);
    await lab.clock.advance(3000);
    const show = 'systemctl show blackstart-reset -p ActiveState,SubState,Result,ExecMainCode,ExecMainStatus';
    expect(await lab.out('node-1', show)).toBe(
      'Result=success\nExecMainCode=0\nExecMainStatus=0\nActiveState=active\nSubState=running\n',
    );
    expect(await lab.out('node-1', 'journalctl -u blackstart-reset -o cat --no-pager')).toContain(
      'Pre-restore etcd database moved to',
    );
    expect(await lab.out('node-1', 'ps -eo pid=,ppid=,user=,args=')).toContain('/usr/local/bin/k3s server');
    await lab.clock.advance(6000);
    expect(await lab.out('node-1', show)).toBe(
      'Result=success\nExecMainCode=1\nExecMainStatus=0\nActiveState=active\nSubState=exited\n',
    );
    expect(await lab.out('node-1', 'cat /var/lib/attempt/receipt')).toBe('marker\n');
    const journal = await lab.out('node-1', 'journalctl -u blackstart-reset -o cat --no-pager');
    expect(journal.split(MARKER)).toHaveLength(2);
    const again = await lab.run('node-1', 'systemd-run --unit=blackstart-reset true');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('was already loaded or has a fragment file');
    await lab.run('node-1', 'systemctl stop blackstart-reset');
    expect(await lab.out('node-1', 'systemctl show blackstart-reset -p LoadState,ActiveState')).toBe(
      'LoadState=not-found\nActiveState=inactive\n',
    );
  });

  it('outlives the connection; run without a unit it does not (R42)', async () => {
    const lab = new Lab();
    await lab.stopServers();
    await lab.put('node-1', SNAPSHOT, snapshot('s2'));
    const dropped = new AbortController();
    const running = lab.cluster
      .node('node-1')
      .exec(`k3s server --cluster-reset --cluster-reset-restore-path=${SNAPSHOT}`, { signal: dropped.signal });
    await lab.clock.advance(3000);
    dropped.abort(new Error('connection closed'));
    expect((await running).code).not.toBe(0);
    expect(await lab.out('node-1', 'ps -eo args=')).not.toContain('k3s server');
    expect(await lab.out('node-1', `ls -1 ${DB}`)).toContain('reset-flag');
  });

  it('is stopped by systemctl stop: no receipt, flag left', async () => {
    const lab = new Lab();
    await begin(lab);
    await lab.clock.advance(3000);
    await lab.run('node-1', 'systemctl stop blackstart-reset');
    expect((await lab.run('node-1', 'test -e /var/lib/attempt/receipt')).code).toBe(1);
    expect((await lab.run('node-1', `test -e ${DB}/reset-flag`)).code).toBe(0);
    expect(await lab.out('node-1', 'ps -eo args=')).not.toContain('k3s server');
  });

  it('passes dollars and an environment file through as systemd does', async () => {
    const lab = new Lab();
    await lab.put('node-1', '/run/secret.env', "WORD='a b'\nONE=1\n");
    await lab.run(
      'node-1',
      "systemd-run --unit=x -p EnvironmentFile=/run/secret.env -p RemainAfterExit=yes /bin/sh -c 'echo $$WORD $$ONE > /tmp/x'",
    );
    await lab.clock.advance(100);
    expect(await lab.out('node-1', 'cat /tmp/x')).toBe('a b 1\n');
    const missing = await lab.run('node-1', 'systemd-run --unit=y /no/such/program');
    expect(missing.code).toBe(1);
  });
});

describe('a cluster can be copied', () => {
  it('with K3s processes and timers: both go on by themselves', async () => {
    const lab = new Lab();
    await lab.stopServers();
    await lab.put('node-1', SNAPSHOT, snapshot('s2'));
    await lab.run(
      'node-1',
      `systemd-run --unit=reset -p RemainAfterExit=yes /usr/local/bin/k3s server --cluster-reset --cluster-reset-restore-path=${SNAPSHOT}`,
    );
    await lab.clock.advance(3000);
    const clock = new VirtualClock(lab.clock.now());
    const copy = new Lab({}, { clock, cluster: lab.cluster.fork(clock) });
    await lab.run('node-1', 'systemctl kill -s KILL reset');
    await copy.clock.advance(8000);
    await lab.clock.advance(8000);
    expect(await lab.unit('node-1', 'reset')).toBe('failed failed');
    expect(await copy.unit('node-1', 'reset')).toBe('active exited');
    expect(await copy.out('node-1', 'journalctl -u reset -o cat --no-pager')).toContain(MARKER);
    expect((await copy.run('node-1', 'systemctl start k3s')).code).toBe(0);
    expect(await lab.unit('node-1')).toBe('inactive dead');
  });

  it('observing changes no byte', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    const node = lab.cluster.node('node-1');
    const before = node.fingerprint();
    for (const command of [
      'systemctl show k3s',
      'systemctl cat k3s',
      'ss -H -ltnp',
      'ps -eo pid=,args=',
      'k3s kubectl get nodes -o json',
      'journalctl -u k3s -n 20 --no-pager',
      `ls -la ${SERVER}`,
      `sha256sum ${SERVER}/token`,
      `find ${DB} -printf '%p %s\\n'`,
      'df -B1 --output=source,size,avail,target',
      'cat /etc/rancher/k3s/config.yaml',
      "sh -c 'grep token /etc/rancher/k3s/config.yaml | wc -l'",
    ])
      await lab.out('node-1', command);
    expect(node.fingerprint()).toEqual(before);
    await lab.run('node-1', 'touch /tmp/x');
    expect(node.fingerprint()).not.toEqual(before);
  });
});
