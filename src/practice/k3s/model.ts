import { agentPhase, beginAgent } from './agent.js';
import { joinPhase } from './join.js';
import type { Options } from './options.js';
import { at } from './paths.js';
import type { K3sEvent, K3sPorts, K3sState } from './ports.js';
import { beginReset, resetPhase, stopReset } from './reset.js';
import { beginServer, etcdUp, kubeletBegins, leaderFound, leaderLost, serverPhase } from './server.js';
import { log, play, speakLines } from './speak.js';

/** How K3s says its version (`a-healthy/node-1.k3s-version.out`). */
export const VERSION_TEXT = 'k3s version v1.35.0+k3s1 (00000000)\ngo version go1.26.8\n';
/** Recorded in `k3s-1.32/00-version.out`. */
export const OLDER_VERSION_TEXT = 'k3s version v1.32.1+k3s1 (00000000)\ngo version go1.26.8\n';
export const VERSION = 'v1.35.0+k3s1';

/** A new process that has not begun yet. */
export function newState(pid: number, options: Options, node: string, ip: string, now: number): K3sState {
  return {
    pid,
    options,
    startedAt: now,
    vars: { DD: options.dataDir, NODE: options.nodeName ?? node, IP: ip },
    phase: 'starting',
    listening: [],
    etcdUp: false,
    led: false,
    api: 'down',
    supervisor: 'down',
    kubelet: false,
    removed: false,
    hollow: false,
    round: 0,
    ready: false,
  };
}

function refusal(ports: K3sPorts, state: K3sState): string | undefined {
  const { options } = state;
  if (options.restorePath !== undefined && !options.clusterReset) {
    return 'invalid flag use; --cluster-reset required with --cluster-reset-restore-path';
  }
  if (options.clusterReset && options.server !== undefined) {
    return 'cannot perform cluster-reset while server URL is set - remove server from configuration before resetting';
  }
  if (options.restorePath !== undefined && !options.tokenGiven && !ports.files.exists(at.token(state))) {
    return `${at.token(state)} does not exist, please pass --token to complete the restoration`;
  }
  return undefined;
}

/**
 * The first act of a K3s process: checks what it was told and starts (sections 1.2 to 1.4 of the fact file).
 * Everything later comes through {@link k3sEvent}.
 */
export function beginK3s(ports: K3sPorts, state: K3sState): void {
  ports.after(state.options.clusterReset ? 298 : 110, { kind: 'phase', phase: 'begin' });
}

function begin(ports: K3sPorts, state: K3sState): void {
  if (state.options.command === 'agent') {
    beginAgent(ports, state);
    return;
  }
  const no = refusal(ports, state);
  if (no !== undefined) {
    log(ports, state, 'fatal', `Error: ${no}`);
    ports.exit(1);
    return;
  }
  if (state.options.clusterReset) {
    state.phase = 'reset';
    beginReset(ports, state);
    return;
  }
  beginServer(ports, state);
}

/** Something happened to a running process: its time came, its peers found or lost a leader. */
export function k3sEvent(ports: K3sPorts, state: K3sState, event: K3sEvent): void {
  if (event.kind === 'say') {
    speakLines(ports, state, event.script, event.from, event.to);
    return;
  }
  if (event.kind === 'leader') {
    if (state.phase !== 'reset') leaderFound(ports, state);
    return;
  }
  if (event.kind === 'leaderless') {
    leaderLost(ports, state);
    return;
  }
  const { phase } = event;
  if (phase === 'begin') {
    begin(ports, state);
    return;
  }
  if (phase === 'stopped') {
    stopped(ports, state);
    return;
  }
  if (resetPhase(ports, state, phase) || agentPhase(ports, state, phase)) return;
  const up = (): void => etcdUp(ports, state);
  const ready = (): void => {
    state.api = 'ready';
    if (!state.ready) ports.ready();
    state.ready = true;
    play(ports, state, 'start-ready');
    kubeletBegins(ports, state);
  };
  if (joinPhase(ports, state, phase, up, ready)) return;
  serverPhase(ports, state, phase, event.round);
}

/** SIGTERM or SIGINT. A server takes 0.2 to 1.1 s to stop, with or without quorum (`p-stop-order`, `c-full-restore/01-stop-*`, less 0.2 s of SSH). */
export function k3sTerminate(ports: K3sPorts, state: K3sState): void {
  if (state.phase === 'reset') {
    stopReset(ports, state);
    return;
  }
  log(ports, state, 'info', 'Shutdown request received');
  if (state.etcdUp) log(ports, state, 'info', 'Stopping etcd server...');
  const { wal } = state;
  state.handsOver = state.led && wal !== undefined && ports.etcd.leads(wal) && ports.etcd.heirs(wal).running > 0;
  state.api = 'down';
  state.phase = 'stopping';
  ports.after(state.options.command === 'agent' ? 100 : 400, { kind: 'phase', phase: 'stopped' });
}

/** Recorded were 10.4 s and 5.6 s (`p-stop-order/parallel-*`, less 0.2 s of SSH) and 10.5 s (R50). */
const WAITS_FOR_HEIRS_MS = 10_000;

/** Where all servers stop at once, the one that leads waits for a quorum that is leaving, too; of several that stop one by one none does (R55). */
function stopped(ports: K3sPorts, state: K3sState): void {
  const waits = state.handsOver === true && state.wal !== undefined && ports.etcd.heirs(state.wal).staying === 0;
  state.handsOver = false;
  if (waits) ports.after(WAITS_FOR_HEIRS_MS, { kind: 'phase', phase: 'stopped' });
  else ports.exit(0);
}
