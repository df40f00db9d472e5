/**
 * How fast a snapshot is proven and decrypted, against etcdctl, sha256sum and gpg on the same file in the same run. Needs a built program
 * (`dist`), and etcd, etcdctl 3.4 and gpg on the machine; says so and ends where they are not there.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PORT = 23791;
const ENV = { ...process.env, ETCDCTL_API: '3' };

/** Runs the comparison for `keys` keys of about 2 kB each and prints times and ratios. */
export async function benchSnapshot({
  keys = 200_000,
  rounds = 3,
  print = (line) => process.stdout.write(`${line}\n`),
} = {}) {
  for (const tool of ['etcd', 'etcdctl', 'gpg', 'sha256sum']) {
    if (spawnSync(tool, ['--version']).error !== undefined) return print(`skipped: ${tool} is not on this machine`);
  }
  const { prove } = await import('../../dist/src/snapshot/index.js');
  const { decrypt } = await import('../../dist/src/backups/index.js');
  const { Secret } = await import('../../dist/src/base/secret.js');
  const directory = mkdtempSync(join(tmpdir(), 'blackstart-bench-'));
  try {
    const file = await makeSnapshot(directory, keys);
    print(`${keys} keys, ${(statSync(file).size / 1e6).toFixed(0)} MB`);
    const idle = process.memoryUsage().rss;
    const ours = [];
    const theirs = [];
    for (let i = 0; i < rounds; i++) {
      ours.push(await timed(() => prove(file)));
      theirs.push(
        (await timed(() => run('etcdctl', ['snapshot', 'status', file]))) +
          (await timed(() => run('sha256sum', [file]))),
      );
    }
    report(print, 'prove / (etcdctl snapshot status + sha256sum)', ours, theirs);
    const encrypted = `${file}.gpg`;
    run('gpg', [...GPG, '--cipher-algo', 'AES256', '-o', encrypted, '--symmetric', file]);
    const decrypts = [];
    const gpgs = [];
    for (let i = 0; i < rounds; i++) {
      decrypts.push(
        await timed(async () => {
          const source = createReadStream(encrypted, { highWaterMark: 256 * 1024 });
          for await (const chunk of decrypt(source, new Secret('bench'))) if (chunk.length === 0) break;
        }),
      );
      gpgs.push(await timed(() => run('gpg', [...GPG, '-o', '/dev/null', '--decrypt', encrypted])));
    }
    report(print, 'decrypt / gpg --decrypt', decrypts, gpgs);
    print(`memory above idle at most ${(process.resourceUsage().maxRSS / 1e3 - idle / 1e6).toFixed(0)} MB`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const GPG = ['--batch', '--yes', '--pinentry-mode', 'loopback', '--passphrase', 'bench'];

function report(print, what, ours, theirs) {
  const [a, b] = [Math.min(...ours), Math.min(...theirs)];
  print(`${what}: ${a.toFixed(2)} s / ${b.toFixed(2)} s = ${(a / b).toFixed(2)}`);
}

async function timed(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function run(program, options) {
  const done = spawnSync(program, options, { env: ENV, stdio: ['ignore', 'ignore', 'pipe'] });
  if (done.status !== 0) throw new Error(`${program}: ${done.stderr}`);
}

/** Fills a real etcd on loopback through its JSON gateway and saves a snapshot of it. */
async function makeSnapshot(directory, keys) {
  const [client, peer] = [`http://127.0.0.1:${PORT}`, `http://127.0.0.1:${PORT + 1}`];
  const etcd = spawn(
    'etcd',
    [
      '--data-dir',
      join(directory, 'etcd'),
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
      '--listen-peer-urls',
      peer,
    ].concat(
      [
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `default=${peer}`,
        '--quota-backend-bytes',
        '8000000000',
      ],
      ['--unsafe-no-fsync'],
    ),
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => etcd.once('exit', resolve));
  try {
    await ready(client);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    let next = 0;
    const fill = async () => {
      while (next < keys) {
        const success = [];
        for (let i = 0; i < 100 && next < keys; i++, next++) success.push({ requestPut: entry(next) });
        await post(`${client}/v3/kv/txn`, { success }, agent);
      }
    };
    await Promise.all(Array.from({ length: 8 }, fill));
    agent.destroy();
    const file = join(directory, 'snapshot.db');
    run('etcdctl', ['--endpoints', client, '--command-timeout', '300s', 'snapshot', 'save', file]);
    return file;
  } finally {
    etcd.kill();
    await ended;
    rmSync(join(directory, 'etcd'), { recursive: true, force: true });
  }
}

function entry(i) {
  const kinds = ['configmaps', 'secrets', 'deployments', 'pods', 'cronjobs', 'persistentvolumeclaims'];
  const noise = Array.from({ length: 40 }, (_, j) => Math.imul(i * 40 + j + 1, 0x9e3779b1).toString(36)).join('');
  const base64 = (text) => Buffer.from(text).toString('base64');
  return {
    key: base64(`/registry/${kinds[i % 6]}/namespace-${i % 97}/object-${i}`),
    value: base64(`k8s\0${noise.padEnd(1750, 'the quick brown fox ')}`),
  };
}

async function ready(client) {
  for (let i = 0; i < 100; i++) {
    if (await post(`${client}/v3/maintenance/status`, {}).catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('etcd did not start');
}

function post(url, body, agent) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', ...(agent === undefined ? {} : { agent }) }, (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode === 200 ? resolve(true) : reject(new Error(`HTTP ${response.statusCode}`)),
      );
    });
    request.on('error', reject);
    request.end(JSON.stringify(body));
  });
}

if (process.argv[1] === import.meta.filename) await benchSnapshot({ keys: Number(process.argv[2] ?? 200_000) });
