import { bootstrapData } from './bootstrap.js';
import { password, writeFromDatastore } from './credentials.js';
import { at, memberName } from './paths.js';
import type { K3sPorts, K3sState, Lineage, Supervisor } from './ports.js';
import { log, play } from './speak.js';

/** The host in `https://host:6443`. */
export function hostOf(url: string): string {
  return /^https?:\/\/(\[[^\]]+\]|[^:/]+)/.exec(url)?.[1] ?? url;
}

/** A server without a database joins the one named by `server:` (R21, `08-node-2-join`). */
export function joinCluster(ports: K3sPorts, state: K3sState): void {
  const url = state.options.server ?? '';
  const via = ports.etcd.supervisor(hostOf(url));
  if (via === undefined || !via.leading) {
    // Not recorded: K3s' own words for a server that does not answer, then systemd tries again.
    state.vars.FATAL = `Error: preparing server: failed to get CA certs: Get "${url}/cacerts": dial tcp ${hostOf(url)}:6443: connect: connection refused`;
    ports.after(500, { kind: 'phase', phase: 'fatal' });
    return;
  }
  const lineage = ports.etcd.lineage(via.lineage);
  const other = otherCa(ports, state, lineage);
  if (other !== undefined) {
    // The words are those recorded for cred/passwd (R12); that the CA of another cluster leads to them is of facts 1.10, #5714.
    state.vars.FATAL = `Error: preparing server: failed to bootstrap cluster data: ${other} newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.`;
    ports.after(500, { kind: 'phase', phase: 'fatal' });
    return;
  }
  if (lineage.members.some((member) => member.ip === ports.ip)) {
    // Exit 0 before READY=1: systemd calls that `protocol` (R35).
    ports.after(1770, { kind: 'phase', phase: 'duplicate' });
    return;
  }
  state.vars.PNODE = via.node;
  state.vars.PIP = via.member.ip;
  state.vars.PMEMBER = via.member.name;
  state.vars.PID = via.member.id;
  // What it learns from the server it joins is on disk before it is a member.
  state.wal = { lineage: via.lineage, member: '' };
  writeFromDatastore(ports, state);
  delete state.wal;
  play(ports, state, 'join-begin');
  ports.after(1577, { kind: 'phase', phase: 'join-add' });
}

/** The CA file on disk where it is of another cluster than the one that is joined. */
function otherCa(ports: K3sPorts, state: K3sState, lineage: Lineage): string | undefined {
  if (!ports.files.exists(at.ca(state))) return undefined;
  const known = password(ports, state);
  const theirs = known === undefined ? undefined : bootstrapData(lineage.image, known)?.get('ServerCA');
  return theirs === undefined || theirs === ports.files.text(at.ca(state)) ? undefined : at.ca(state);
}

/** The later phases of a join; false for a phase that is not of one. */
export function joinPhase(ports: K3sPorts, state: K3sState, phase: string, up: () => void, ready: () => void): boolean {
  switch (phase) {
    case 'duplicate': {
      const text = 'etcd cluster join failed: duplicate node name found, please use a unique name for this node';
      log(ports, state, 'error', `Shutdown request received: ${text}`);
      ports.exit(0);
      return true;
    }
    case 'join-add':
      return addLearner(ports, state, up);
    case 'join-named':
      return withMember(ports, state, (lineage) => {
        for (const member of lineage.members)
          if (member.id === state.wal?.member) member.name = state.vars.MEMBER ?? '';
        state.led = lineage.leaderSince > 0;
      });
    case 'join-promote':
      return withMember(ports, state, (lineage) => {
        for (const member of lineage.members) {
          if (member.id !== state.wal?.member) continue;
          member.learner = false;
          member.promotedAt = ports.now();
        }
        ports.etcd.review(lineage.id);
      });
    case 'join-voter':
      if (!state.led) return true;
      play(ports, state, 'join-voter');
      return true;
    case 'join-api':
      if (state.led) state.api = 'starting';
      return true;
    case 'join-ready':
      if (state.led) ready();
      else ports.after(5000, { kind: 'phase', phase: 'join-ready' });
      return true;
    default:
      return false;
  }
}

function withMember(ports: K3sPorts, state: K3sState, act: (lineage: Lineage) => void): boolean {
  if (state.wal !== undefined) act(ports.etcd.lineage(state.wal.lineage));
  return true;
}

function current(ports: K3sPorts, state: K3sState): Supervisor | undefined {
  return ports.etcd.supervisor(hostOf(state.options.server ?? ''));
}

function addLearner(ports: K3sPorts, state: K3sState, up: () => void): boolean {
  const via = current(ports, state);
  if (via === undefined || !via.leading) {
    state.vars.FATAL =
      'Error: starting kubernetes: failed to start cluster: start managed database: etcd cluster join failed: context deadline exceeded';
    ports.after(0, { kind: 'phase', phase: 'fatal' });
    return true;
  }
  const lineage = ports.etcd.lineage(via.lineage);
  if (lineage.members.some((member) => member.learner)) {
    // Only one learner at a time (R54).
    log(
      ports,
      state,
      'info',
      'Waiting for other members to finish joining etcd cluster: etcdserver: too many learner members in cluster',
    );
    ports.after(5000, { kind: 'phase', phase: 'join-add' });
    return true;
  }
  const voters = lineage.members.length;
  const name = memberName(ports, state, false);
  state.vars.MEMBER = name;
  state.wal = ports.etcd.join(at.etcd(state), name, ports.ip, lineage.id);
  state.vars.ID = state.wal.member;
  state.vars.CID = lineage.clusterId;
  play(ports, state, 'join-learner');
  up();
  ports.after(550, { kind: 'phase', phase: 'join-named' });
  const promoted = untilPromoted(ports, lineage);
  // From one to two voters ready 17 s after that, from two on 9 s (timings of 08-*, 16 s and 7 s in o-overlapped-rejoin).
  const slow = voters === 1;
  ports.after(promoted, { kind: 'phase', phase: 'join-promote' });
  ports.after(promoted + (slow ? 7000 : 600), { kind: 'phase', phase: 'join-voter' });
  ports.after(promoted + (slow ? 14_000 : 5400), { kind: 'phase', phase: 'join-api' });
  ports.after(promoted + (slow ? 17_000 : 9200), { kind: 'phase', phase: 'join-ready' });
  return true;
}

const LEARNERS_LOOKED_AT_MS = 5000;

/**
 * The leader looks at its learners every five seconds and promotes one that has caught up: recorded at the first look once (1.0 s, node-3 of 08-*), at
 * the second once (8.6 s, node-2 of 08-*) and at the third twice (10.4 s and 12.8 s, o-overlapped-rejoin). Here at the second.
 */
function untilPromoted(ports: K3sPorts, lineage: Lineage): number {
  const since = (ports.now() - lineage.leaderSince) % LEARNERS_LOOKED_AT_MS;
  return 2 * LEARNERS_LOOKED_AT_MS - since;
}
