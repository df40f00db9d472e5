import type { Clock } from '../base/clock.js';
import { systemClock } from '../base/clock.js';
import { Bucket } from './bucket/bucket.js';
import { snapshot, snapshotObjects } from './data.js';
import type { FaultName } from './faults.js';
import { clusterId, memberId } from './k3s/ids.js';
import { checkSnapshot, tokenHash } from './k3s/image.js';
import { newState } from './k3s/model.js';
import { readOptions } from './k3s/options.js';
import type { K3sState, Lineage } from './k3s/ports.js';
import { loadedCopy } from './loaded.js';
import { addContainer } from './node/containers.js';
import { goneNode, writeDataDir } from './node/fabric.js';
import { HOSTS, type HostPlan } from './node/hosts.js';
import { makeDisk, TOKEN } from './node/layout.js';
import { PracticeNode } from './node/node.js';
import { Replay } from './node/replay.js';
import { copyPlain, type NodeState, type World, type WorldEvent } from './node/state.js';
import { Timeline } from './node/time.js';
import { type Serving, serve } from './serve.js';

export interface PracticeOptions {
  readonly clock?: Clock;
  readonly seed?: number;
  /** How many times faster than the recordings everything goes. */
  readonly speed?: number;
  readonly faults?: readonly FaultName[];
}

/** The history all members belonged to before the disaster: later than the newest backup, with node-5 in it. */
const BEFORE = 'before';
const MEMBERS = [
  ['node-1', '10.77.0.11', 'node-1-fdafbdfa'],
  ['node-2', '10.77.0.12', 'node-2-d6483b51'],
  ['node-3', '10.77.0.13', 'node-3-10bd7f5c'],
] as const;
const JOINED_IDS = ['24308fb88dd84fe7', 'dce92fdd5f0e990b'];

/** An agent that was scrapped long ago; nobody deleted its Node. */
const GONE_NODE = { name: 'node-9', ip: '10.77.0.19', role: 'agent', seen: 0, created: 0, annotations: {} } as const;

/** Two of three servers are gone. */
const LOST_QUORUM: readonly FaultName[] = ['lost-quorum', 'damaged-survivor', 'survivor-behind', 'peer-returns'];
/** node-3 has no database, and its member is still listed. */
const WIPED: readonly FaultName[] = ['wiped-member', 'stale-learner', 'wrong-server'];
/** Faults of a cluster whose data was sound before them; without any of these every database is damaged. */
const SOUND: readonly FaultName[] = [
  'healthy',
  'two-survivors',
  'dead-member',
  'stopped-member',
  'damaged-member',
  'wiped-member',
  'stale-learner',
  'wrong-server',
  'newer-files',
  'rejected-password',
  'fresh-host',
  ...LOST_QUORUM,
];

/** A K3s cluster in memory: hosts, their disks and processes, the bucket with its backups. */
export class PracticeCluster {
  readonly nodes = new Map<string, PracticeNode>();
  readonly time: Timeline;

  private constructor(
    readonly world: World,
    clock: Clock,
    readonly faults: ReadonlySet<FaultName>,
    readonly bucket: Bucket,
    readonly dataDir: string,
  ) {
    this.time = new Timeline(world, clock, (event) => this.#happen(event));
    for (const name of world.nodes.keys()) this.nodes.set(name, new PracticeNode(this.time, name, this.nodes));
  }

  /** Builds a cluster with its faults; processes begin to run at once. */
  static create(options: PracticeOptions): PracticeCluster {
    const clock = options.clock ?? systemClock;
    const faults: ReadonlySet<FaultName> = new Set(options.faults ?? []);
    const dataDir = faults.has('custom-data-dir') ? '/data/k3s' : '/var/lib/rancher/k3s';
    const world: World = {
      nodes: new Map(),
      lineages: new Map(),
      events: [],
      seq: 0,
      random: options.seed ?? 1,
      speed: options.speed ?? 1,
      gone: faults.has('gone-node') ? [GONE_NODE] : [],
    };
    const now = clock.now();
    for (const host of HOSTS) world.nodes.set(host.name, hostState(host, clock, faults, dataDir));
    const before = lineageBefore(now);
    world.lineages.set(BEFORE, { ...before, nodes: [...before.nodes, ...world.gone.map(goneNode)] });
    const cluster = new PracticeCluster(world, clock, faults, new Bucket(now, faults), dataDir);
    cluster.#arrange();
    cluster.time.arm();
    return cluster;
  }

  /**
   * An independent copy: disks, units, journals, running K3s processes, shells of units and what is planned for them. Commands
   * in flight stay with the original. A different clock must stand at the same time.
   * @throws when a unit's shell is between two steps just now ({@link forkable})
   */
  fork(clock: Clock = this.time.clock): PracticeCluster {
    if (!this.forkable) throw new Error('cannot fork while the shell of a unit is in the middle of a program');
    const world = copyPlain(this.world);
    for (const node of world.nodes.values()) {
      for (const [pid, proc] of node.procs)
        if (proc.k3s === undefined && proc.script === undefined) node.procs.delete(pid);
    }
    const copy = new PracticeCluster(world, clock, this.faults, this.bucket, this.dataDir);
    for (const node of copy.nodes.values()) node.resumeScripts();
    copy.time.arm();
    return copy;
  }

  /** Whether every shell of a unit stands where a copy can go on from: between two programs, or waiting for a K3s process. */
  get forkable(): boolean {
    return [...this.world.nodes.values()].every((node) =>
      [...node.procs.values()].every((proc) => proc.script === undefined || Replay.isCopyable(proc.script)),
    );
  }

  node(name: string): PracticeNode {
    const found = this.nodes.get(name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** Opens SSH and S3 on loopback and writes the files of an inventory into a directory. */
  listen(dir: string, onConnections?: (count: number) => void): Promise<Serving> {
    return serve(this, dir, onConnections);
  }

  /** Stops all waiting; nothing happens any more. */
  close(): void {
    this.time.close();
  }

  #happen(event: WorldEvent): void {
    const node = this.nodes.get(event.node);
    if (node === undefined) return;
    if (event.kind === 'k3s') {
      node.k3sHappens(event.pid, event.event);
      return;
    }
    if (event.kind === 'unit') {
      node.systemd.planned(event.unit, event.op, event.job);
      return;
    }
    if (event.act === 'power-on') {
      node.powerOn();
      return;
    }
    if (event.act === 'peer-start') {
      const unit = node.systemd.unit('k3s');
      if (unit !== undefined && node.state.power === 'on' && unit.active !== 'active' && unit.active !== 'activating')
        node.systemd.start(unit);
      this.time.after(20_000, { node: event.node, kind: 'act', act: 'peer-start' });
    }
  }

  /** Puts the hosts into the state the faults describe. */
  #arrange(): void {
    const { faults } = this;
    const sound = SOUND.some((fault) => faults.has(fault));
    for (const [name, ip] of MEMBERS) {
      const node = this.node(name);
      if (!node.files().exists('/usr/local/bin/k3s')) continue;
      const dir = `${this.dataDir}/server/db/etcd`;
      if (faults.has('sqlite') && name === 'node-1') {
        node.files().write(`${this.dataDir}/server/db/state.db`, 'SQLite format 3\0', 0o644);
        continue;
      }
      const lineage = node.etcd.lineage(BEFORE);
      const member = lineage.members.find((one) => one.ip === ip);
      const damaged =
        !sound ||
        (faults.has('damaged-survivor') && name === 'node-1') ||
        (faults.has('damaged-member') && name === 'node-3');
      const image = damaged ? lineage.image.slice(0, Math.min(1_000_100, lineage.image.length >> 1)) : lineage.image;
      if (WIPED.some((fault) => faults.has(fault)) && name === 'node-3') {
        if (member !== undefined) member.learner = faults.has('stale-learner');
        if (faults.has('wrong-server')) this.#namesGoneServer(node);
        continue;
      }
      if (faults.has('survivor-behind') && name === 'node-1') {
        // An hour-old history of its own: what the others wrote since never reached it.
        const behind = checkSnapshot(snapshot('s1')).image;
        writeDataDir(node.files(), dir, { lineage: BEFORE, member: member?.id ?? '' }, behind, lineage);
        node.files().write(`${dir}/name`, member?.name ?? '', 0o600);
        continue;
      }
      writeDataDir(node.files(), dir, { lineage: BEFORE, member: member?.id ?? '' }, lineage.image, lineage);
      node.files().write(`${dir}/name`, member?.name ?? '', 0o600);
      // As after `truncated` in d-reset-failures: the database ends before its last page.
      if (damaged) node.files().write(`${dir}/member/snap/db`, image, 0o600);
      if (faults.has('db-mount-point') && name === 'node-1') node.state.disk.mounts.push(dir);
    }
    this.#earlierAttempt();
    if (sound) for (const host of HOSTS) this.#runAsBefore(host);
    else this.#crashLoops();
    if (faults.has('leftover-containers')) this.#leaveContainers();
    this.#disturb();
  }

  /** One that the API does not know and the kubelet does not get rid of, beside one that it knows. */
  #leaveContainers(): void {
    const node = this.node('node-2');
    addContainer(node, 'batch/import-28934510-7xk2p', true);
    const pod = { namespace: 'shop', name: 'web-678b5dfc9f-htg6l', image: 'busybox', command: [], node: node.name };
    node.etcd.lineage(BEFORE).pods.push({ ...pod, created: this.time.now() - 3_600_000, runs: true, keeps: true });
    addContainer(node, `${pod.namespace}/${pod.name}`);
  }

  /** Its own data and member are gone, and whom it would join was scrapped. */
  #namesGoneServer(node: PracticeNode): void {
    const lineage = node.etcd.lineage(BEFORE);
    lineage.members = lineage.members.filter((one) => one.ip !== node.state.ip);
    lineage.nodes = lineage.nodes.filter((one) => one.name !== node.state.name);
    const file = '/etc/rancher/k3s/config.yaml';
    const config = node
      .files()
      .text(file)
      .replace(/^server: .*$/m, 'server: https://10.77.0.99:6443');
    node.files().write(file, config, 0o600);
  }

  #earlierAttempt(): void {
    if (!this.faults.has('earlier-attempt')) return;
    const files = this.node('node-1').files();
    const db = `${this.dataDir}/server/db`;
    const seconds = Math.floor(this.time.now() / 1000) - 900;
    files.rename(`${db}/etcd`, `${db}/etcd-old-${seconds}`);
    files.mkdir(`${db}/etcd/member/snap`, { parents: true, mode: 0o700 });
    files.write(`${db}/etcd/member/snap/db`, snapshot('s2').slice(0, 1_000_100), 0o600);
  }

  /** A host of a cluster that is sound on the whole. */
  #runAsBefore(host: HostPlan): void {
    const { faults } = this;
    const stopped =
      (faults.has('stopped-member') && host.name === 'node-3') ||
      (faults.has('two-survivors') && host.role === 'server');
    const dying =
      host.name === 'node-3'
        ? ['damaged-member', 'newer-files', ...WIPED].some((fault) => faults.has(fault as FaultName))
        : host.name === 'node-1' && (faults.has('damaged-survivor') || faults.has('survivor-behind'));
    if (stopped) return;
    if (faults.has('rejected-password') && host.name === 'node-3') {
      const node = this.node(host.name);
      node.files().write('/etc/rancher/node/password', 'of-another-machine\n', 0o600);
      const unit = node.systemd.unit('k3s');
      if (unit !== undefined) node.systemd.start(unit);
      return;
    }
    if (!dying) {
      this.#runSteadily(host);
      return;
    }
    const node = this.node(host.name);
    const unit = node.systemd.unit('k3s');
    if (unit === undefined) return;
    if (faults.has('newer-files'))
      node
        .files()
        .write(`${this.dataDir}/server/cred/passwd`, 'old,node,node,k3s:agent\nold,server,server,k3s:server\n', 0o600);
    node.systemd.start(unit);
    unit.restarts = faults.has('survivor-behind') ? 1 : 37;
  }

  /** Servers die of their damaged databases over and over; agents run and wait. */
  #crashLoops(): void {
    for (const host of HOSTS) {
      const node = this.node(host.name);
      const unit = node.systemd.unit(host.role === 'server' ? 'k3s' : 'k3s-agent');
      if (unit === undefined) continue;
      if (host.role === 'agent') this.#runSteadily(host);
      else {
        node.systemd.start(unit);
        unit.restarts = 37;
      }
    }
  }

  /** A host whose K3s has been up for long. */
  #runSteadily(host: HostPlan): void {
    const node = this.node(host.name);
    const unit = node.systemd.unit(host.role === 'server' ? 'k3s' : 'k3s-agent');
    if (unit === undefined) return;
    const now = this.time.now();
    const proc = node.newProc(`/usr/local/bin/k3s ${host.role}`, 'root', unit.name);
    proc.k3s = steadyState(proc.pid, node, host, now);
    Object.assign(unit, {
      active: 'active',
      sub: 'running',
      mainPid: proc.pid,
      execStartAt: now - 3_600_000,
      changedAt: now - 3_590_000,
      activeEnterAt: now - 3_590_000,
      inactiveExitAt: now - 3_600_000,
      jobResult: 'done',
      assertResult: 'yes',
      invocation: node.hex(32),
    });
    if (host.role === 'agent') {
      this.time.after(1000, {
        node: host.name,
        kind: 'k3s',
        pid: proc.pid,
        event: { kind: 'phase', phase: 'agent-heartbeat' },
      });
    } else {
      const lineage = node.etcd.lineage(BEFORE);
      lineage.leaderSince ||= now - 3_590_000;
      lineage.apiSince ||= now - 3_590_000;
    }
  }

  #disturb(): void {
    const { faults } = this;
    const down = (name: string): void => this.node(name).powerOff();
    if (faults.has('dead-server') || faults.has('dead-member') || faults.has('two-survivors')) down('node-3');
    if (faults.has('hung-server')) {
      down('node-3');
      this.node('node-3').state.power = 'hung';
    }
    if (LOST_QUORUM.some((fault) => faults.has(fault))) {
      down('node-2');
      down('node-3');
    }
    if (faults.has('peer-returns')) this.time.after(25_000, { node: 'node-3', kind: 'act', act: 'power-on' });
    const first = this.node('node-1').state;
    if (faults.has('disk-full')) first.disk.total = first.disk.used + 60_000_000;
    if (faults.has('slow-disk')) first.diskDelayMs = 200;
    if (faults.has('reset-fails-once')) first.killResets = 1;
    if (faults.has('peer-starts-early')) this.time.after(20_000, { node: 'node-2', kind: 'act', act: 'peer-start' });
  }
}

function hostState(host: HostPlan, clock: Clock, faults: ReadonlySet<FaultName>, dataDir: string): NodeState {
  const now = clock.now();
  const sudo = faults.has('sudo-password') ? 'password' : faults.has('sudo-denied') ? 'denied' : 'nopasswd';
  return {
    name: host.name,
    ip: host.ip,
    role: host.role,
    disk: makeDisk(host, () => clock.now(), faults, dataDir),
    units: new Map(),
    procs: new Map(),
    exits: new Map(),
    journalled: new Map(),
    journal: [],
    journalSeq: 0,
    nextPid: 700,
    bootId: `43a0758d9c424b618b839f55143422${host.name.at(-1)}a`,
    machineId: `0123456789abcdef0123456789abcde${host.name.at(-1)}`,
    bootedAt: now - 7_200_000,
    power: 'on',
    pace: faults.has('slow-start') ? 6 : 1,
    diskDelayMs: 0,
    sudo,
    init: faults.has('openrc') ? 'openrc' : 'systemd',
    killResets: 0,
    olderK3s: faults.has('older-k3s') && host.name === 'node-1',
    containers: [],
    further: faults.has('leftover-containers') && host.name === 'node-2' ? ['10.77.0.10/32'] : [],
    users: ['ops'],
  };
}

function lineageBefore(now: number): Lineage {
  const own = memberId('https://10.77.0.11:2380', 'new');
  const created = now - 30 * 86_400_000;
  const copy = loadedCopy();
  return {
    id: BEFORE,
    clusterId: clusterId(own),
    members: MEMBERS.map(([, ip, name], index) => ({
      id: index === 0 ? own : (JOINED_IDS[index - 1] ?? ''),
      name,
      ip,
      learner: false,
      promotedAt: created,
    })),
    removed: [],
    tokenHash: tokenHash(copy?.password ?? TOKEN),
    image: copy?.image ?? checkSnapshot(snapshot('s3')).image,
    objects: (copy?.objects ?? snapshotObjects('s3')).filter((line) => !line.startsWith('nodes ')),
    nodes: HOSTS.map((host, index) => ({
      name: host.name,
      ip: host.ip,
      role: host.role,
      seen: now,
      created: host.name === 'node-5' ? now - 3_600_000 : created,
      annotations:
        host.role === 'server'
          ? { 'etcd.k3s.cattle.io/node-address': host.ip, 'etcd.k3s.cattle.io/node-name': MEMBERS[index]?.[2] ?? '' }
          : ({} as Record<string, string>),
    })),
    pods: [],
    revision: copy?.revision ?? 1925,
    leaderSince: 0,
    lostSince: 0,
    apiSince: 0,
  };
}

function steadyState(pid: number, node: PracticeNode, host: HostPlan, now: number): K3sState {
  const options = readOptions(host.role, [], { K3S_NODE_NAME: host.name }, node.files());
  const state = newState(pid, options, host.name, host.ip, now - 3_600_000);
  const server = host.role === 'server';
  Object.assign(state, { phase: 'running', ready: true, kubelet: true, listening: ['127.0.0.1:6444'] });
  if (!server) {
    state.vars.LINEAGE = BEFORE;
    return state;
  }
  const wal = node.etcd.read(`${options.dataDir}/server/db/etcd`);
  Object.assign(state, {
    etcdUp: true,
    led: true,
    api: 'ready',
    supervisor: 'up',
    listening: [
      '127.0.0.1:6444',
      '*:6443',
      '*:10250',
      ...['2379', '2380', '2381', '2382'].map((port) => `127.0.0.1:${port}`),
      `${host.ip}:2379`,
      `${host.ip}:2380`,
    ],
    ...(wal === undefined ? {} : { wal }),
  });
  state.vars.MEMBER = node.etcd.lineage(BEFORE).members.find((member) => member.ip === host.ip)?.name ?? host.name;
  state.vars.ID = wal?.member ?? '';
  state.vars.CID = node.etcd.lineage(BEFORE).clusterId;
  return state;
}

/** A practice cluster in this process, for tests and for the practice server. */
export function createPracticeCluster(options: PracticeOptions = {}): PracticeCluster {
  return PracticeCluster.create(options);
}
