import { snapshot, snapshotObjects } from '../data.js';
import { clusterId, memberId } from '../k3s/ids.js';
import { bootstrapKeys, checkSnapshot } from '../k3s/image.js';
import type {
  BeginFrom,
  EtcdPort,
  K3sState,
  Lineage,
  Member,
  NodeRecord,
  Supervisor,
  WalRecord,
} from '../k3s/ports.js';
import { WalWriter } from '../k3s/wal.js';
import { type Loaded, loadedCopy } from '../loaded.js';
import type { Files } from './files.js';
import { HOSTS } from './hosts.js';
import type { NodeState, World } from './state.js';
import type { Timeline } from './time.js';

/** etcd's write-ahead log as preallocated on disk (`a-healthy/node-1.ls-server.out`). */
const WAL_SIZE = 64_000_000;
const DB_SIZE = 4_194_304;
const EMPTY_OBJECTS = [
  'namespaces /default',
  'namespaces /kube-node-lease',
  'namespaces /kube-public',
  'namespaces /kube-system',
  'services default/kubernetes',
];

/** What a recorded image holds: its objects, its revision, and the raft index of the last entry it took over. */
function contentOf(image: Uint8Array): { objects: string[]; revision: number; index: number } {
  const copy = loadedCopy();
  if (copy !== undefined && isOf(copy.image, image)) {
    const { revision, index } = copy;
    return { objects: copy.objects.filter((line) => !line.startsWith('nodes ')), revision, index };
  }
  for (const [name, revision, index] of [
    ['s1', 1499, 1678],
    ['s2', 1661, 1852],
    ['s3', 1775, 1976],
    ['foreign', 254, 264],
  ] as const) {
    const known = checkSnapshot(snapshot(name)).image;
    if (isOf(known, image)) {
      return { objects: snapshotObjects(name).filter((line) => !line.startsWith('nodes ')), revision, index };
    }
  }
  return { objects: [...EMPTY_OBJECTS], revision: 1, index: 8 };
}

/** Whether a database is an image, or that with room behind it. */
const isOf = (known: Uint8Array, image: Uint8Array): boolean =>
  known.length <= image.length && Buffer.compare(known, image.subarray(0, known.length)) === 0;

/** Every K3s process whose etcd runs. */
export function* etcdProcesses(world: World): Generator<{ node: NodeState; k3s: K3sState; pid: number }> {
  for (const node of world.nodes.values()) {
    if (node.power !== 'on') continue;
    for (const proc of node.procs.values()) {
      if (proc.k3s?.etcdUp && !proc.k3s.hollow) yield { node, k3s: proc.k3s, pid: proc.pid };
    }
  }
}

/** The embedded etcds of all servers, finding each other in memory. One per node, over a shared world. */
export class Fabric implements EtcdPort {
  constructor(
    private readonly time: Timeline,
    private readonly files: () => Files,
  ) {}

  get #world(): World {
    return this.time.world;
  }

  #hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += nextRandom(this.#world).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  read(dir: string): WalRecord | undefined {
    const path = `${dir}/member/wal/0000000000000000-0000000000000000.wal`;
    if (!this.files().exists(path)) return undefined;
    const found = memberOf(this.files().head(path, 4096));
    return found === undefined || !this.#world.lineages.has(found.lineage) ? undefined : found;
  }

  lineage(id: string): Lineage {
    const found = this.#world.lineages.get(id);
    if (found === undefined) throw new Error(`no etcd history ${id}`);
    return found;
  }

  begin(dir: string, member: Pick<Member, 'name' | 'ip'>, from: BeginFrom): WalRecord {
    const id = `h${this.#hex(8)}`;
    const now = this.time.now();
    const url = `https://${member.ip}:2380`;
    const empty = { leaderSince: 0, lostSince: 0, apiSince: 0, removed: [] as string[], pods: [] };
    const self = (own: string): Member => ({
      id: own,
      name: member.name,
      ip: member.ip,
      learner: false,
      promotedAt: now,
    });
    if (from.kind === 'force') {
      const old = this.lineage(from.wal.lineage);
      const others = old.members.filter((one) => one.id !== from.wal.member).map((one) => one.id);
      const image = this.files().read(`${dir}/member/snap/db`);
      // A member that fell behind brings what it has, not what the others had.
      const current = contentOf(old.image).revision === contentOf(image).revision;
      this.#world.lineages.set(id, {
        ...old,
        ...empty,
        id,
        members: [self(from.wal.member)],
        removed: [...old.removed, ...others],
        objects: current ? [...old.objects] : contentOf(image).objects,
        image,
        nodes: old.nodes.map((node) => ({ ...node, annotations: { ...node.annotations } })),
        pods: [...old.pods],
        revision: this.revisionIn(dir, old) + 4,
      });
      return this.#writeWal(dir, { lineage: id, member: from.wal.member }, image);
    }
    const origin = from.kind;
    const own = memberId(url, origin);
    const image = from.kind === 'restore' ? from.image : checkSnapshot(snapshot('s1')).image.subarray(0, 8192);
    const { objects, revision } =
      from.kind === 'restore' ? contentOf(image) : { objects: [...EMPTY_OBJECTS], revision: 1 };
    this.#world.lineages.set(id, {
      ...empty,
      id,
      clusterId: clusterId(own),
      members: [self(own)],
      tokenHash: from.tokenHash,
      image,
      objects,
      revision,
      nodes: from.kind === 'restore' ? [...restoredNodes(image, now), ...this.#world.gone.map(goneNode)] : [],
    });
    return this.#writeWal(dir, { lineage: id, member: own }, from.kind === 'restore' ? from.image : undefined);
  }

  /** The revision of a member's own data: that of its history, unless it fell behind. */
  revisionIn(dir: string, lineage: Lineage): number {
    const db = `${dir}/member/snap/db`;
    const own = this.files().exists(db) ? contentOf(this.files().read(db)).revision : 1;
    return own === contentOf(lineage.image).revision ? lineage.revision : own;
  }

  join(dir: string, name: string, ip: string, lineageId: string): WalRecord {
    const lineage = this.lineage(lineageId);
    const member: Member = { id: this.#hex(16), name: '', ip, learner: true, promotedAt: 0 };
    lineage.members.push(member);
    lineage.revision += 1;
    this.files().mkdir(dir, { parents: true, mode: 0o700 });
    this.files().write(`${dir}/name`, name, 0o600);
    return this.#writeWal(dir, { lineage: lineageId, member: member.id }, lineage.image);
  }

  #writeWal(dir: string, wal: WalRecord, image: Uint8Array | undefined): WalRecord {
    writeDataDir(this.files(), dir, wal, image ?? this.lineage(wal.lineage).image, this.lineage(wal.lineage));
    return wal;
  }

  /** Recounts voters after a member came or went; leaders are found and lost with etcd's delays. */
  review(lineageId: string): void {
    const lineage = this.#world.lineages.get(lineageId);
    if (lineage === undefined) return;
    const running = [...etcdProcesses(this.#world)].filter(({ k3s }) => k3s.wal?.lineage === lineageId && !k3s.removed);
    const voters = lineage.members.filter((member) => !member.learner);
    const live = voters.filter((member) => running.some(({ k3s }) => k3s.wal?.member === member.id)).length;
    const now = this.time.now();
    if (live > voters.length / 2) {
      lineage.lostSince = 0;
      if (lineage.leaderSince === 0) lineage.leaderSince = now;
      for (const { node, pid, k3s } of running) {
        if (!k3s.led)
          this.time.after(voters.length === 1 ? 450 : 650, {
            node: node.name,
            kind: 'k3s',
            pid,
            event: { kind: 'leader' },
          });
      }
      return;
    }
    lineage.leaderSince = 0;
    if (running.length === 0) {
      lineage.lostSince = 0;
      return;
    }
    if (lineage.lostSince === 0) lineage.lostSince = now;
    for (const { node, pid } of running)
      this.time.after(0, { node: node.name, kind: 'k3s', pid, event: { kind: 'leaderless' } });
  }

  supervisor(ip: string): Supervisor | undefined {
    for (const { node, k3s } of etcdProcesses(this.#world)) {
      if (node.ip !== ip || k3s.wal === undefined || k3s.phase === 'reset') continue;
      const lineage = this.lineage(k3s.wal.lineage);
      const member = lineage.members.find((one) => one.id === k3s.wal?.member);
      if (member === undefined || k3s.removed) return undefined;
      const leading = k3s.led && lineage.leaderSince > 0 && !member.learner;
      return { node: node.name, lineage: lineage.id, member, leading };
    }
    return undefined;
  }

  /** The first of its live voters: which of them leads is nobody's choice, and all that is asked is that one does. */
  leads(wal: WalRecord): boolean {
    return this.#liveVoters(wal)[0]?.wal?.member === wal.member;
  }

  heirs(wal: WalRecord): { running: number; staying: number } {
    const others = this.#liveVoters(wal).filter((k3s) => k3s.wal?.member !== wal.member);
    return { running: others.length, staying: others.filter((k3s) => k3s.phase !== 'stopping').length };
  }

  #liveVoters({ lineage }: WalRecord): K3sState[] {
    const voters = this.lineage(lineage).members.filter((member) => !member.learner);
    return [...etcdProcesses(this.#world)]
      .map(({ k3s }) => k3s)
      .filter(({ wal }) => wal?.lineage === lineage && voters.some((member) => member.id === wal.member));
  }

  leading(): Lineage[] {
    return [...this.#world.lineages.values()].filter((lineage) => lineage.leaderSince > 0);
  }
}

/** How many entries the log holds before the last one the database took over. */
const ENTRIES = 4;

/** A member's log as etcd writes it; which history it is of stands in a field where no other reader looks. */
function logOf({ lineage, member }: WalRecord, index: number): Uint8Array {
  const writer = new WalWriter().begin(`lineage=${lineage} member=${member}\n`);
  for (let at = Math.max(1, index - ENTRIES + 1); at <= index; at++) writer.entry(at, 2, Buffer.alloc(0));
  return writer.state(2, index).file(0);
}

/** Which history and member a log is of; undefined when it is no log of the model's. */
function memberOf(head: Uint8Array): WalRecord | undefined {
  const [, lineage, member] = /lineage=(\S+) member=([0-9a-f]{16})\n/.exec(Buffer.from(head).toString('latin1')) ?? [];
  return lineage === undefined || member === undefined ? undefined : { lineage, member };
}

/** Writes `db/etcd` as etcd leaves it: config, name, snap/db and a preallocated log (`a-healthy/node-1.ls-server.out`). */
export function writeDataDir(files: Files, dir: string, wal: WalRecord, image: Uint8Array, lineage: Lineage): void {
  const member = lineage.members.find((one) => one.id === wal.member);
  files.mkdir(`${dir}/member/snap`, { parents: true, mode: 0o700 });
  files.mkdir(`${dir}/member/wal`, { parents: true, mode: 0o700 });
  for (const path of [dir, `${dir}/member`]) files.chmod(path, 0o700);
  const db = `${dir}/member/snap/db`;
  files.write(db, image, 0o600, Math.max(DB_SIZE, image.length));
  const log = `${dir}/member/wal/0000000000000000-0000000000000000.wal`;
  files.write(log, logOf(wal, contentOf(image).index), 0o600, WAL_SIZE);
  const url = `https://${member?.ip ?? '127.0.0.1'}`;
  files.write(
    `${dir}/config`,
    `advertise-client-urls: ${url}:2379\ndata-dir: ${dir}\ninitial-advertise-peer-urls: ${url}:2380\nlisten-metrics-urls: http://127.0.0.1:2381\nname: ${member?.name ?? ''}\n`,
    0o600,
  );
}

export const goneNode = (one: NodeRecord): NodeRecord => ({ ...one, annotations: { ...one.annotations } });

/** Nodes in a restored image: the recorded four, seen long ago. Agents that joined later are not among them. */
function restoredNodes(image: Uint8Array, now: number): Lineage['nodes'] {
  const copy = loadedCopy();
  if (copy !== undefined && isOf(copy.image, image)) return copiedNodes(copy, now);
  if (!bootstrapKeys(image).includes('90a69bb34d8c')) return [];
  return [1, 2, 3, 4].map((number) => ({
    name: `node-${number}`,
    ip: `10.77.0.1${number}`,
    role: number === 4 ? 'agent' : 'server',
    seen: 0,
    created: now - 30 * 86_400_000,
    annotations: number === 4 ? {} : { 'etcd.k3s.cattle.io/node-address': `10.77.0.1${number}` },
  }));
}

/** Nodes of a copied backup: their hosts are not here, except by chance those of the same name. */
function copiedNodes(copy: Loaded, now: number): Lineage['nodes'] {
  const names = copy.objects.flatMap((line) => (line.startsWith('nodes /') ? [line.slice('nodes /'.length)] : []));
  return names.map((name) => {
    const host = HOSTS.find((one) => one.name === name);
    const role = host?.role ?? (copy.servers.includes(name) ? 'server' : 'agent');
    // An address of documentation (RFC 5737): nothing answers there.
    const ip = host?.ip ?? '192.0.2.10';
    const annotations: Record<string, string> = role === 'server' ? { 'etcd.k3s.cattle.io/node-address': ip } : {};
    return { name, ip, role, seen: 0, created: now - 30 * 86_400_000, annotations };
  });
}

/** The next number of the world's generator (mulberry32). */
export function nextRandom(world: World): number {
  world.random = (world.random + 0x6d2b79f5) >>> 0;
  let t = world.random;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}
