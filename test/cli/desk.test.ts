import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { BackupDesk } from '../../src/cli/backup-desk.js';
import { clusterOf } from '../../src/cli/cluster-of.js';
import { Ledger } from '../../src/cli/ledger.js';
import { SecretBook } from '../../src/cli/secret-book.js';
import { Secrets } from '../../src/cli/secrets.js';
import { findTokens } from '../../src/cli/tokens.js';
import type { TaskCommand } from '../../src/incident/command.js';
import type { Bucket, HostEntry, Inventory } from '../../src/inventory/types.js';
import { FakeHosts } from '../support/fake-hosts.js';
import { TestS3 } from '../support/s3-server.js';
import { fixture, put, REAL, realSnapshot, scratch } from '../support/snapshots.js';

const root = scratch();
const s3 = await TestS3.start();
const TOKEN = 'blackstart-lab-token-1';
const OPENER = '90a69bb34d8c';
const signal = new AbortController().signal;
let count = 0;

const host = (name: string, role: 'server' | 'agent' = 'server'): HostEntry => ({
  name,
  role,
  address: '192.0.2.1',
  nodeName: name,
  dataDir: '/data',
  service: role === 'server' ? 'k3s' : 'k3s-agent',
});

interface DeskSetup {
  readonly bucket?: Partial<Bucket> | false;
  readonly files?: FakeHosts['files'];
  readonly reach?: FakeHosts['reach'];
  readonly token?: string;
  readonly more?: Partial<Inventory>;
  readonly ledger?: string;
}

function makeDesk({ bucket = {}, files = {}, reach = {}, token, more = {}, ledger }: DeskSetup = {}) {
  const folder = join(root, `desk-${++count}`);
  mkdirSync(folder);
  put(folder, 'secret', 'key\n');
  if (token !== undefined) put(folder, 'token', token);
  const source = { kind: 'file', path: join(folder, 'secret') } as const;
  const inventory: Inventory = {
    file: join(folder, 'cluster.yaml'),
    folder,
    cluster: 'lab',
    drill: false,
    servers: [host('cp1'), host('cp2')],
    agents: [host('w1', 'agent')],
    contacts: [],
    approvers: [],
    ...(token === undefined ? {} : { token: { kind: 'file', path: join(folder, 'token') } as const }),
    ...(bucket === false
      ? {}
      : {
          bucket: {
            endpoint: s3.endpoint,
            region: 'us-east-1',
            bucket: s3.bucket,
            prefix: 'k3s/',
            pathStyle: true,
            credentials: { kind: 'keys', accessKeyId: source, secretAccessKey: source },
            ...bucket,
          },
        }),
    ...more,
  };
  const hosts = new FakeHosts(files, reach);
  const book = new SecretBook();
  const desk = new BackupDesk({
    inventory,
    secrets: new Secrets(inventory, book, undefined, () => {}),
    spool: join(folder, 'spool'),
    hosts: hosts.get,
    ...(ledger === undefined ? {} : { ledger: new Ledger(ledger, inventory.cluster) }),
    findTokens: (stop) => findTokens(hosts.get, clusterOf(inventory), book, stop),
  });
  return { desk, hosts, inventory, book, spool: join(folder, 'spool') };
}

const fetchTask = (snapshot: string, more: Record<string, string | string[] | boolean> = {}): TaskCommand => ({
  kind: 'task',
  task: 'backup.fetch',
  input: { snapshot, nodes: ['node-1'], caHashes: [], ...more },
  again: 'harmless',
});

const SNAPSHOTS = '/data/server/db/snapshots';
const onServer = {
  [`${SNAPSHOTS}/${REAL.s3}`]: realSnapshot('s3'),
  [`${SNAPSHOTS}/${REAL.s2}.zip`]: fixture(`${REAL.s2}.zip`),
  [`${SNAPSHOTS}/etcd-snapshot-cp1-1795342999.part`]: 'half',
  [`${SNAPSHOTS}/blackstart-20261122-1015-abcd`]: realSnapshot('s1'),
};

describe('snapshots on servers', () => {
  it('are listed with their host, without unfinished ones and copies of ours, and fetched to a proof', async () => {
    const { desk, spool } = makeDesk({ bucket: false, files: { cp1: onServer, cp2: {} }, token: TOKEN });
    const { backups } = await desk.list(signal);
    expect(backups.map((one) => one.id)).toEqual([`cp1:${REAL.s3}`, `cp1:${REAL.s2}.zip`]);
    const stages = new Set<string>();
    const done = await desk.run(fetchTask(`cp1:${REAL.s2}.zip`), signal, ({ stage }) => stages.add(stage));
    expect(done).toMatchObject({ ok: true, result: { name: `cp1:${REAL.s2}.zip`, tokenHash: OPENER } });
    expect([...stages]).toEqual(['fetch', 'unzip', 'prove']);
    const files = readdirSync(spool);
    expect(files).toHaveLength(1);
    expect(statSync(join(spool, files[0] ?? '')).mode & 0o777).toBe(0o600);
    // The delivered file is what a sha256sum on the node is compared with.
    expect((done.result as { bytes: number }).bytes).toBe(statSync(join(spool, files[0] ?? '')).size);
    expect(await desk.run({ ...fetchTask(`cp1:${REAL.s2}.zip`), task: 'backup.have' }, signal, () => {})).toMatchObject(
      { ok: true },
    );
  });

  it('are found where the configuration of K3s puts them, and where they lay before', async () => {
    const elsewhere = {
      '/etc/rancher/k3s/config.yaml.d/20-backups.yaml': 'etcd-snapshot-dir: /backups/k3s/\n',
      [`/backups/k3s/${REAL.s3}`]: realSnapshot('s3'),
      [`${SNAPSHOTS}/${REAL.s1}`]: realSnapshot('s1'),
    };
    const unit = {
      'systemctl show':
        'LoadState=loaded\nExecStart={ path=/k3s ; argv[]=/k3s server --etcd-snapshot-dir=/mnt/snaps ; ignore_errors=no }\n',
      [`/mnt/snaps/${REAL.s3}`]: realSnapshot('s3'),
    };
    const { desk } = makeDesk({ bucket: false, files: { cp1: elsewhere, cp2: unit }, token: TOKEN });
    const { backups } = await desk.list(signal);
    expect(backups.map((one) => `${one.place.holder} ${one.place.at}`)).toEqual([
      `cp1 /backups/k3s/${REAL.s3}`,
      `cp2 /mnt/snaps/${REAL.s3}`,
      `cp1 ${SNAPSHOTS}/${REAL.s1}`,
    ]);
    expect(await desk.run(fetchTask(`cp1:${REAL.s3}`), signal, () => {})).toMatchObject({ ok: true });
  });

  it('a source that fails is a remark; what bucket and folder hold is told before servers have answered', async () => {
    const { desk } = makeDesk({ bucket: { bucket: 'not-there' }, files: { cp1: onServer } });
    const { backups, remarks } = await desk.list(signal);
    expect(backups).toHaveLength(2);
    expect(remarks).toEqual([
      'the bucket gave no list: The bucket not-there does not exist there.',
      'cp2 gave no list: cp2 cannot be reached.',
    ]);
    s3.put('k3s/etcd-snapshot-cp9-1795342000', Buffer.alloc(10));
    const early: number[] = [];
    const both = makeDesk({ files: { cp1: onServer, cp2: {} } });
    const all = await both.desk.list(signal, { onOutside: (listing) => early.push(listing.backups.length) });
    expect(early).toEqual([1]);
    expect(all.backups).toHaveLength(3);
    expect(all.remarks).toEqual([`cp1 holds a newer one than those stored elsewhere: cp1:${REAL.s3}`]);
    s3.objects.clear();
  });
});

describe('the way to the bucket', () => {
  it('is found through a node by itself where this machine does not reach it, and said', async () => {
    s3.put(`k3s/${REAL.s1}`, realSnapshot('s1'));
    const away = { endpoint: 'http://127.0.0.1:9' };
    const { desk, hosts } = makeDesk({ bucket: away, files: { cp2: {} }, reach: { cp2: s3.port }, token: TOKEN });
    const { remarks, backups } = await desk.list(signal);
    expect(remarks[0]).toContain('it is reached through cp2');
    expect(backups.map((one) => one.id)).toEqual([REAL.s1]);
    expect(await desk.run(fetchTask(REAL.s1), signal, () => {})).toMatchObject({ ok: true });
    expect(new Set(hosts.forwarded)).toEqual(new Set(['cp2 to 127.0.0.1:9']));
    expect(hosts.sent.filter((line) => !/: (env TZ=UTC )?(find|cat|systemctl show) /.test(line))).toEqual([]);
    await desk.close();
    s3.objects.clear();
  });

  it('keeps host name and certificate of the endpoint', async () => {
    const folder = join(root, 'tls');
    mkdirSync(folder);
    try {
      execFileSync('openssl', ['version'], { stdio: 'ignore' });
    } catch {
      return;
    }
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=s3.inside.example', '-addext', 'subjectAltName=DNS:s3.inside.example'];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const secure = await TestS3.start('k3s-backups', { key: readFileSync(key), cert: readFileSync(cert) });
    secure.put(`k3s/${REAL.s1}`, realSnapshot('s1'));
    const bucket = { endpoint: `https://s3.inside.example:9443`, caFile: cert, through: 'any' };
    const { desk, hosts } = makeDesk({
      bucket,
      files: { cp1: {}, cp2: {} },
      reach: { cp1: secure.port },
      token: TOKEN,
    });
    expect((await desk.list(signal)).backups).toHaveLength(1);
    expect(await desk.run(fetchTask(REAL.s1), signal, () => {})).toMatchObject({ ok: true });
    expect(hosts.forwarded).toContain('cp1 to s3.inside.example:9443');
    await desk.close();
    const other = makeDesk({
      bucket: { ...bucket, endpoint: 'https://another.example:9443' },
      files: { cp1: {} },
      reach: { cp1: secure.port },
      more: { servers: [host('cp1')] },
    });
    await expect(other.desk.list(signal, { servers: 'none' })).rejects.toMatchObject({ problem: { id: 'bucket-tls' } });
    await other.desk.close();
  });
});

describe('tokens on hosts', () => {
  const files = {
    cp1: {
      '/data/server/token': `K10${'a'.repeat(64)}::server:from-server-token\n`,
      '/data/server/cred/passwd': 'agent,node,node,k3s:agent\nfrom-passwd,server,server,k3s:server\n',
      '/etc/rancher/k3s/config.yaml': 'token: from-config\n',
      '/etc/rancher/k3s/config.yaml.d/10.yaml': 'token-file: /root/tok\n',
      '/root/tok': 'from-token-file\n',
      '/etc/systemd/system/k3s.service.env': "K3S_TOKEN='from-env'\n",
      '/etc/systemd/system/k3s-old.service.env': 'K3S_TOKEN=from-old-env\n',
      'systemctl show':
        'LoadState=loaded\nExecStart={ path=/usr/local/bin/k3s ; argv[]=/usr/local/bin/k3s server --token from-args ; ignore_errors=no }\n',
      '/var/lib/blackstart/20261101-1000-aaaa/safety/data/server/token': 'from-safety\n',
      '/var/lib/blackstart/20261101-1000-aaaa/safety/etc/rancher/k3s/config.yaml': `token: ${TOKEN}\n`,
    },
    w1: { '/etc/rancher/k3s/config.yaml': 'token: abcdef.0123456789abcdef\n' },
  };

  it('every place is read, nothing is shown, a host that is silent is named', async () => {
    const { inventory, hosts, book } = makeDesk({ files });
    const { found, silent } = await findTokens(hosts.get, clusterOf(inventory), book, signal);
    expect(found.map((one) => [one.host, one.file, one.token.reveal().replace(/^K10a+::server:/, '')])).toEqual([
      ['cp1', '/data/server/token', 'from-server-token'],
      ['cp1', '/data/server/cred/passwd', 'from-passwd'],
      ['cp1', '/etc/rancher/k3s/config.yaml', 'from-config'],
      ['cp1', '/root/tok', 'from-token-file'],
      ['cp1', '/etc/systemd/system/k3s.service.env', 'from-env'],
      ['cp1', '/etc/systemd/system/k3s-old.service.env', 'from-old-env'],
      ['cp1', 'arguments of k3s.service', 'from-args'],
      ['cp1', '/var/lib/blackstart/20261101-1000-aaaa/safety/data/server/token', 'from-safety'],
      ['cp1', '/var/lib/blackstart/20261101-1000-aaaa/safety/etc/rancher/k3s/config.yaml', TOKEN],
      ['w1', '/etc/rancher/k3s/config.yaml', 'abcdef.0123456789abcdef'],
    ]);
    expect(found.at(-1)?.hash).toBeUndefined();
    expect(silent).toEqual([{ host: 'cp2', why: 'cp2 cannot be reached.' }]);
    expect(JSON.stringify(found)).not.toContain('from-');
    expect(book.redact('it says from-env and from-server-token')).toBe('it says ••• and •••');
  });

  it('one in a safety copy opens the snapshot although the configured one does not', async () => {
    const { desk } = makeDesk({
      bucket: false,
      files: { cp1: { ...files.cp1, ...onServer }, cp2: {} },
      token: 'wrong',
    });
    const done = await desk.run(fetchTask(`cp1:${REAL.s3}`), signal, () => {});
    expect(done).toMatchObject({ ok: true, result: { tokenHash: OPENER } });
    expect((await desk.provenToken(OPENER)).reveal()).toBe(TOKEN);
  });

  it('none opens it: which hash it needs, which backups a found one opens, who was not asked; nothing stays', async () => {
    s3.put(`k3s/${REAL.s3}`, realSnapshot('s3'), undefined, { 'k3s-token-hash': OPENER });
    const older = 'etcd-snapshot-cp1-1795000000';
    const { tokenHash } = await import('../../src/snapshot/index.js');
    s3.put(`k3s/${older}`, Buffer.alloc(100), undefined, {
      'k3s-token-hash': tokenHash(new Secret('old-token')) ?? '',
    });
    const { desk, spool } = makeDesk({ files: { cp1: { '/data/server/token': 'old-token' } }, token: 'wrong' });
    s3.requests.length = 0;
    const done = await desk.run(fetchTask(REAL.s3), signal, () => {});
    expect(done.ok).toBe(false);
    expect(done.text).toContain('None of the 2 tokens opens this snapshot');
    expect(done.text).toContain(`filed under ${OPENER}`);
    expect(done.text).toContain(`A token at hand opens ${older}: choose one of these.`);
    expect(done.text).toContain('Not asked, because they do not answer: cp2');
    expect(done.result).toMatchObject({
      offer: { key: 'snapshot', value: older, because: expect.stringMatching(/^a token at hand opens it, taken 2026/) },
    });
    expect(done.text).not.toMatch(/old-token|wrong(?!-)\b/);
    expect(s3.requests.filter((one) => one.method === 'GET' && one.url.includes(older))).toEqual([]);
    expect(readdirSync(spool)).toEqual([]);
    s3.objects.clear();
  });
});

describe('a backup that proves bad', () => {
  it('comes with the next best one, each refused once, and none where it could not be reached', async () => {
    const bad = Buffer.from(realSnapshot('s3'));
    bad[9000] = (bad[9000] ?? 0) ^ 1;
    const [newest, newer] = ['etcd-snapshot-cp9-1795342900', 'etcd-snapshot-cp9-1795342800'];
    s3.put(`k3s/${newest}`, bad);
    s3.put(`k3s/${newer}`, bad);
    const { desk } = makeDesk({ files: { cp1: { [`${SNAPSHOTS}/${REAL.s3}`]: realSnapshot('s3') } }, token: TOKEN });
    await desk.list(signal);
    const offerOf = async (id: string) => {
      const done = await desk.run(fetchTask(id), signal, () => {});
      return done.ok ? 'proven' : (done.result as { offer?: { value: string; because: string } }).offer;
    };
    expect(await offerOf(newest)).toMatchObject({
      value: newer,
      because: expect.stringMatching(/^the newest other one/),
    });
    // Nothing else lies outside the servers.
    expect(await offerOf(newer)).toMatchObject({ value: `cp1:${REAL.s3}` });
    expect(await offerOf(`cp1:${REAL.s3}`)).toBe('proven');
    expect(await offerOf('not-there.db')).toBeUndefined();
    s3.objects.clear();
  });
});

describe('whose snapshot it is', () => {
  const own = { bucket: false, files: { cp1: onServer, cp2: {} }, token: TOKEN } as const;
  const proofOf = async (desk: BackupDesk, more: Record<string, string | string[] | boolean>) =>
    (await desk.run(fetchTask(`cp1:${REAL.s3}`, more), signal, () => {})) as {
      ok: boolean;
      text: string;
      result: Record<string, string & string[]>;
    };

  it('this one by its CA, another one with the evidence in the sentence, or it cannot be told', async () => {
    const { desk, spool } = makeDesk(own);
    const unknown = await proofOf(desk, {});
    expect(unknown.result.identity).toBe('cannot-tell');
    expect(unknown.result.warnings?.[0]).toMatch(
      /Whose snapshot this is cannot be told: only that 1 of 1 node names .* Its CA is f845686cf1a9/,
    );
    const ca = 'f845686cf1a9'.padEnd(64, '0');
    const refused = await proofOf(desk, { caHashes: [ca] });
    expect(refused).toMatchObject({
      ok: false,
      text: expect.stringMatching(/from another cluster: its CA is f845686cf1a9, the hosts have f8456/),
    });
    expect(readdirSync(spool)).toEqual([]);
    const uid = await proofOf(desk, { clusterUid: '00000000-0000-0000-0000-000000000000' });
    expect(uid).toMatchObject({ ok: false, text: expect.stringContaining('the UID of kube-system is 19403b90') });
    // Restored on another cluster on purpose, that is the point: it says so, and its file stays.
    const meant = await proofOf(desk, { caHashes: [ca], elsewhere: true });
    expect(meant).toMatchObject({ ok: true, result: { identity: 'another-cluster' } });
    expect(readdirSync(spool)).toHaveLength(1);
    const older = await proofOf(desk, { installedK3s: 'v1.30.1+k3s1' });
    expect(older.result.warnings?.join()).toContain('installed is v1.30.1+k3s1');
  });

  it('is known from an earlier proof when no host can say it any more', async () => {
    const state = join(root, 'state');
    const { desk } = makeDesk({ ...own, ledger: state });
    const full = (await proofOf(desk, {})).result.caHash;
    expect((await proofOf(desk, { caHashes: [String(full)] })).result.identity).toBe('this-cluster');
    expect(statSync(join(state, 'proofs.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(state, 'proofs.json'), 'utf8')).not.toContain(TOKEN);
    const later = makeDesk({ ...own, ledger: state });
    const again = await proofOf(later.desk, {});
    expect(again.result).toMatchObject({ identity: 'this-cluster' });
    await later.desk.list(signal);
    expect((await later.desk.openedBy([OPENER], signal)).map((one) => one.id)).toEqual([`cp1:${REAL.s3}`]);
    writeFileSync(join(state, 'proofs.json'), '{ not json');
    expect(new Ledger(state, 'lab').entries()).toEqual([]);
    expect(existsSync(join(state, 'proofs.json.new'))).toBe(false);
  });
});
