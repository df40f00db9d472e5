import { transcript } from '../data.js';
import { makeFreshCa, password, writeFromDatastore, writeToken } from './credentials.js';
import { bootstrapKeys, checkSnapshot, tokenHash } from './image.js';
import { at, drop, memberName } from './paths.js';
import type { K3sPorts, K3sState } from './ports.js';
import { log, play, say } from './speak.js';
import { unzipSingle } from './zip.js';

const PREFIX = 'Error: starting kubernetes: failed to start cluster: start managed database: ';
/** From the first line to the first database step, milliseconds (`03-reset-by-hand-node-1.timed`). */
const RESTORE_AT = 949;
const LOOPBACK = ['127.0.0.1:2379', '127.0.0.1:2380', '127.0.0.1:2381', '127.0.0.1:2382'];

function fail(ports: K3sPorts, state: K3sState, message: string): void {
  log(ports, state, 'fatal', message);
  ports.exit(1);
}

/** `k3s server --cluster-reset`, from its first line on. */
export function beginReset(ports: K3sPorts, state: K3sState): void {
  const { files } = ports;
  const fresh = !files.exists(at.ca(state));
  const etcd = at.etcd(state);
  state.vars.BOOT = files.isDirectory(`${etcd}/member/wal`)
    ? 'Managed etcd cluster bootstrap already complete and initialized'
    : 'Managed etcd cluster initializing';
  if (ports.taken(6444) || ports.taken(6443)) {
    for (const line of transcript('reset-begin').slice(0, 2)) say(ports, state, line.text);
    ports.after(700, { kind: 'phase', phase: 'reset-port-taken' });
    return;
  }
  files.mkdir(at.db(state), { parents: true, mode: 0o700 });
  if (fresh) {
    state.vars.NEWCA = String(Math.floor(ports.now() / 1000));
    makeFreshCa(ports, state);
  }
  writeToken(ports, state);
  state.listening = ['*:6443', '127.0.0.1:6444'];
  state.supervisor = 'up';
  if (!fresh && files.exists(`${etcd}/tombstone`)) {
    // v1.35.0 is older than the gate that refuses here: the real database goes to etcd-backup (R5).
    for (const line of transcript('reset-begin').slice(0, 2)) say(ports, state, line.text);
    log(ports, state, 'info', 'tombstone file has been detected, removing data dir to rejoin the cluster');
    files.rename(etcd, `${at.db(state)}/etcd-backup-${Math.floor(ports.now() / 1000)}`);
    files.mkdir(etcd, { mode: 0o700 });
    const lines = transcript('reset-begin');
    for (const [index, line] of lines.entries()) {
      if (index >= 2)
        ports.after(line.ms - (lines[0]?.ms ?? 0), { kind: 'say', script: 'reset-begin', from: index, to: index + 1 });
    }
  } else {
    play(ports, state, fresh ? 'reset-newhost-begin' : 'reset-begin');
  }
  ports.after(RESTORE_AT, { kind: 'phase', phase: 'reset-restore' });
}

/** The later phases of a reset; false for a phase that is not of a reset. */
export function resetPhase(ports: K3sPorts, state: K3sState, phase: string): boolean {
  if (phase === 'reset-port-taken') {
    // 6444, not 6443, is what the real one stumbles over (R11).
    const text = 'listen tcp 127.0.0.1:6444: bind: address already in use';
    log(ports, state, 'warning', `Error starting load balancer: ${text}`);
    log(ports, state, 'info', 'Shutdown request received');
    fail(ports, state, `Error: ${text}`);
  } else if (phase === 'reset-restore') restore(ports, state);
  else if (phase === 'reset-etcd') {
    state.listening.push(...LOOPBACK);
    state.etcdUp = true;
    play(ports, state, state.options.restorePath === undefined ? 'reset-force-etcd' : 'reset-etcd');
    ports.after(4990, { kind: 'phase', phase: 'reset-connected' });
  } else if (phase === 'reset-connected') {
    state.led = true;
    ports.after(play(ports, state, 'reset-connected') + 2, { kind: 'phase', phase: 'reset-token' });
  } else if (phase === 'reset-failed') ports.exit(1);
  else if (phase === 'reset-token') checkToken(ports, state);
  else if (phase === 'reset-finish') finish(ports, state);
  else if (phase === 'reset-exit') ports.exit(0);
  else return false;
  return true;
}

function restore(ports: K3sPorts, state: K3sState): void {
  const path = state.options.restorePath;
  const { files } = ports;
  if (path === undefined) {
    if (files.exists(at.flag(state))) {
      const text = transcript('reset-running-twice').at(-1)?.text ?? '';
      say(ports, state, text);
      ports.exit(1);
      return;
    }
    const wal = ports.etcd.read(at.etcd(state));
    const name = memberName(ports, state, true);
    files.write(at.flag(state), '', 0o600);
    const from =
      wal === undefined
        ? ({ kind: 'new', tokenHash: tokenHash(password(ports, state) ?? '') } as const)
        : ({ kind: 'force', wal } as const);
    state.wal = ports.etcd.begin(at.etcd(state), { name, ip: ports.ip }, from);
    describe(ports, state, name);
    return void resetPhase(ports, state, 'reset-etcd');
  }
  // The process works in <dd>/server: a relative path is looked for there (R4).
  const full = path.startsWith('/') ? path : `${at.server(state)}/${path.replace(/^\.\//, '')}`;
  const missing = !files.exists(full);
  if (missing || files.isDirectory(full)) {
    log(ports, state, 'info', 'Shutdown request received');
    log(ports, state, 'warning', 'failed to list etcd members: context canceled');
    const what = missing ? 'snapshot path does not exist' : 'snapshot path must be a file, not a directory';
    log(ports, state, 'fatal', `${PREFIX}etcd: ${what}: ${path}`);
    log(ports, state, 'info', 'Polling for API server readiness: GET /readyz failed: context canceled');
    ports.exit(1);
    return;
  }
  let bytes = files.read(full);
  state.vars.PATH = path;
  if (path.endsWith('.zip')) {
    log(ports, state, 'info', `Decompressing etcd snapshot file: ${path}`);
    try {
      bytes = unzipSingle(bytes);
    } catch (error) {
      fail(ports, state, `${PREFIX}${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    state.vars.PATH = path.slice(0, -'.zip'.length);
  }
  intoPlace(ports, state, bytes);
}

/** K3s names it by the second. A reset takes several, but where time runs faster than real two tries fall into one. */
function freeName({ files, now }: K3sPorts, folder: string): string {
  let second = Math.floor(now() / 1000);
  while (files.exists(`${folder}/etcd-old-${second}`)) second += 1;
  return `etcd-old-${second}`;
}

/** The live database is moved aside before the snapshot's hash is looked at (R4). */
function intoPlace(ports: K3sPorts, state: K3sState, bytes: Uint8Array): void {
  const { files } = ports;
  const etcd = at.etcd(state);
  if (!files.exists(etcd)) files.mkdir(etcd, { parents: true, mode: 0o700 });
  state.vars.OLD = freeName(ports, at.db(state));
  try {
    files.rename(etcd, `${at.db(state)}/${state.vars.OLD}`);
  } catch {
    fail(ports, state, `${PREFIX}rename ${etcd} ${at.db(state)}/${state.vars.OLD}: device or resource busy`);
    return;
  }
  const lines = transcript('reset-restore');
  const check = checkSnapshot(bytes);
  try {
    files.mkdir(`${etcd}/member/snap`, { parents: true, mode: 0o700 });
    files.write(`${etcd}/member/snap/db`, check.image, 0o600);
  } catch {
    fail(ports, state, `${PREFIX}write ${etcd}/member/snap/db: no space left on device`);
    return;
  }
  if (check.kind !== 'good') {
    for (const line of lines.slice(0, 2)) say(ports, state, line.text);
    log(ports, state, 'info', 'Shutdown request received');
    log(
      ports,
      state,
      'info',
      'Polling for API server readiness: GET /readyz failed: Get "https://127.0.0.1:6444/readyz?timeout=15s&verbose=": context canceled',
    );
    log(ports, state, 'warning', 'failed to list etcd members: context canceled');
    const numbers = (hash: Uint8Array): string => `[${[...hash].join(' ')}]`;
    const text =
      check.kind === 'missing-hash'
        ? 'snapshot missing hash but --skip-hash-check=false'
        : `expected sha256 ${numbers(check.expected)}, got ${numbers(check.got)}`;
    fail(ports, state, PREFIX + text);
    return;
  }
  const name = memberName(ports, state, true);
  const keys = bootstrapKeys(check.image);
  const mine = tokenHash(password(ports, state) ?? '');
  const hash = keys.includes(mine) ? mine : (keys[0] ?? '');
  try {
    // The flag is there before etcd is known to start (R4).
    files.write(at.flag(state), '', 0o600);
    state.wal = ports.etcd.begin(
      etcd,
      { name, ip: ports.ip },
      { kind: 'restore', image: check.image, tokenHash: hash },
    );
  } catch {
    fail(ports, state, `${PREFIX}preallocate ${etcd}/member/wal.tmp: no space left on device`);
    return;
  }
  describe(ports, state, name);
  ports.after(play(ports, state, 'reset-restore'), { kind: 'phase', phase: 'reset-etcd' });
}

function describe(ports: K3sPorts, state: K3sState, name: string): void {
  const wal = state.wal;
  if (wal === undefined) return;
  state.vars.MEMBER = name;
  state.vars.ID = wal.member;
  state.vars.CID = ports.etcd.lineage(wal.lineage).clusterId;
}

function checkToken(ports: K3sPorts, state: K3sState): void {
  const known = password(ports, state);
  if (known === undefined) {
    const text =
      'failed to normalize server token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or <PASSWORD>';
    fail(ports, state, text);
    return;
  }
  const lineage = ports.etcd.lineage(state.wal?.lineage ?? '');
  if (lineage.tokenHash !== tokenHash(known)) {
    fail(ports, state, 'bootstrap data already found and encrypted with different token');
    return;
  }
  if (state.options.clusterReset && !state.ready) {
    state.ready = true;
    ports.ready();
  }
  const tmp = `${at.db(state)}/etcd-tmp`;
  try {
    drop(ports.files, tmp);
    // The whole member directory with its 64 MB log is copied (R17).
    ports.files.copy(at.etcd(state), tmp);
  } catch {
    ports.files.mkdir(`${tmp}/member/wal`, { parents: true, mode: 0o700 });
    const took = play(ports, state, 'reset-disk-full');
    ports.after(took, { kind: 'phase', phase: 'reset-failed' });
    return;
  }
  state.vars.TLS = `tls-${Math.floor(ports.now() / 1000)}`;
  resetPhase(ports, state, 'reset-finish');
}

function finish(ports: K3sPorts, state: K3sState): void {
  const server = at.server(state);
  const backup = `${server}/${state.vars.TLS}`;
  drop(ports.files, backup);
  ports.files.copy(`${server}/tls`, backup);
  writeFromDatastore(ports, state);
  drop(ports.files, `${at.db(state)}/etcd-tmp`);
  const forced = state.options.restorePath === undefined ? 'reset-force-finish' : 'reset-finish';
  const script = state.vars.NEWCA === undefined ? forced : 'reset-newhost-finish';
  ports.after(play(ports, state, script) + 15, { kind: 'phase', phase: 'reset-exit' });
}

/** SIGTERM in the middle: exit 0, no marker, the reset-flag stays (R8). */
export function stopReset(ports: K3sPorts, state: K3sState): void {
  if (state.etcdUp) play(ports, state, 'reset-sigterm');
  else log(ports, state, 'info', 'Shutdown request received');
  ports.exit(0);
}
