import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { decrypt, readMessage } from 'openpgp';
import ssh2, { type ClientChannel } from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import { ACCESS_KEY, SECRET_KEY } from '../../src/practice/bucket/signature.js';
import { createPracticeCluster, type PracticeCluster } from '../../src/practice/cluster.js';
import { snapshot } from '../../src/practice/data.js';
import type { FaultName } from '../../src/practice/faults.js';
import type { Serving } from '../../src/practice/serve.js';
import { makeKey } from '../../src/practice/ssh-server.js';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'practice-test-'));
  endings.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function listening(...faults: FaultName[]): Promise<{ cluster: PracticeCluster; serving: Serving; dir: string }> {
  const dir = folder();
  const cluster = createPracticeCluster({ faults, speed: 20 });
  const serving = await cluster.listen(dir);
  endings.push(() => serving.close());
  return { cluster, serving, dir };
}

async function connect(
  serving: Serving,
  node: string,
  username = 'root',
  privateKey = serving.privateKey,
): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  endings.push(() => void client.end());
  client.connect({ host: '127.0.0.1', port: serving.ports.get(node) ?? 0, username, privateKey, readyTimeout: 5000 });
  await once(client, 'ready');
  // When a test ends, the server's side goes first.
  client.on('error', () => undefined);
  return client;
}

interface Ended {
  code: number | null;
  signal: string | undefined;
  stdout: string;
  stderr: string;
}

function open(client: ssh2.Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) =>
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel))),
  );
}

async function ended(channel: ClientChannel): Promise<Ended> {
  const parts = { stdout: '', stderr: '' };
  channel.on('data', (chunk: Buffer) => {
    parts.stdout += chunk.toString();
  });
  channel.stderr.on('data', (chunk: Buffer) => {
    parts.stderr += chunk.toString();
  });
  let end: { code: number | null; signal: string | undefined } = { code: null, signal: undefined };
  channel.on('exit', (code: number | null, signal?: string) => {
    end = { code, signal };
  });
  await once(channel, 'close');
  return { ...end, ...parts };
}

function exec(client: ssh2.Client, command: string, input?: Buffer): Promise<Ended> {
  return new Promise((resolve, reject) =>
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      // At once: a quick command's exit code comes in the same packet as the channel.
      ended(channel).then(resolve, reject);
      channel.end(input);
    }),
  );
}

describe('SSH', () => {
  it('runs commands with both streams and exit codes', async () => {
    const { serving } = await listening('healthy');
    const client = await connect(serving, 'node-2');
    expect(await exec(client, 'hostname')).toMatchObject({ code: 0, stdout: 'node-2\n', stderr: '' });
    expect(await exec(client, 'cat /no/such')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'cat: /no/such: No such file or directory\n',
    });
    expect((await exec(client, 'systemctl is-active k3s')).stdout).toBe('active\n');
    expect((await exec(client, "sh -c 'echo one; echo two >&2; exit 7'")).code).toBe(7);
  });

  it('takes a large file over stdin without a shell in between', async () => {
    const { serving, cluster } = await listening('healthy');
    const client = await connect(serving, 'node-1');
    const bytes = Buffer.alloc(48 << 20, 'k3s');
    expect((await exec(client, 'dd of=/var/tmp/big status=none', bytes)).code).toBe(0);
    expect(Buffer.compare(cluster.node('node-1').files().read('/var/tmp/big'), bytes)).toBe(0);
  });

  it('holds the channel of a follower, delivers live, ends with the channel', async () => {
    const { serving, cluster } = await listening('healthy');
    const client = await connect(serving, 'node-1');
    const channel = await open(client, 'journalctl -u k3s -f -n 0 -o json');
    const first = once(channel, 'data');
    await exec(client, 'systemctl stop k3s');
    expect(JSON.parse(String((await first)[0]).split('\n')[0] ?? '')).toMatchObject({
      MESSAGE: expect.stringContaining('Stopping k3s.service'),
      _HOSTNAME: 'node-1',
    });
    channel.close();
    await expect
      .poll(() => [...cluster.node('node-1').state.procs.values()].some((proc) => proc.args.includes('journalctl')))
      .toBe(false);
  });

  it('delivers a signal', async () => {
    const { serving } = await listening('healthy');
    const client = await connect(serving, 'node-1');
    const channel = await open(client, 'sleep 1000');
    const end = ended(channel);
    channel.signal('TERM');
    expect((await end).signal).toBeDefined();
  });

  it('refuses another key and the eleventh session', async () => {
    const { serving } = await listening('healthy');
    await expect(connect(serving, 'node-1', 'root', makeKey('somebody').privateKey)).rejects.toThrow(/authentication/i);
    const client = await connect(serving, 'node-1');
    const channels = await Promise.all(Array.from({ length: 10 }, () => open(client, 'sleep 1000')));
    await expect(open(client, 'true')).rejects.toThrow();
    for (const channel of channels) channel.close();
  });

  it('forwards to loopback: the bucket through a node', async () => {
    const { serving } = await listening('healthy');
    const client = await connect(serving, 'node-1');
    const port = Number(new URL(serving.endpoint).port);
    const stream = await new Promise<ClientChannel>((resolve, reject) =>
      client.forwardOut('127.0.0.1', 0, '127.0.0.1', port, (error, channel) =>
        error ? reject(error) : resolve(channel),
      ),
    );
    stream.end('GET / HTTP/1.0\r\nHost: x\r\n\r\n');
    expect(String((await once(stream, 'data'))[0])).toContain('403');
  });

  it('a dead server refuses, a hung one says nothing', async () => {
    const dead = await listening('dead-server');
    await expect(connect(dead.serving, 'node-3')).rejects.toThrow(/ECONNREFUSED/);
    const hung = await listening('hung-server');
    const client = new ssh2.Client();
    client.connect({
      host: '127.0.0.1',
      port: hung.serving.ports.get('node-3') ?? 0,
      username: 'root',
      privateKey: hung.serving.privateKey,
      readyTimeout: 300,
    });
    const [error] = (await once(client, 'error')) as [Error];
    expect(error.message).toMatch(/Timed out/);
    client.on('error', () => undefined);
    client.destroy();
  });

  it('asks for the sudo password, refuses who may not', async () => {
    const { serving, dir } = await listening('sudo-password');
    const client = await connect(serving, 'node-1', 'ops');
    expect((await exec(client, 'id -un')).stdout).toBe('ops\n');
    expect(await exec(client, 'sudo -n -- true')).toMatchObject({ code: 1, stderr: 'sudo: a password is required\n' });
    const password = readFileSync(join(dir, 'sudo-password'));
    expect(await exec(client, "sudo -S -p '' -- cat /var/lib/rancher/k3s/server/token", password)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^K10f845/),
    });
    expect((await exec(client, "sudo -S -p '' -- true", Buffer.from('wrong\n'))).code).toBe(1);
    expect((await exec(client, 'cat /var/lib/rancher/k3s/server/token')).stderr).toContain('Permission denied');
    expect((await exec(client, 'systemctl stop k3s')).stderr).toContain('Interactive authentication required');
    const denied = await listening('sudo-denied');
    const other = await connect(denied.serving, 'node-1', 'ops');
    expect((await exec(other, "sudo -S -p '' -- true", password)).stderr).toContain('not in the sudoers file');
  });
});

function client(
  serving: Serving,
  secretAccessKey = SECRET_KEY,
  accessKeyId = ACCESS_KEY,
  systemClockOffset = 0,
): S3Client {
  const made = new S3Client({
    endpoint: serving.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    systemClockOffset,
    credentials: { accessKeyId, secretAccessKey },
  });
  endings.push(() => made.destroy());
  return made;
}

const Bucket = 'k3s-backups';
const named = (name: string) => expect.objectContaining({ name });

describe('S3', () => {
  it('lists by page, by folder, with sizes', async () => {
    const { serving } = await listening('healthy');
    const s3 = client(serving);
    await s3.send(new HeadBucketCommand({ Bucket }));
    await s3.send(new GetBucketLocationCommand({ Bucket }));
    const all: string[] = [];
    let ContinuationToken: string | undefined;
    let pages = 0;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket,
          Prefix: 'k3s-etcd-backups/',
          MaxKeys: 3,
          ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
        }),
      );
      all.push(...(page.Contents ?? []).map((object) => object.Key ?? ''));
      ContinuationToken = page.NextContinuationToken;
      pages += 1;
    } while (ContinuationToken !== undefined);
    expect(pages).toBeGreaterThan(2);
    expect(new Set(all).size).toBe(all.length);
    for (const key of all)
      expect(key).toMatch(/^k3s-etcd-backups\/(daily\/snapshot-daily|weekly\/snapshot-weekly)-\d{8}020000\.db\.gpg$/);
    const folders = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'k3s-etcd-backups/', Delimiter: '/' }));
    expect(folders.CommonPrefixes?.map((one) => one.Prefix)).toEqual([
      'k3s-etcd-backups/daily/',
      'k3s-etcd-backups/weekly/',
    ]);
  });

  it('holds real backups: the newest decrypts to s2, an older one to s1; ranges and ETags work', async () => {
    const { serving, dir } = await listening('healthy');
    const s3 = client(serving);
    const list = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'k3s-etcd-backups/' }));
    const keys = (list.Contents ?? [])
      .map((object) => object.Key ?? '')
      .sort((a, b) => (a.slice(-18) < b.slice(-18) ? 1 : -1));
    const open = async (Key: string): Promise<Uint8Array> => {
      const object = await s3.send(new GetObjectCommand({ Bucket, Key }));
      const message = await readMessage({
        binaryMessage: (await object.Body?.transformToByteArray()) ?? new Uint8Array(),
      });
      return (
        await decrypt({ message, passwords: [readFileSync(join(dir, 'passphrase'), 'utf8').trim()], format: 'binary' })
      ).data as Uint8Array;
    };
    expect(Buffer.compare(await open(keys[0] ?? ''), snapshot('s2'))).toBe(0);
    expect(Buffer.compare(await open(keys.at(-1) ?? ''), snapshot('s1'))).toBe(0);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: keys[0] ?? '' }));
    const part = await s3.send(
      new GetObjectCommand({
        Bucket,
        Key: keys[0] ?? '',
        Range: 'bytes=100-199',
        ...(head.ETag === undefined ? {} : { IfMatch: head.ETag }),
      }),
    );
    expect((await part.Body?.transformToByteArray())?.length).toBe(100);
    expect(part.ContentRange).toBe(`bytes 100-199/${head.ContentLength}`);
    const native = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k3s-native/on-demand-node-1-1795342572' }));
    expect(native.Metadata).toMatchObject({ 'k3s-token-hash': '90a69bb34d8c', 'k3s-node-name': 'node-1' });
    await s3.send(new PutObjectCommand({ Bucket, Key: 'a b/ü', Body: 'text', Metadata: { one: '1' } }));
    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: 'a b/ü' }))).Metadata).toEqual({ one: '1' });
  });

  it('verifies signatures and says no in S3’s words', async () => {
    const { serving } = await listening('healthy');
    const ask = (s3: S3Client, Key = 'x') => s3.send(new GetObjectCommand({ Bucket, Key }));
    await expect(ask(client(serving, 'wrong'))).rejects.toEqual(named('SignatureDoesNotMatch'));
    await expect(ask(client(serving, SECRET_KEY, 'NOBODY'))).rejects.toEqual(named('InvalidAccessKeyId'));
    await expect(ask(client(serving, SECRET_KEY, ACCESS_KEY, 3_600_000))).rejects.toEqual(
      named('RequestTimeTooSkewed'),
    );
    await expect(ask(client(serving))).rejects.toEqual(named('NoSuchKey'));
    await expect(client(serving).send(new ListObjectsV2Command({ Bucket: 'other' }))).rejects.toEqual(
      named('NoSuchBucket'),
    );
  });

  it.each([
    ['missing-bucket', 'NoSuchBucket'],
    ['denied-bucket', 'AccessDenied'],
    ['throttled-bucket', 'SlowDown'],
  ] as const)('%s', async (fault, name) => {
    const { serving } = await listening(fault);
    await expect(client(serving).send(new ListObjectsV2Command({ Bucket }))).rejects.toEqual(named(name));
  });

  it('drops downloads twice, then lets them through', async () => {
    const { serving } = await listening('dropped-downloads');
    const s3 = client(serving);
    const get = async (): Promise<number> => {
      const object = await s3.send(new GetObjectCommand({ Bucket, Key: 'k3s-native/on-demand-node-1-1795342572' }));
      return (await object.Body?.transformToByteArray())?.length ?? 0;
    };
    await expect(get()).rejects.toThrow();
    await expect(get()).rejects.toThrow();
    expect(await get()).toBe(snapshot('s3').length);
  });
});

const LOADER = `data:text/javascript,${encodeURIComponent(`import { registerHooks } from 'node:module';
registerHooks({ resolve(specifier, context, next) {
  if (specifier.startsWith('.') && specifier.endsWith('.js')) { try { return next(specifier.slice(0, -3) + '.ts', context); } catch { return next(specifier, context); } }
  return next(specifier, context);
} });`)}`;

describe('the process', () => {
  it('says one line when ready, serves, and ends after its last connection', async () => {
    const dir = join(folder(), 'practice');
    const main = new URL('../../src/practice/main.ts', import.meta.url).pathname;
    const child = spawn(
      process.execPath,
      [
        '--no-warnings',
        '--experimental-transform-types',
        '--import',
        LOADER,
        main,
        '--dir',
        dir,
        '--fault',
        'healthy',
        '--idle-minutes',
        '0.02',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    endings.push(() => void child.kill('SIGKILL'));
    const gone = once(child, 'exit');
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await expect.poll(() => said, { timeout: 15_000 }).toContain('\n');
    const ready = JSON.parse(said) as { ready: boolean; inventory: string; pid: number };
    expect(ready).toEqual({ ready: true, inventory: join(dir, 'cluster.yaml'), pid: child.pid });
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const port = Number(/port: (\d+)/.exec(readFileSync(ready.inventory, 'utf8'))?.[1]);
    const ssh = new ssh2.Client();
    ssh.connect({
      host: '127.0.0.1',
      port,
      username: 'root',
      privateKey: readFileSync(join(dir, 'id_ed25519'), 'utf8'),
    });
    await once(ssh, 'ready');
    ssh.on('error', () => undefined);
    expect((await exec(ssh, 'hostname')).stdout).toBe('node-1\n');
    ssh.end();
    expect((await gone)[0]).toBe(0);
    expect(said.trim().split('\n')).toHaveLength(1);
  });
});
