import { describe, expect, it } from 'vitest';
import { DB, Lab, MARKER, recorded, recordedCommand } from './lab.js';

/** What the real one says because of other hosts, of polling, or of what else it finds on its disk. */
const CHANCE =
  /Sending HTTP|Handling backend|Polling for API|dynamiclistener|Active TLS|CN=k3s,O=k3s|failed to list etcd members|Failed to test etcd connection|load balancer k3s-agent|Shutdown request received"$|generated self-signed|signed by|Defragmenting|after defragment|Connected to etcd|Failed to check local etcd/;

/** The logrus lines of a run: level and text, with what differs between two real runs taken out. */
function keyLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('time=') && !CHANCE.test(line))
    .map((line) =>
      line
        .replace(/^time="[^"]*" /, '')
        .replace(/\[[\d ]{60,}\]/g, '[HASH]')
        .replace(/(etcd-old|etcd-backup|tls)-\d{10}/g, '$1-TIME'),
    );
}

type Prepare = (lab: Lab) => Promise<void> | void;
const newHost: Prepare = (lab) => {
  lab.cluster.node('node-1').files().remove('/var/lib/rancher/k3s/server', { recursive: true });
  const config = '/etc/rancher/k3s/config.yaml';
  const files = lab.cluster.node('node-1').files();
  files.write(config, files.text(config).replace(/^token:.*\n/m, ''));
};

const CASES: [string, Prepare?][] = [
  ['cluster-reset-without-restore'],
  ['wrong-token'],
  ['flipped-byte'],
  ['truncated'],
  ['no-trailer'],
  ['path-does-not-exist'],
  ['path-is-a-directory'],
  ['path-relative'],
  ['path-without-cluster-reset'],
  ['run-twice-no-restore-path', (lab) => lab.cluster.node('node-1').files().write(`${DB}/reset-flag`, '', 0o600)],
  ['run-twice-with-restore-path', (lab) => lab.cluster.node('node-1').files().write(`${DB}/reset-flag`, '', 0o600)],
  ['tombstone', (lab) => lab.cluster.node('node-1').files().write(`${DB}/etcd/tombstone`, '')],
  ['zip-restore'],
  ['newhost-no-token', newHost],
  ['newhost-token-file-only', newHost],
  ['newhost-full-token', newHost],
  ['newhost-malformed-token', newHost],
  ['newhost-token-is-a-path', newHost],
  ['sigterm-exit-code'],
  [
    'server-url-in-config',
    (lab) => {
      const files = lab.cluster.node('node-1').files();
      files.write(
        '/etc/rancher/k3s/config.yaml',
        `${files.text('/etc/rancher/k3s/config.yaml')}server: https://10.77.0.11:6443\n`,
      );
    },
  ],
];

async function stoppedLab(prepare?: Prepare): Promise<Lab> {
  const lab = new Lab({ faults: ['healthy'] });
  await lab.stopServers();
  lab.placeSnapshots();
  await prepare?.(lab);
  return lab;
}

describe('a reset by hand does what the recorded one did', () => {
  it.each(CASES)('%s', async (name, prepare) => {
    const lab = await stoppedLab(prepare);
    const { command, exit_code } = recordedCommand(`d-reset-failures/${name}.cmd`);
    const said = recorded(`d-reset-failures/${name}.err`);
    const { code, stderr, stdout } = await lab.run('node-1', command);
    expect(code).toBe(exit_code);
    expect(stdout).toBe('');
    expect(stderr.includes(MARKER)).toBe(said.includes(MARKER));
    expect(keyLines(stderr)).toEqual(keyLines(said));
  });

  it('the good one, with every line of it (c-full-restore/03)', async () => {
    const lab = await stoppedLab();
    const command = `k3s server --cluster-reset --cluster-reset-restore-path=${DB}/snapshots/on-demand-node-1-1795342536`;
    const before = lab.clock.mono();
    const { code, stderr } = await lab.run('node-1', command);
    expect(code).toBe(0);
    const said = recorded('c-full-restore/03-reset-by-hand-node-1.err');
    expect(keyLines(stderr)).toEqual(keyLines(said));
    expect(stderr.trim().split('\n')).toHaveLength(said.trim().split('\n').length);
    // Ids of the restored member and cluster are those of the recording: they come from the peer URL (R20).
    expect(stderr).toContain('"added-peer-id":"47ff0165cf69a92c"');
    expect(stderr).toContain('"cluster-id":"6a245074cb98f6c9"');
    // 6.6 s in the recording.
    expect(lab.clock.mono() - before).toBeGreaterThan(6000);
    expect(lab.clock.mono() - before).toBeLessThan(7200);
  });

  it('with K3s still running: refused, the running cluster unharmed (R11)', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    const { command, exit_code } = recordedCommand('d-reset-failures/k3s-still-running.cmd');
    const { code, stderr } = await lab.run('node-1', command);
    expect(code).toBe(exit_code);
    expect(stderr).toContain('listen tcp 127.0.0.1:6444: bind: address already in use');
    expect(await lab.unit('node-1')).toBe('active running');
    expect(await lab.members('node-1')).toHaveLength(3);
  });

  it('with the server URL in the environment', async () => {
    const lab = await stoppedLab();
    const { code, stderr } = await lab.run('node-1', 'env K3S_URL=https://10.77.0.11:6443 k3s server --cluster-reset');
    expect(code).toBe(1);
    expect(keyLines(stderr)).toEqual(keyLines(recorded('d-reset-failures/server-url-in-env.err')));
  });

  it('killed in the middle: no marker, flag and old database there, the same command then works', async () => {
    const lab = await stoppedLab();
    const restore = `k3s server --cluster-reset --cluster-reset-restore-path=${DB}/snapshots/on-demand-node-1-1795342536`;
    const { code, stderr } = await lab.run('node-1', `timeout --preserve-status -s KILL 3 ${restore}`);
    expect(code).toBe(137);
    expect(stderr).not.toContain(MARKER);
    expect(await lab.out('node-1', `ls -1 ${DB}`)).toMatch(/^etcd\netcd-old-\d+\nreset-flag\nsnapshots\n$/);
    expect((await lab.run('node-1', restore)).stderr).toContain(MARKER);
    expect((await lab.out('node-1', `ls -1 ${DB}`)).match(/etcd-old/g)).toHaveLength(2);
  });
});

describe('what a failed reset leaves behind', () => {
  const reset = (file: string, token = ''): string =>
    `k3s server ${token} --cluster-reset --cluster-reset-restore-path=${DB}/snapshots/${file}`;

  it('truncated: K3s then dies of SIGBUS every six seconds and never fails for good (R13, R44)', async () => {
    const lab = await stoppedLab();
    await lab.run('node-1', reset('truncated'));
    expect(await lab.out('node-1', `find ${DB}/etcd -type f -printf '%P %s\\n'`)).toBe('member/snap/db 1000100\n');
    await lab.run('node-1', 'systemctl start --no-block k3s');
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) {
      await lab.clock.advance(500);
      seen.add(await lab.unit('node-1'));
    }
    expect([...seen].sort()).toEqual(
      ['activating auto-restart', 'activating start', 'activating start-pre'].filter((state) => seen.has(state)),
    );
    expect(seen).toContain('activating auto-restart');
    const show = await lab.out('node-1', 'systemctl show k3s -p NRestarts,ExecMainStatus,Result');
    expect(show).toMatch(/NRestarts=[45]\n/);
    const journal = await lab.out('node-1', 'journalctl -u k3s -o cat --no-pager');
    expect(journal).toContain('signal SIGBUS: bus error');
    expect(journal).toContain('k3s.service: Main process exited, code=exited, status=2/INVALIDARGUMENT');
    expect(journal).toContain('k3s.service: Scheduled restart job, restart counter is at 4.');
  });

  it('flipped byte: K3s starts on the unverified data and hangs; moving the old database back heals it', async () => {
    const lab = await stoppedLab();
    await lab.run('node-1', reset('flipped'));
    await lab.run('node-1', 'systemctl start --no-block k3s');
    await lab.clock.advance(30_000);
    expect(await lab.unit('node-1')).toBe('activating start');
    expect(await lab.out('node-1', 'curl -s -m 5 http://127.0.0.1:2381/health')).toContain('"health":"true"');
    expect((await lab.run('node-1', 'k3s kubectl get nodes')).stderr).toContain(
      'the server is currently unable to handle the request',
    );
    await lab.run('node-1', 'systemctl stop k3s');
    await lab.run('node-1', `mv -T ${DB}/etcd ${DB}/etcd.failed`);
    const old = (await lab.out('node-1', `find ${DB} -maxdepth 1 -name 'etcd-old-*'`)).trim();
    await lab.run('node-1', `mv -T ${old} ${DB}/etcd`);
    for (const name of ['node-1', 'node-2', 'node-3']) await lab.run(name, 'systemctl start --no-block k3s');
    await lab.clock.advance(60_000);
    expect(await lab.unit('node-1')).toBe('active running');
    expect(await lab.members('node-1')).toHaveLength(3);
  });

  it('wrong token: token and passwd rewritten, plain start loops, the right token heals it (R12)', async () => {
    const lab = await stoppedLab();
    await lab.run('node-1', reset('on-demand-node-1-1795342536', '--token=not-the-right-token'));
    const files = lab.cluster.node('node-1').files();
    expect(files.text('/var/lib/rancher/k3s/server/token')).toBe(
      'K10f845686cf1a90b233a5e496753d5fcde92ecd2f610d2acfdbfbf3a49a33ce0cf::server:not-the-right-token\n',
    );
    expect(files.text('/var/lib/rancher/k3s/server/cred/passwd')).toContain(
      'not-the-right-token,server,server,k3s:server',
    );
    expect(await lab.out('node-1', 'ls -1 /var/lib/rancher/k3s/server')).not.toMatch(/tls-\d/);
    await lab.run('node-1', 'systemctl start --no-block k3s');
    await lab.clock.advance(20_000);
    expect(await lab.out('node-1', 'journalctl -u k3s -o cat --no-pager')).toContain(
      'newer than datastore and could cause a cluster outage',
    );
    expect(await lab.unit('node-1')).toBe('activating auto-restart');
    await lab.run('node-1', 'systemctl stop k3s');
    const right = await lab.run('node-1', reset('on-demand-node-1-1795342536', '--token=blackstart-lab-token-1'));
    expect(right.stderr).toContain(MARKER);
    expect((await lab.run('node-1', 'systemctl start k3s')).code).toBe(0);
    expect(files.text('/var/lib/rancher/k3s/server/cred/passwd')).toContain('blackstart-lab-token-1,server');
    expect((await lab.out('node-1', `ls -1 ${DB}`)).match(/etcd-old/g)).toHaveLength(2);
  });

  it('a full disk: the live database is moved already (R17)', async () => {
    const lab = await stoppedLab();
    const { disk } = lab.cluster.node('node-1').state;
    disk.total = disk.used + 72_000_000;
    const { code, stderr } = await lab.run('node-1', reset('on-demand-node-1-1795342536'));
    expect(code).toBe(1);
    expect(stderr).toContain('copy_file_range: no space left on device');
    expect(await lab.out('node-1', `ls -1 ${DB}`)).toMatch(/etcd-old-\d+\netcd-tmp\nreset-flag/);
  });

  it('cluster-reset left in the config: the unit does the reset, then loops on it', async () => {
    const lab = await stoppedLab();
    const files = lab.cluster.node('node-1').files();
    files.write('/etc/rancher/k3s/config.yaml', `${files.text('/etc/rancher/k3s/config.yaml')}cluster-reset: true\n`);
    await lab.run('node-1', 'systemctl start --no-block k3s');
    await lab.clock.advance(25_000);
    const journal = await lab.out('node-1', 'journalctl -u k3s -o cat --no-pager');
    expect(journal).toContain(MARKER);
    expect(journal).toContain('Started k3s.service - Lightweight Kubernetes.');
    expect(journal).toContain('Managed etcd cluster membership was previously reset');
  });
});

describe('systemd holds a server as recorded in n-hold (R53)', () => {
  it('start, restart and a reboot do not start it; lifting the hold does', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    await lab.run('node-2', 'systemctl stop k3s');
    await lab.run('node-2', 'mkdir -p /etc/systemd/system/k3s.service.d');
    await lab.run('node-2', 'touch /var/lib/rancher/k3s/server/blackstart-hold');
    await lab.put(
      'node-2',
      '/etc/systemd/system/k3s.service.d/zz-blackstart-hold.conf',
      '[Unit]\nAssertPathExists=!/var/lib/rancher/k3s/server/blackstart-hold\n',
    );
    await lab.run('node-2', 'systemctl daemon-reload');
    expect(await lab.out('node-2', 'systemctl is-enabled k3s')).toBe(recorded('n-hold/01-hold.out'));
    const start = await lab.run('node-2', 'systemctl start k3s');
    expect(start.code).toBe(1);
    expect(start.stderr).toBe(recorded('n-hold/02-start-by-hand.err'));
    const show = 'systemctl show k3s -p ActiveState,SubState,Result,AssertResult';
    expect(`rc=1\n${await lab.out('node-2', show)}`).toBe(recorded('n-hold/02-start-by-hand.out'));
    expect((await lab.run('node-2', 'systemctl restart --no-block k3s')).code).toBe(0);
    await lab.clock.advance(1000);
    expect(
      `${await lab.out('node-2', show)}${await lab.out('node-2', 'journalctl -u k3s -n 3 --no-pager -o cat')}`,
    ).toBe(recorded('n-hold/03-restart-no-block.out'));
    await lab.run('node-2', 'reboot');
    await lab.clock.advance(40_000);
    expect(await lab.out('node-2', show)).toBe(
      'Result=success\nActiveState=inactive\nSubState=dead\nAssertResult=no\n',
    );
    await lab.run(
      'node-2',
      'rm /var/lib/rancher/k3s/server/blackstart-hold /etc/systemd/system/k3s.service.d/zz-blackstart-hold.conf',
    );
    await lab.run('node-2', 'systemctl daemon-reload');
    expect((await lab.run('node-2', 'systemctl start k3s')).code).toBe(0);
  });

  it('mask is refused', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    const { code, stderr } = await lab.run('node-3', 'systemctl mask k3s');
    expect(code).toBe(1);
    expect(stderr).toBe(recorded('n-hold/05-mask.err'));
  });
});

describe('a healthy server answers as recorded in a-healthy', () => {
  it.each([
    ['curl -s -m 5 http://127.0.0.1:2381/health', 'node-1.curl-2381-health.out'],
    ['curl -s -m 5 http://127.0.0.1:2381/readyz?verbose', 'node-1.curl-2381-readyz.out'],
    ["k3s kubectl get --raw '/readyz?verbose'", 'node-1.raw-readyz.out'],
    ['k3s --version', 'node-1.k3s-version.out'],
  ])('%s', async (command, file) => {
    const lab = new Lab({ faults: ['healthy'] });
    const said = recorded(`a-healthy/${file}`).replace(/\n?\nhttp_code=200\n$/, '');
    expect((await lab.out('node-1', command)).trim()).toBe(said.trim());
  });

  it('members with all digits of their ids (R28)', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    const text = await lab.out('node-1', 'curl -sk -m 8 https://127.0.0.1:6443/db/info');
    for (const [row] of recorded('a-healthy/node-1.db-info.out').matchAll(/\{"ID".*?\]\}/g))
      expect(text).toContain(row.slice(0, -1));
  });

  it('systemctl show in systemd’s order of properties', async () => {
    const lab = new Lab({ faults: ['healthy'] });
    const { command } = recordedCommand('a-healthy/node-1.systemctl-show.cmd');
    const names = (text: string): string[] =>
      text
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0] ?? '');
    expect(names(await lab.out('node-1', command))).toEqual(names(recorded('a-healthy/node-1.systemctl-show.out')));
  });
});
