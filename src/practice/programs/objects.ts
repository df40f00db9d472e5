import { dataText } from '../data.js';
import type { Lineage, NodeRecord } from '../k3s/ports.js';
import { etcdProcesses } from '../node/fabric.js';
import type { PracticeNode } from '../node/node.js';

/** A Kubernetes object as JSON. */
export type KubeObject = {
  apiVersion: string;
  kind: string;
  metadata: Record<string, unknown>;
  [more: string]: unknown;
};

const KINDS: readonly {
  resource: string;
  kind: string;
  apiVersion: string;
  names: readonly string[];
  namespaced: boolean;
}[] = [
  {
    resource: 'namespaces',
    kind: 'Namespace',
    apiVersion: 'v1',
    names: ['namespaces', 'namespace', 'ns'],
    namespaced: false,
  },
  { resource: 'pods', kind: 'Pod', apiVersion: 'v1', names: ['pods', 'pod', 'po'], namespaced: true },
  {
    resource: 'persistentvolumes',
    kind: 'PersistentVolume',
    apiVersion: 'v1',
    names: ['persistentvolumes', 'persistentvolume', 'pv'],
    namespaced: false,
  },
  {
    resource: 'persistentvolumeclaims',
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    names: ['persistentvolumeclaims', 'persistentvolumeclaim', 'pvc'],
    namespaced: true,
  },
  { resource: 'services', kind: 'Service', apiVersion: 'v1', names: ['services', 'service', 'svc'], namespaced: true },
  {
    resource: 'endpointslices.discovery.k8s.io',
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    names: ['endpointslices', 'endpointslice'],
    namespaced: true,
  },
  { resource: 'endpoints', kind: 'Endpoints', apiVersion: 'v1', names: ['endpoints', 'ep'], namespaced: true },
  {
    resource: 'configmaps',
    kind: 'ConfigMap',
    apiVersion: 'v1',
    names: ['configmaps', 'configmap', 'cm'],
    namespaced: true,
  },
  { resource: 'secrets', kind: 'Secret', apiVersion: 'v1', names: ['secrets', 'secret'], namespaced: true },
  {
    resource: 'serviceaccounts',
    kind: 'ServiceAccount',
    apiVersion: 'v1',
    names: ['serviceaccounts', 'serviceaccount', 'sa'],
    namespaced: true,
  },
  {
    resource: 'ingresses.networking.k8s.io',
    kind: 'Ingress',
    apiVersion: 'networking.k8s.io/v1',
    names: ['ingresses', 'ingress', 'ing'],
    namespaced: true,
  },
  {
    resource: 'deployments.apps',
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    names: ['deployments', 'deployment', 'deploy'],
    namespaced: true,
  },
  {
    resource: 'statefulsets.apps',
    kind: 'StatefulSet',
    apiVersion: 'apps/v1',
    names: ['statefulsets', 'statefulset', 'sts'],
    namespaced: true,
  },
  {
    resource: 'replicasets.apps',
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    names: ['replicasets', 'replicaset', 'rs'],
    namespaced: true,
  },
  {
    resource: 'daemonsets.apps',
    kind: 'DaemonSet',
    apiVersion: 'apps/v1',
    names: ['daemonsets', 'daemonset', 'ds'],
    namespaced: true,
  },
  { resource: 'jobs.batch', kind: 'Job', apiVersion: 'batch/v1', names: ['jobs', 'job'], namespaced: true },
  {
    resource: 'cronjobs.batch',
    kind: 'CronJob',
    apiVersion: 'batch/v1',
    names: ['cronjobs', 'cronjob', 'cj'],
    namespaced: true,
  },
  {
    resource: 'leases.coordination.k8s.io',
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    names: ['leases', 'lease'],
    namespaced: true,
  },
  {
    resource: 'customresourcedefinitions.apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1',
    names: ['customresourcedefinitions', 'crd', 'crds'],
    namespaced: false,
  },
  {
    resource: 'widgets.lab.example.com',
    kind: 'Widget',
    apiVersion: 'lab.example.com/v1',
    names: ['widgets', 'widget'],
    namespaced: true,
  },
  { resource: 'nodes', kind: 'Node', apiVersion: 'v1', names: ['nodes', 'node', 'no'], namespaced: false },
  { resource: 'events', kind: 'Event', apiVersion: 'v1', names: ['events', 'event', 'ev'], namespaced: true },
];

/** What `kubectl get WORD` means; undefined for a type the server does not have. */
export function kindOf(word: string): (typeof KINDS)[number] | undefined {
  const plain = word.toLowerCase();
  return KINDS.find((kind) => kind.names.includes(plain) || kind.resource === plain);
}

/** A type of which only names are kept, where the history holds some: `clusterroles.rbac.authorization.k8s.io`. */
export function kindIn(lineage: Lineage, word: string): (typeof KINDS)[number] | undefined {
  const known = kindOf(word);
  if (known !== undefined) return known;
  const line = lineage.objects.find((one) => one.startsWith(`${word} `));
  if (line === undefined) return undefined;
  const group = word.includes('.') ? `${word.slice(word.indexOf('.') + 1)}/` : '';
  const namespaced = !line.startsWith(`${word} /`);
  return { resource: word, kind: word.split('.')[0] ?? word, apiVersion: `${group}v1`, names: [word], namespaced };
}

const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

interface NodeTemplate {
  items: (KubeObject & {
    status: { conditions: Record<string, string>[]; nodeInfo: Record<string, string>; addresses: unknown[] };
  })[];
}

/** Whether a Node shows Ready: its kubelet reports, or it was seen (or could have been) less than a minute ago (R18). */
export function nodeReady(node: PracticeNode, lineage: Lineage, record: NodeRecord): boolean {
  const host = node.time.world.nodes.get(record.name);
  if (host?.power === 'on') {
    for (const proc of host.procs.values()) {
      const k3s = proc.k3s;
      if (k3s === undefined || !k3s.kubelet) continue;
      if ((k3s.options.command === 'agent' ? k3s.vars.LINEAGE : k3s.wal?.lineage) === lineage.id) return true;
    }
  }
  const grace = 50_000 / node.time.world.speed;
  return node.now() - Math.max(record.seen, lineage.apiSince) < grace;
}

/** The `EtcdIsVoter` condition: set every 15 s by the leader, so it lags promotion (R32). */
function voterCondition(
  node: PracticeNode,
  lineage: Lineage,
  record: NodeRecord,
): { status: string; reason: string; message: string } {
  const member = lineage.members.find((one) => one.ip === record.ip);
  const lag = 14_000 / node.time.world.speed;
  if (member === undefined)
    return { status: 'False', reason: 'NotAMember', message: 'Node is not a member of the etcd cluster' };
  if (member.learner || (lineage.members.length > 1 && node.now() - member.promotedAt < lag)) {
    return {
      status: 'False',
      reason: 'MemberIsLearner',
      message: 'Node has not been promoted to voting member of the etcd cluster',
    };
  }
  return { status: 'True', reason: 'MemberNotLearner', message: 'Node is a voting member of the etcd cluster' };
}

/** A Node as JSON, built on the recorded one (`a-healthy/node-1.get-nodes-json.out`). */
export function nodeObject(node: PracticeNode, lineage: Lineage, record: NodeRecord): KubeObject {
  const template = JSON.parse(dataText('nodes.json')) as NodeTemplate;
  const server = record.role === 'server';
  const like = template.items[server ? 0 : 3];
  if (like === undefined) throw new Error('no recorded node');
  const ready = nodeReady(node, lineage, record);
  const now = iso(node.now());
  const text = JSON.stringify(like)
    .replaceAll(server ? 'node-1' : 'node-4', record.name)
    .replaceAll(server ? '10.77.0.11' : '10.77.0.14', record.ip);
  const object = JSON.parse(text) as (typeof template.items)[number];
  const annotations = { ...(object.metadata.annotations as Record<string, string>), ...record.annotations };
  if (server && record.annotations['etcd.k3s.cattle.io/node-name'] === undefined)
    delete annotations['etcd.k3s.cattle.io/node-name'];
  object.metadata = { ...object.metadata, annotations, creationTimestamp: iso(record.created) };
  for (const condition of object.status.conditions) {
    // Of a machine that is off the last time it was heard of stays; of one that only the backup knows, the recorded one.
    if (ready) condition.lastHeartbeatTime = now;
    else if (record.seen > 0) condition.lastHeartbeatTime = iso(record.seen);
    if (condition.type === 'EtcdIsVoter') Object.assign(condition, voterCondition(node, lineage, record));
    else if (!ready)
      Object.assign(condition, {
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
      });
  }
  return object;
}

/** All objects of a type, optionally of one namespace. */
export function listObjects(
  node: PracticeNode,
  lineage: Lineage,
  kind: (typeof KINDS)[number],
  namespace: string | undefined,
): KubeObject[] {
  if (kind.kind === 'Node')
    return [...lineage.nodes]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((record) => nodeObject(node, lineage, record));
  const found: KubeObject[] = [];
  for (const line of lineage.objects) {
    if (!line.startsWith(`${kind.resource} `)) continue;
    const [space = '', name = ''] = line.slice(kind.resource.length + 1).split('/');
    if (namespace !== undefined && space !== namespace) continue;
    found.push(plainObject(kind, space, name));
  }
  if (kind.kind === 'Pod') {
    for (const pod of lineage.pods)
      if (namespace === undefined || pod.namespace === namespace)
        found.push(podObject(node, lineage, pod.namespace, pod.name));
  }
  return found;
}

function plainObject(kind: (typeof KINDS)[number], namespace: string, name: string): KubeObject {
  const metadata: Record<string, unknown> = { name, creationTimestamp: '2026-11-22T10:14:55Z' };
  if (namespace !== '') metadata.namespace = namespace;
  if (kind.kind === 'EndpointSlice')
    metadata.labels = { 'kubernetes.io/service-name': name.replace(/-[a-z0-9]{5}$/, '') };
  const more: Record<string, Record<string, unknown>> = {
    Namespace: { status: { phase: 'Active' } },
    PersistentVolume: {
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
      status: { phase: 'Bound' },
    },
    PersistentVolumeClaim: { spec: { accessModes: ['ReadWriteOnce'] }, status: { phase: 'Bound' } },
    Service: {
      spec: {
        type: 'ClusterIP',
        ports: [{ port: 80, protocol: 'TCP' }],
        ...(name === 'kubernetes' ? {} : { selector: { app: name } }),
      },
      status: { loadBalancer: {} },
    },
    EndpointSlice: { addressType: 'IPv4', endpoints: [{ addresses: ['10.42.0.7'], conditions: { ready: true } }] },
    Pod: {
      spec: {},
      status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] },
    },
    Ingress: { spec: { rules: [] }, status: { loadBalancer: {} } },
    Deployment: { spec: { replicas: 0 }, status: {} },
  };
  return { apiVersion: kind.apiVersion, kind: kind.kind, metadata, ...more[kind.kind] };
}

/** Milliseconds from `kubectl run` until a pod with an image on the node has ended (`m-pods`). */
export const POD_MS = 4000;

/** A pod made by `kubectl run`: pending, running, succeeded; for ever pending without its image. */
export function podObject(node: PracticeNode, lineage: Lineage, namespace: string, name: string): KubeObject {
  const pod = lineage.pods.find((one) => one.namespace === namespace && one.name === name);
  const age = pod === undefined ? 0 : (node.now() - pod.created) * node.time.world.speed;
  const phase =
    pod?.runs !== true
      ? 'Pending'
      : pod.keeps === true
        ? 'Running'
        : age >= POD_MS
          ? 'Succeeded'
          : age >= POD_MS / 2
            ? 'Running'
            : 'Pending';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, creationTimestamp: iso(pod?.created ?? node.now()) },
    spec: {
      nodeName: pod?.node,
      restartPolicy: 'Never',
      containers: [{ name, image: pod?.image, command: pod?.command }],
    },
    status: {
      phase,
      ...(pod?.runs === true ? {} : { containerStatuses: [{ name, state: { waiting: { reason: 'ErrImagePull' } } }] }),
    },
  };
}

/** Whether any etcd on a node serves this history. */
export function runsOn(node: PracticeNode, name: string, lineage: Lineage): boolean {
  for (const one of etcdProcesses(node.time.world))
    if (one.node.name === name && one.k3s.wal?.lineage === lineage.id) return true;
  return false;
}
