import type { Lineage, Member, NodeRecord, PodRecord, WalRecord } from '../../../src/practice/k3s/ports.js';
import { type Gateway, hexOf } from './gateway.js';

/** What another server's process may know of a history. */
export type SharedHistory = Pick<
  Lineage,
  'serverCa' | 'id' | 'clusterId' | 'members' | 'tokenHash' | 'nodes' | 'revision' | 'leaderSince' | 'apiSince'
>;

/** Keys of the stand-in itself: its Nodes and test pods, where K3s would keep protobuf. */
const NODES = '/stand-in/nodes/';
const PODS = '/stand-in/pods/';
/** A kubelet that was heard of this long ago is alive. */
export const ALIVE_MS = 8_000;

/** Resources whose place in etcd is not their name, as far as a restore counts them. */
const PLACES: Readonly<Record<string, string>> = {
  minions: 'nodes',
  'services/specs': 'services',
  'services/endpoints': 'endpoints',
  ingress: 'ingresses.networking.k8s.io',
  deployments: 'deployments.apps',
  statefulsets: 'statefulsets.apps',
  daemonsets: 'daemonsets.apps',
  replicasets: 'replicasets.apps',
  jobs: 'jobs.batch',
  cronjobs: 'cronjobs.batch',
};
const FLAT = new Set(['namespaces', 'persistentvolumes', 'nodes']);

/** `resource namespace/name` of an etcd key. */
function objectOf(key: string): string | undefined {
  const parts = key.slice('/registry/'.length).split('/');
  const two = parts[0] === 'services' || parts[0]?.includes('.');
  const place = parts.slice(0, two ? 2 : 1).join('/');
  const resource = PLACES[place] ?? place;
  const rest = parts.slice(two ? 2 : 1);
  if (FLAT.has(resource)) return `${resource} /${rest.join('/')}`;
  return rest.length < 2 ? undefined : `${resource} ${rest.join('/')}`;
}

/** The model's view of a real etcd cluster: refreshed from it, and what the model changes is written to it. */
export class History implements Lineage {
  readonly id: string;
  clusterId: string;
  members: Member[];
  removed: string[] = [];
  objects: string[] = [];
  nodes: NodeRecord[] = [];
  pods: PodRecord[] = [];
  revision = 1;
  leaderSince = 0;
  lostSince = 0;
  apiSince = 0;
  readonly #self: string;
  #written = new Map<string, string>();
  /** Nodes as etcd had them last, and the Secrets that keep their passwords. */
  #known = new Set<string>();
  #passwords: string[] = [];

  constructor(
    wal: WalRecord,
    members: Member[],
    readonly image: Uint8Array,
    public tokenHash: string,
  ) {
    this.id = wal.lineage;
    this.clusterId = wal.lineage;
    this.#self = wal.member;
    this.members = members;
  }

  /** This member as etcd has it: never `learner: false` before etcd says so. */
  own(): Member | undefined {
    return this.members.find((one) => one.id === this.#self);
  }

  shared(): SharedHistory {
    const { id, clusterId, members, tokenHash, nodes, revision, leaderSince, apiSince } = this;
    return { id, clusterId, members, tokenHash, nodes, revision, leaderSince, apiSince };
  }

  /** Takes over what etcd says. */
  async refresh(gateway: Gateway, self: string): Promise<void> {
    const said = await gateway.members();
    if (said !== undefined) {
      this.members = said.members.map((one) => {
        const id = hexOf(one.ID);
        const before = this.members.find((member) => member.id === id);
        const learner = one.isLearner === true;
        return {
          id,
          name: one.name ?? '',
          ip: /\/\/(.*):2380/.exec(one.peerURLs?.[0] ?? '')?.[1] ?? '',
          learner,
          promotedAt: before === undefined || before.learner !== learner ? Date.now() : before.promotedAt,
        };
      });
    }
    const [keys, nodes, pods] = await Promise.all([
      gateway.keys('/registry/'),
      gateway.values(NODES),
      gateway.values(PODS),
    ]);
    if (keys !== undefined) {
      const all = keys.flatMap((key) => objectOf(key) ?? []);
      this.objects = all.filter((line) => !line.startsWith('nodes '));
      this.#passwords = this.objects.filter((line) => line.endsWith('.node-password.k3s'));
      if (nodes !== undefined) this.#takeNodes(all, nodes, self);
    }
    if (pods !== undefined) this.#takePods(pods);
  }

  #takeNodes(all: readonly string[], stored: ReadonlyMap<string, string>, self: string): void {
    const own = this.nodes.find((one) => one.name === self);
    const found = new Map<string, NodeRecord>();
    for (const line of all) {
      const name = line.startsWith('nodes /') ? line.slice(7) : undefined;
      // A Node of the snapshot that no kubelet has spoken for yet.
      if (name !== undefined) found.set(name, recordedNode(name));
    }
    for (const text of stored.values()) {
      const record = JSON.parse(text) as NodeRecord;
      found.set(record.name, record);
    }
    if (own !== undefined) found.set(own.name, own);
    this.nodes = [...found.values()];
    this.#known = new Set(found.keys());
  }

  #takePods(stored: ReadonlyMap<string, string>): void {
    const mine = this.pods.filter((pod) => !this.#written.has(podKey(pod)) && !stored.has(podKey(pod)));
    for (const key of stored.keys()) this.#written.set(key, stored.get(key) ?? '');
    this.pods = [...[...stored.values()].map((text) => JSON.parse(text) as PodRecord), ...mine];
  }

  /** Writes the Node of this host, and the pods made or deleted through this server. */
  async push(gateway: Gateway, self: string): Promise<void> {
    const own = this.nodes.find((one) => one.name === self);
    if (own !== undefined) await gateway.put(`${NODES}${self}`, JSON.stringify(own));
    for (const id of this.removed.splice(0)) await gateway.removeMember(id);
    for (const name of this.#known) {
      if (this.nodes.some((one) => one.name === name)) continue;
      await gateway.remove(`${NODES}${name}`);
      await gateway.remove(`/registry/minions/${name}`);
    }
    for (const line of this.#passwords) {
      if (!this.objects.includes(line)) await gateway.remove(`/registry/${line.replace(' ', '/')}`);
    }
    const there = new Set(this.pods.map(podKey));
    for (const pod of this.pods) {
      if (this.#written.has(podKey(pod))) continue;
      await gateway.put(podKey(pod), JSON.stringify(pod));
      this.#written.set(podKey(pod), JSON.stringify(pod));
    }
    for (const key of [...this.#written.keys()]) {
      if (there.has(key)) continue;
      await gateway.remove(key);
      this.#written.delete(key);
    }
  }
}

const podKey = (pod: PodRecord): string => `${PODS}${pod.namespace}/${pod.name}`;

function recordedNode(name: string): NodeRecord {
  const digit = /-(\d)$/.exec(name)?.[1] ?? '9';
  return {
    name,
    ip: `10.77.0.1${digit}`,
    role: digit === '4' ? 'agent' : 'server',
    seen: 0,
    created: Date.now(),
    annotations: {},
  };
}
