import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CACHE } from './places.js';
import { must, run } from './sh.js';

/** What is made once and kept outside the repository. */

const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'sudo',
  'curl',
  'iproute2',
  'procps',
  'util-linux',
  'ca-certificates',
];

const exists = async (program: string): Promise<boolean> => (await run(['which', program])).code === 0;

/** Programs of this machine and the Debian package each comes in. */
const TOOLS: readonly (readonly [program: string, debian: string])[] = [
  ['debootstrap', 'debootstrap'],
  ['systemd-nspawn', 'systemd-container'],
  ['ssh-keygen', 'openssh-client'],
  ['ip', 'iproute2'],
  ['nsenter', 'util-linux'],
  ['gpg', 'gnupg'],
  ['openssl', 'openssl'],
];

/** Installs what is missing; the sentence why the lab cannot be, or undefined. */
export async function whyNoLab(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'the lab needs Linux';
  if (process.getuid?.() !== 0) return 'the lab needs root';
  const missing: string[] = [];
  for (const [program, debian] of TOOLS) if (!(await exists(program))) missing.push(debian);
  if (missing.length > 0) {
    if (!(await exists('apt-get'))) return `missing, and there is no apt: ${missing.join(', ')}`;
    await run(['apt-get', '-qq', 'update']);
    await run([
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-qq',
      '-y',
      '--no-install-recommends',
      'install',
      ...missing,
    ]);
    for (const [program, debian] of TOOLS) if (!(await exists(program))) return `${debian} cannot be installed`;
  }
  const namespace = `blprobe${process.pid}`;
  if ((await run(['ip', 'netns', 'add', namespace])).code !== 0) return 'no network namespace can be made here';
  await run(['ip', 'netns', 'del', namespace]);
  return undefined;
}

/** Debian with systemd and sshd; about a minute the first time. */
export async function makeBase(say: (line: string) => void): Promise<void> {
  const base = `${CACHE}/base`;
  if (existsSync(base)) return;
  say('making the base tree (once)');
  mkdirSync(CACHE, { recursive: true });
  const part = `${CACHE}/base.part-${process.pid}`;
  try {
    await must(['debootstrap', '--variant=minbase', `--include=${PACKAGES.join(',')}`, 'bookworm', part]);
    renameSync(part, base);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

const ETCD = '3.6.5';

export interface EtcdPrograms {
  readonly folder: string;
  readonly version: string;
}

/**
 * etcd, etcdctl and etcdutl: built through Go where there is Go, because that is the minor K3s carries, else Debian's 3.4.
 * A sentence when there is neither.
 */
export async function makeEtcd(say: (line: string) => void): Promise<EtcdPrograms | string> {
  const own = `${CACHE}/etcd-${ETCD}`;
  if (existsSync(own)) return { folder: own, version: ETCD };
  const go = await goProgram();
  if (go !== undefined) {
    say(`building etcd ${ETCD} (once)`);
    const built = await build(go, own);
    if (built) return { folder: own, version: ETCD };
    say('etcd cannot be built here; trying Debian’s');
  }
  return debianEtcd();
}

const goProgram = async (): Promise<string | undefined> =>
  (await exists('go')) ? 'go' : existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined;

/** The last commit of MinIO's community edition; its own binaries are not given out any more. */
const MINIO = 'v0.0.0-20260212201848-7aac2a2c5b7c';

/** MinIO through Go, and rclone from Debian. A sentence where one of them cannot be had. */
export async function makeMinio(say: (line: string) => void): Promise<{ folder: string } | string> {
  if (!(await exists('rclone'))) {
    await run(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', '-y', 'install', 'rclone']);
    if (!(await exists('rclone'))) return 'rclone cannot be installed';
  }
  const own = `${CACHE}/minio-${MINIO}`;
  if (existsSync(own)) return { folder: own };
  const go = await goProgram();
  if (go === undefined) return 'MinIO is built through Go, and there is no Go';
  say('building MinIO (once)');
  const part = `${own}.part-${process.pid}`;
  try {
    const built = await run(['env', `GOBIN=${part}`, go, 'install', `github.com/minio/minio@${MINIO}`]);
    if (built.code !== 0) return `MinIO cannot be built: ${built.stderr.trim().split('\n').at(-1) ?? ''}`;
    renameSync(part, own);
    return { folder: own };
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

async function build(go: string, own: string): Promise<boolean> {
  const part = `${own}.part-${process.pid}`;
  const source = `${part}-source`;
  try {
    mkdirSync(source, { recursive: true });
    mkdirSync(part, { recursive: true });
    const modules = ['server', 'etcdctl', 'etcdutl'].map((name) => `\tgo.etcd.io/etcd/${name}/v3 v${ETCD}\n`).join('');
    // `go install` refuses these modules because of their replace directives; a module that requires them does not.
    writeFileSync(`${source}/go.mod`, `module lab\n\ngo 1.24\n\nrequire (\n${modules})\n`);
    writeFileSync(
      `${source}/tools.go`,
      '//go:build tools\n\npackage tools\n\nimport (\n\t_ "go.etcd.io/etcd/etcdctl/v3"\n\t_ "go.etcd.io/etcd/etcdutl/v3"\n\t_ "go.etcd.io/etcd/server/v3"\n)\n',
    );
    await must([go, 'mod', 'tidy', '-e'], { cwd: source });
    for (const [name, module] of [
      ['etcd', 'go.etcd.io/etcd/server/v3'],
      ['etcdctl', 'go.etcd.io/etcd/etcdctl/v3'],
      ['etcdutl', 'go.etcd.io/etcd/etcdutl/v3'],
    ] as const) {
      await must([go, 'build', '-o', `${part}/${name}`, module], { cwd: source });
    }
    renameSync(part, own);
    return true;
  } catch {
    return false;
  } finally {
    for (const folder of [part, source]) rmSync(folder, { recursive: true, force: true });
  }
}

async function debianEtcd(): Promise<EtcdPrograms | string> {
  if (!(await exists('etcd')) || !(await exists('etcdctl'))) {
    await run([
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-qq',
      '-y',
      'install',
      'etcd-server',
      'etcd-client',
    ]);
  }
  const { code, stdout } = await run(['etcd', '--version']);
  if (code !== 0) return 'there is no etcd, neither through Go nor from Debian';
  return { folder: '/usr/bin', version: /etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'unknown' };
}
