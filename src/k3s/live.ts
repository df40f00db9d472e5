import { JOURNAL_NAME, systemdWord } from './reset.js';
import { runDir } from './scripts.js';

/**
 * A snapshot of an etcd that has lost its quorum: `etcdctl snapshot save` is served by the member itself and still works then, while
 * `k3s etcd-snapshot save` hangs until K3s dies (R31, `e-quorum-loss/03-etcdctl-snapshot-save`). K3s brings no etcdctl of its own.
 */

/** Where packages and people put it. */
const PLACES = ['/usr/local/bin', '/usr/bin', '/usr/local/sbin', '/opt/bin'] as const;

/** `path mode` of each etcdctl that is there; exits 1 when one of them is not. */
export const findEtcdctl = (): string[] => ['stat', '-L', '-c', '%n %a', ...PLACES.map((place) => `${place}/etcdctl`)];

/** Whether one of them may be run, by what {@link findEtcdctl} says. */
export const hasEtcdctl = (said: string): boolean =>
  said.split('\n').some((line) => (Number.parseInt(/^\/\S+ ([0-7]+)$/.exec(line)?.[1] ?? '0', 8) & 0o111) !== 0);

/** With the client certificate of K3s, which opens etcd (facts 2.1); 3.3 and older know `snapshot` only with `ETCDCTL_API=3`. */
const etcdctl = (tls: string, seconds: number, ...command: string[]): string[] => [
  'ETCDCTL_API=3',
  'timeout',
  String(seconds),
  'etcdctl',
  '--endpoints=https://127.0.0.1:2379',
  `--cacert=${tls}/etcd/server-ca.crt`,
  `--cert=${tls}/etcd/client.crt`,
  `--key=${tls}/etcd/client.key`,
  ...command,
];

const PATH = `PATH=${[...PLACES, '/usr/sbin', '/bin', '/sbin'].join(':')}`;

/**
 * Whether etcd serves clients, which it tells without quorum too (R31). Its health port says nothing of that: an etcd that was started anew
 * without quorum answers there, and serves nobody (`05-node-1-journal-restart-without-quorum`).
 */
export const etcdServes = (tls: string): string[] => ['env', PATH, ...etcdctl(tls, 8, 'endpoint', 'status')];

export const liveSnapshotPath = (run: string): string => `${runDir(run)}/live-snapshot.db`;

/** It ends by itself after this long: K3s gives up a minute after quorum is lost (R33), and the stop must not wait for more. Seconds. */
const PATIENCE = 120;

/** A snapshot as etcdctl leaves it has 32 bytes of sha256 after whole pages (facts 7.1). */
export const hasTrailer = (size: number): boolean => size > 32 && size % 512 === 32;

export interface LivePlan {
  readonly run: string;
  readonly unit: string;
  readonly attemptDir: string;
  readonly wrapper: string;
  /** `server/tls` of the K3s that runs. */
  readonly tls: string;
}

/** The whole `systemd-run` command. The unit is gone once it has ended, the receipt stays. */
export const liveSnapshotCommand = ({ run, unit, attemptDir, wrapper, tls }: LivePlan): string[] => [
  'systemd-run',
  `--unit=${unit}`,
  '--description=blackstart: snapshot of etcd while it runs',
  '--collect',
  '-p',
  'LogRateLimitIntervalSec=0',
  '-p',
  `SyslogIdentifier=${JOURNAL_NAME}`,
  '-p',
  `Environment=${PATH}`,
  '--',
  '/bin/sh',
  wrapper,
  attemptDir,
  ...etcdctl(tls, PATIENCE, 'snapshot', 'save', liveSnapshotPath(run)).map(systemdWord),
];
