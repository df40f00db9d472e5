import { K3S_PORTS } from './messages.js';
import type { K3sPaths } from './paths.js';
import { UNIT_PROPERTIES } from './systemd.js';

/** Argument lists that only look. Each is one simple command; none writes a byte on the host. */

/** Timestamps come out in the host's zone unless told otherwise; `--timestamp=unix` is unknown before systemd 247. */
export const showUnit = (unit: string, properties: readonly string[] = UNIT_PROPERTIES): string[] => [
  'env',
  'TZ=UTC',
  'systemctl',
  'show',
  unit,
  `--property=${properties.join(',')}`,
];

export const listSockets = (): string[] => ['ss', '-H', '-ltnp'];

export const listProcesses = (): string[] => ['ps', '-eo', 'pid=,user=,args='];

/** Names, types, sizes and times in one directory. */
export const listDirectory = (path: string): string[] => [
  'find',
  path,
  '-mindepth',
  '1',
  '-maxdepth',
  '1',
  '-printf',
  '%f\\t%y\\t%s\\t%T@\\n',
];

export const diskFree = (path: string): string[] => ['df', '-B1', '--output=source,fstype,size,avail,target', path];

/** Bytes under a path. */
export const diskUsed = (path: string): string[] => ['du', '-sb', path];

/** Bytes under each directory below a path, one `bytes<tab>path` a line, the path itself last. */
export const diskUsedBelow = (path: string): string[] => ['du', '-b', '-d', '1', path];

/** `path<newline>` of the mount point a path lies on. */
export const mountPointOf = (path: string): string[] => ['stat', '-c', '%m', path];

export const readFile = (path: string): string[] => ['cat', path];

export const sha256 = (path: string): string[] => ['sha256sum', path];

/** Body, then the status code on a line of its own (`parseHttp`). */
export const httpGet = (url: string): string[] => ['curl', '-s', '-k', '-m', '5', '-w', '\\n%{http_code}', url];

export const etcdHealth = (): string[] => httpGet('http://127.0.0.1:2381/health');

/** etcd's own numbers, which it tells without quorum too (`e-quorum-loss/03-metrics`); about 20 kB. */
export const etcdMetrics = (): string[] => ['curl', '-s', '-m', '5', 'http://127.0.0.1:2381/metrics'];

/** Seconds until the TCP connection stood, `0.000000` when none came about; what the port says after that does not matter. */
export const canConnect = (address: string, port: number): string[] => [
  'curl',
  '-s',
  '-k',
  '-m',
  '3',
  '-o',
  '/dev/null',
  '-w',
  '%{time_connect}',
  `https://${address.includes(':') ? `[${address}]` : address}:${port}`,
];

/** The end of a unit's journal, bounded: without quorum K3s writes 170,000 lines in a minute (R33). */
export const lastLines = (unit: string, count: number): string[] => [
  'journalctl',
  '--no-pager',
  '-o',
  'cat',
  '-n',
  String(count),
  '-u',
  unit,
];

/** What a unit said in the last half minute, bounded. */
export const recentLines = (unit: string, count: number): string[] => [...lastLines(unit, count), '--since=-30s'];

/** Members as K3s sees them; allowed without a password from the host itself (facts 3.1). */
export const members = (): string[] => httpGet('https://127.0.0.1:6443/db/info');

/**
 * K3s as it has to be called for its tools: with a data directory of its own it would else unpack itself into the default one,
 * and looking must not change a byte.
 */
export const k3sRun = (program: string, dataDir: string): string[] =>
  dataDir === '/var/lib/rancher/k3s' ? [program] : ['env', `K3S_DATA_DIR=${dataDir}`, program];

/** kubectl through K3s' own admin kubeconfig; bounded twice, since without quorum it hangs (R34). */
export const kubectl = (k3s: readonly string[], ...args: string[]): string[] => [
  'timeout',
  '20',
  ...k3s,
  'kubectl',
  '--request-timeout=15s',
  ...args,
];

/** One file's size, owner, mode and modification time. */
export const statFile = (path: string): string[] => ['stat', '-c', '%s %U %a %Y', path];

/** Everything one needs to see whether K3s is really stopped on a server. */
export const stoppedQuestions = (paths: K3sPaths): string[][] => [showUnit(paths.unit), listSockets(), listProcesses()];

/** The ports of K3s that somebody holds. */
export function heldPorts(listeners: readonly { port: number; process: string; pid: number }[]): string[] {
  return listeners
    .filter((one) => (K3S_PORTS as readonly number[]).includes(one.port))
    .map((one) => `${one.port} (${one.process || 'unknown process'}${one.pid > 0 ? `, pid ${one.pid}` : ''})`);
}
