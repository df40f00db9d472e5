import { spawn } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { makeBase, makeEtcd, makeMinio, whyNoLab } from './lab/cache.js';
import { dropNamespaces, makeLabNamespace } from './lab/network.js';
import { type Places, placesOf } from './lab/places.js';
import { must, run } from './lab/sh.js';

/** Prepares the lab's namespace and files, runs the suite inside it, takes everything down, says what ran. */

const [repository = '', compiled = '', ...rest] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`lab: ${line}\n`);

async function prepare(places: Places, etcd: string): Promise<void> {
  mkdirSync(places.run, { recursive: true, mode: 0o700 });
  await must(['mount', '-t', 'tmpfs', '-o', 'size=8g,mode=0700', 'tmpfs', places.run]);
  mkdirSync(places.code, { recursive: true });
  cpSync(`${compiled}/src`, `${places.code}/src`, { recursive: true });
  cpSync(`${compiled}/test`, `${places.code}/test`, { recursive: true });
  if (existsSync(`${compiled}/scenarios`))
    cpSync(`${compiled}/scenarios`, `${places.code}/scenarios`, { recursive: true });
  cpSync(`${repository}/node_modules/yaml`, `${places.code}/node_modules/yaml`, { recursive: true });
  copyFileSync(`${repository}/package.json`, `${places.code}/package.json`);
  copyFileSync(process.execPath, `${places.code}/node`);
  for (const name of ['etcd', 'etcdctl', 'etcdutl'])
    if (existsSync(`${etcd}/${name}`)) copyFileSync(`${etcd}/${name}`, `${places.code}/${name}`);
  await must([
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=k3s-stand-in',
    '-keyout',
    `${places.code}/key.pem`,
    '-out',
    `${places.code}/cert.pem`,
  ]);
  // Stand-ins run faster than the recordings; etcd keeps its own time.
  writeFileSync(`${places.code}/pace`, '0.3');
  await makeLabNamespace(places);
}

/** Whatever is left of a lab: processes in its control groups, mounts, namespaces. */
async function takeDown(places: Places): Promise<void> {
  for (const top of ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']) {
    for (const name of existsSync(top) ? readdirSync(top) : []) {
      if (name.startsWith(`bl${places.id}-`)) await emptyGroup(`${top}/${name}`);
    }
  }
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path === places.run || path.startsWith(`${places.run}/`))
    .sort((a, b) => b.length - a.length);
  for (const path of mounts) await run(['umount', '-l', path]);
  await dropNamespaces(places);
  rmSync(places.run, { recursive: true, force: true });
}

async function emptyGroup(path: string): Promise<void> {
  const groups = (await run(['find', path, '-depth', '-type', 'd'])).stdout.split('\n').filter(Boolean);
  for (let tries = 0; tries < 50; tries++) {
    const left = groups.flatMap((group) => readPids(group));
    if (left.length === 0) break;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const group of groups) {
    try {
      rmdirSync(group);
    } catch {
      // A group that is gone, or one that the kernel still counts out.
    }
  }
}

function readPids(group: string): number[] {
  try {
    return readFileSync(`${group}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Labs whose process was killed before it could clean up. */
async function sweep(): Promise<void> {
  for (const name of readdirSync('/run')) {
    const id = /^blackstart-lab-(\d+)$/.exec(name)?.[1];
    if (id !== undefined && !existsSync(`/proc/${id}`)) await takeDown(placesOf(id));
  }
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
}

async function suite(places: Places, etcdVersion: string, minio: { folder: string } | string): Promise<number> {
  const report = `${places.run}/report.json`;
  const vitest = [`${repository}/node_modules/vitest/vitest.mjs`, 'run', '--config', 'test/hosts/vitest.config.ts'];
  const child = spawn(
    'nsenter',
    [
      `--net=/run/netns/${places.labNamespace}`,
      process.execPath,
      ...vitest,
      '--reporter=verbose',
      '--reporter=json',
      // Counts for `.ci/run`, and says what was skipped and what failed once more at the end.
      '--reporter=./test/support/reporter.ts',
      `--outputFile.json=${report}`,
      ...rest,
    ],
    {
      cwd: repository,
      stdio: 'inherit',
      env: {
        ...process.env,
        BLACKSTART_LAB: places.id,
        BLACKSTART_ROOT: repository,
        BLACKSTART_COMPILED: compiled,
        BLACKSTART_LAB_ETCD: etcdVersion,
        ...(typeof minio === 'string' ? { BLACKSTART_LAB_NO_MINIO: minio } : { BLACKSTART_LAB_MINIO: minio.folder }),
      },
    },
  );
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 130)));
  if (existsSync(report)) {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    say(`real hosts: Debian with systemd and sshd, etcd ${etcdVersion}; k3s is a stand-in`);
    say(
      typeof minio === 'string'
        ? `the bucket is a stand-in, too: ${minio}`
        : 'MinIO with TLS, filled by gpg and rclone',
    );
    process.stdout.write(`lab: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped\n`);
  }
  return code;
}

async function main(): Promise<number> {
  // A Ctrl-C goes to the suite as well, whose end this process waits for.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const why = await whyNoLab();
  if (why !== undefined) return skipped(why);
  await sweep();
  await makeBase(say);
  const etcd = await makeEtcd(say);
  if (typeof etcd === 'string') return skipped(etcd);
  const minio = await makeMinio(say);
  const places = placesOf(String(process.pid));
  try {
    await prepare(places, etcd.folder);
    return await suite(places, etcd.version, minio);
  } finally {
    await takeDown(places);
  }
}

function skipped(why: string): number {
  // `.ci/run` adds up what every suite counted; this one has no reporter.
  const file = process.env.BLACKSTART_COUNTS;
  if (file !== undefined) appendFileSync(file, '0 0 1\n');
  process.stdout.write(`lab: every test on real hosts is skipped: ${why}\n`);
  return 0;
}

process.exitCode = await main();
