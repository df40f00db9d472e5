import { transcript } from '../data.js';
import { makeFreshCa, password, writeFromDatastore, writeToken } from './credentials.js';
import { imageOpens, tokenHash } from './image.js';
import { joinCluster } from './join.js';
import { passwordRefused } from './node-password.js';
import { at, drop, memberName, passwdFor } from './paths.js';
import type { K3sPorts, K3sState } from './ports.js';
import { log, play, say, speakLines } from './speak.js';

/** What the data directory allows a normal start to be. */
type Start = 'existing' | 'unverified' | 'join' | 'new';

const CLUSTER_PORTS = ['2379', '2380'];
const LOOPBACK_PORTS = ['2379', '2380', '2381', '2382'];

function kindOfStart(ports: K3sPorts, state: K3sState): Start {
  const etcd = at.etcd(state);
  if (ports.files.isDirectory(`${etcd}/member/wal`)) return 'existing';
  if (ports.files.exists(`${etcd}/member/snap/db`)) return 'unverified';
  return state.options.server === undefined ? 'new' : 'join';
}

/** A normal `k3s server`, from its first line on. */
export function beginServer(ports: K3sPorts, state: K3sState): void {
  const { files } = ports;
  state.phase = 'begin';
  if (ports.taken(6443) || ports.taken(6444)) {
    for (const line of transcript('reset-begin').slice(0, 1)) say(ports, state, line.text);
    log(ports, state, 'fatal', 'Error: listen tcp :6443: bind: address already in use');
    ports.exit(1);
    return;
  }
  tombstone(ports, state);
  const start = kindOfStart(ports, state);
  const fresh = !files.exists(at.ca(state));
  state.vars.BOOT =
    start === 'existing'
      ? 'Managed etcd cluster bootstrap already complete and initialized'
      : 'Managed etcd cluster initializing';
  state.vars.START = start;
  if (start === 'existing' && !localBootstrap(ports, state)) return;
  files.mkdir(at.db(state), { parents: true, mode: 0o700 });
  if (fresh && start !== 'join') {
    state.vars.NEWCA = String(Math.floor(ports.now() / 1000));
    makeFreshCa(ports, state);
  }
  if (start !== 'join') writeToken(ports, state);
  state.listening = ['*:6443', '127.0.0.1:6444'];
  state.supervisor = 'starting';
  ports.after(300, { kind: 'phase', phase: 'supervisor' });
  if (start === 'join') {
    joinCluster(ports, state);
    return;
  }
  if (start === 'existing') {
    const wal = ports.etcd.read(at.etcd(state));
    state.wal = wal ?? { lineage: '', member: '' };
    const alone = wal !== undefined && ports.etcd.lineage(wal.lineage).members.length === 1;
    describe(ports, state);
    const took = play(ports, state, alone ? 'start-begin' : 'cold-begin');
    ports.after(alone ? took : Math.max(took, 5400), { kind: 'phase', phase: 'etcd' });
    return;
  }
  if (start === 'unverified') {
    const took = 930;
    for (const [index, line] of transcript('new-cluster-begin').entries()) {
      if (line.ms > took) break;
      ports.after(line.ms, { kind: 'say', script: 'new-cluster-begin', from: index, to: index + 1 });
    }
    ports.after(took, { kind: 'phase', phase: 'unverified' });
    return;
  }
  const took = play(ports, state, 'new-cluster-begin');
  ports.after(Math.min(took, 2000), { kind: 'phase', phase: 'etcd-new' });
}

/** A removed member's leftover makes the next start put its database aside (R5, R36). */
function tombstone(ports: K3sPorts, state: K3sState): void {
  const etcd = at.etcd(state);
  if (!ports.files.exists(`${etcd}/tombstone`)) return;
  log(ports, state, 'info', 'tombstone file has been detected, removing data dir to rejoin the cluster');
  ports.files.rename(etcd, `${at.db(state)}/etcd-backup-${Math.floor(ports.now() / 1000)}`);
}

/** Reads the bootstrap data out of a copy of the local database, before etcd starts; false when that ended it. */
function localBootstrap(ports: K3sPorts, state: K3sState): boolean {
  const { files } = ports;
  const etcd = at.etcd(state);
  const first = transcript('start-begin');
  const intro = (count: number): void => {
    for (const line of first.slice(0, count)) say(ports, state, line.text);
  };
  const db = `${etcd}/member/snap/db`;
  if (!files.exists(db) || !imageOpens(files.read(db))) {
    intro(4);
    ports.after(350, { kind: 'phase', phase: 'sigbus' });
    return false;
  }
  const wal = ports.etcd.read(etcd);
  if (wal === undefined) {
    intro(4);
    ports.after(350, { kind: 'phase', phase: 'sigbus' });
    return false;
  }
  const known = password(ports, state);
  const lineage = ports.etcd.lineage(wal.lineage);
  if (known === undefined || tokenHash(known) !== lineage.tokenHash) {
    intro(4);
    const text = 'bootstrap data already found and encrypted with different token';
    ports.after(350, { kind: 'phase', phase: 'fatal' });
    state.vars.FATAL = `Error: preparing server: failed to bootstrap cluster data: failed to reconcile with local datastore: ${text}`;
    return false;
  }
  if (files.exists(at.passwd(state)) && files.text(at.passwd(state)) !== passwdFor(known)) {
    // Left by a reset with the wrong token; only removing it or a reset with the right one heals this (R12).
    intro(4);
    ports.after(290, { kind: 'phase', phase: 'fatal' });
    state.vars.FATAL = `${at.passwd(state)} newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.`;
    return false;
  }
  state.wal = wal;
  writeFromDatastore(ports, state);
  return true;
}

function describe(ports: K3sPorts, state: K3sState): void {
  const wal = state.wal;
  if (wal === undefined || wal.lineage === '') return;
  const lineage = ports.etcd.lineage(wal.lineage);
  state.vars.ID = wal.member;
  state.vars.CID = lineage.clusterId;
  state.vars.MEMBER = memberName(ports, state, false);
}

/** Opens etcd's ports and says so to its peers. */
export function etcdUp(ports: K3sPorts, state: K3sState): void {
  state.listening.push(
    ...LOOPBACK_PORTS.map((port) => `127.0.0.1:${port}`),
    ...CLUSTER_PORTS.map((port) => `${ports.ip}:${port}`),
  );
  state.etcdUp = true;
  state.phase = 'waiting for a leader';
}

/** The later phases of a normal start; false for a phase that is not of one. */
export function serverPhase(ports: K3sPorts, state: K3sState, phase: string, round?: number): boolean {
  switch (phase) {
    case 'supervisor':
      state.supervisor = 'up';
      return true;
    case 'fatal':
      log(ports, state, 'fatal', state.vars.FATAL ?? 'fatal');
      ports.exit(1);
      return true;
    case 'sigbus':
      speakLines(ports, state, 'sigbus', 0, 46);
      ports.exit(2);
      return true;
    case 'unverified':
      return unverified(ports, state);
    case 'etcd-new':
      return newCluster(ports, state);
    case 'etcd':
      return existingMember(ports, state);
    case 'no-leader':
      if (!state.led && state.etcdUp && !state.removed && round === state.round) {
        play(ports, state, 'no-leader');
        ports.after(30_000, { kind: 'phase', phase: 'no-leader', round: state.round });
      }
      return true;
    case 'api':
      if (round === state.round) state.api = 'starting';
      return true;
    case 'ready':
      if (round === state.round) becomeReady(ports, state);
      return true;
    case 'password':
      if (state.api === 'ready') kubeletBegins(ports, state);
      else ports.after(7000, { kind: 'phase', phase: 'password' });
      return true;
    case 'flag':
      drop(ports.files, at.flag(state));
      return true;
    case 'gives-up':
      // A running K3s without quorum ends itself after a minute (R33).
      if (!state.led && round === state.round) {
        log(ports, state, 'fatal', 'leaderelection lost for k3s');
        ports.exit(1);
      }
      return true;
    default:
      return false;
  }
}

/** A database without a log, left by a restore that failed its hash check (R13). */
function unverified(ports: K3sPorts, state: K3sState): boolean {
  const etcd = at.etcd(state);
  log(ports, state, 'info', 'Starting etcd for new cluster, cluster-reset=false');
  if (!imageOpens(ports.files.read(`${etcd}/member/snap/db`))) return serverPhase(ports, state, 'sigbus');
  memberName(ports, state, false);
  state.hollow = true;
  etcdUp(ports, state);
  return true;
}

/** A wiped server without `server:` makes a new empty cluster, or dies of its old peers (R19). */
function newCluster(ports: K3sPorts, state: K3sState): boolean {
  const name = memberName(ports, state, false);
  const known = password(ports, state) ?? '';
  state.wal = ports.etcd.begin(at.etcd(state), { name, ip: ports.ip }, { kind: 'new', tokenHash: tokenHash(known) });
  describe(ports, state);
  const mine = state.wal;
  const clash = ports.etcd
    .leading()
    .some((other) => other.id !== mine.lineage && other.members.some((member) => member.id === mine.member));
  if (clash) {
    speakLines(ports, state, 'tocommit', 0, 14);
    ports.exit(2);
    return true;
  }
  etcdUp(ports, state);
  ports.etcd.review(mine.lineage);
  return true;
}

/** etcd opens an existing data directory and looks for its peers. */
function existingMember(ports: K3sPorts, state: K3sState): boolean {
  const wal = state.wal;
  if (wal === undefined) return true;
  const lineage = ports.etcd.lineage(wal.lineage);
  etcdUp(ports, state);
  for (const peer of lineage.members) {
    if (peer.ip === ports.ip) continue;
    const met = ports.etcd.supervisor(peer.ip);
    if (met === undefined || met.lineage === wal.lineage) continue;
    const theirs = ports.etcd.lineage(met.lineage);
    state.vars.PEER = met.member.id;
    if (theirs.clusterId === lineage.clusterId && theirs.removed.includes(wal.member)) {
      // Dropped by a reset without restore: K3s does not exit, it stays in `activating` (R22).
      state.removed = true;
      play(ports, state, 'removed');
      return true;
    }
    play(ports, state, 'mismatch-peer');
  }
  if (!lineage.members.some((member) => member.id === wal.member)) {
    state.removed = true;
    play(ports, state, 'removed');
    return true;
  }
  state.round += 1;
  ports.after(1100, { kind: 'phase', phase: 'no-leader', round: state.round });
  ports.etcd.review(wal.lineage);
  return true;
}

/** etcd found a leader: the rest of the start, with the timing of the recording that fits. */
export function leaderFound(ports: K3sPorts, state: K3sState): void {
  if (state.led || state.removed || !state.etcdUp) return;
  state.led = true;
  state.round += 1;
  const { round } = state;
  if (state.ready) return;
  if (state.vars.START === 'join') return;
  const lineage = ports.etcd.lineage(state.wal?.lineage ?? '');
  const alone = lineage.members.length === 1;
  const took = play(ports, state, alone ? 'start-etcd' : 'cold-etcd');
  // Alone: ready 3.4 s after etcd (05-start-node-1); three at once: 20 s (00-cold-start).
  ports.after(1000, { kind: 'phase', phase: 'api', round });
  ports.after(alone ? 3480 : Math.max(took, 20_000), { kind: 'phase', phase: 'ready', round });
}

/** The leader is gone while this K3s runs: lines at once, its own end after a minute (R33). */
export function leaderLost(ports: K3sPorts, state: K3sState): void {
  if (!state.led) return;
  state.led = false;
  state.round += 1;
  if (!state.ready) {
    state.api = 'down';
    return;
  }
  play(ports, state, 'quorum-lost');
  ports.after(61_600, { kind: 'phase', phase: 'gives-up', round: state.round });
}

function becomeReady(ports: K3sPorts, state: K3sState): void {
  if (state.wal === undefined) return;
  const lineage = ports.etcd.lineage(state.wal.lineage);
  state.api = 'ready';
  if (lineage.apiSince === 0) lineage.apiSince = ports.now();
  lineage.leaderSince ||= ports.now();
  play(ports, state, 'start-ready');
  if (!state.ready) ports.ready();
  state.ready = true;
  kubeletBegins(ports, state);
  if (ports.files.exists(at.flag(state))) ports.after(1280, { kind: 'phase', phase: 'flag' });
}

const KUBECONFIG = '/etc/rancher/k3s/k3s.yaml';

/** The agent in a server asks for its certificates, again and again where its password is another node's. */
export function kubeletBegins(ports: K3sPorts, state: K3sState): void {
  if (state.wal === undefined || state.kubelet) return;
  // What kubectl on this server reads.
  if (!ports.files.exists(KUBECONFIG)) ports.files.write(KUBECONFIG, 'apiVersion: v1\nkind: Config\n', 0o600);
  if (passwordRefused(ports, state, ports.etcd.lineage(state.wal.lineage))) {
    ports.after(7000, { kind: 'phase', phase: 'password' });
    return;
  }
  state.kubelet = true;
  registerNode(ports, state);
}

/** The kubelet registers its Node, K3s annotates it with its etcd member (`a-healthy/node-1.get-nodes-json.out`). */
export function registerNode(ports: K3sPorts, state: K3sState): void {
  if (state.wal === undefined) return;
  const lineage = ports.etcd.lineage(state.wal.lineage);
  const name = state.options.nodeName ?? ports.node;
  const annotations = {
    'etcd.k3s.cattle.io/node-address': ports.ip,
    'etcd.k3s.cattle.io/node-name': state.vars.MEMBER ?? name,
  };
  const known = lineage.nodes.find((node) => node.name === name);
  if (known !== undefined) {
    known.annotations = { ...known.annotations, ...annotations };
    known.seen = ports.now();
  } else {
    lineage.nodes.push({ name, ip: ports.ip, role: 'server', seen: ports.now(), created: ports.now(), annotations });
  }
}
