import { bootstrapData } from './bootstrap.js';
import { password } from './credentials.js';
import { hostOf } from './join.js';
import type { K3sPorts, K3sState, Lineage } from './ports.js';
import { log, play } from './speak.js';

/** `k3s agent`: active once a server answers; waits in `activating` until then (R45). */
export function beginAgent(ports: K3sPorts, state: K3sState): void {
  state.phase = 'agent';
  state.vars.PIP = hostOf(state.options.server ?? '');
  if (state.options.server === undefined) {
    log(ports, state, 'fatal', 'Error: --server is required');
    ports.exit(1);
    return;
  }
  play(ports, state, 'agent-begin');
  state.listening = ['127.0.0.1:6444'];
  ports.after(2200, { kind: 'phase', phase: 'agent-ready' });
}

function serversOf(ports: K3sPorts, state: K3sState): string[] {
  const file = `${state.options.dataDir}/agent/etc/k3s-agent-load-balancer.json`;
  const known = new Set([hostOf(state.options.server ?? '')]);
  if (ports.files.exists(file)) {
    for (const match of ports.files.text(file).matchAll(/"([0-9.]+):6443"/g))
      if (match[1] !== undefined) known.add(match[1]);
  }
  return [...known];
}

/** Whether the CA it keeps is that of the cluster; without one it takes the cluster's. */
function trusts(ports: K3sPorts, state: K3sState, lineage: Lineage): boolean {
  const known = password(ports, state);
  const theirs = known === undefined ? undefined : bootstrapData(lineage.image, known)?.get('ServerCA');
  const file = `${state.options.dataDir}/agent/server-ca.crt`;
  if (theirs === undefined) return true;
  if (!ports.files.exists(file)) ports.files.write(file, theirs, 0o600);
  return ports.files.text(file) === theirs;
}

/** The later phases of an agent; false for a phase that is not of one. */
export function agentPhase(ports: K3sPorts, state: K3sState, phase: string): boolean {
  if (phase !== 'agent-ready' && phase !== 'agent-heartbeat') return false;
  const via = serversOf(ports, state)
    .map((ip) => ports.etcd.supervisor(ip))
    .find((server) => server?.leading && ports.etcd.lineage(server.lineage).apiSince > 0);
  if (via === undefined) {
    state.kubelet = false;
    if (!state.ready)
      log(
        ports,
        state,
        'error',
        `failed to validate connection to cluster at ${state.options.server}: failed to get CA certs: Get "https://127.0.0.1:6444/cacerts": EOF`,
      );
    ports.after(5000, { kind: 'phase', phase });
    return true;
  }
  const lineage = ports.etcd.lineage(via.lineage);
  if (!state.ready && !trusts(ports, state, lineage)) {
    // Not recorded: symptoms 53 and 41 of the facts, which say that its certificates of the old CA have to go.
    log(
      ports,
      state,
      'error',
      `Failed to validate connection to cluster at ${state.options.server}: tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    );
    ports.after(5000, { kind: 'phase', phase });
    return true;
  }
  const name = state.options.nodeName ?? ports.node;
  const known = lineage.nodes.find((node) => node.name === name);
  if (known === undefined) {
    lineage.nodes.push({ name, ip: ports.ip, role: 'agent', seen: ports.now(), created: ports.now(), annotations: {} });
  } else known.seen = ports.now();
  state.kubelet = true;
  state.vars.LINEAGE = via.lineage;
  if (!state.ready) {
    log(ports, state, 'info', 'k3s agent is up and running');
    state.ready = true;
    ports.ready();
  }
  ports.after(10_000, { kind: 'phase', phase: 'agent-heartbeat' });
  return true;
}
