import type { Answer, ExecCommand } from '../src/incident/command.js';
import { look } from '../src/incident/command.js';
import { cellKey, type IncidentState, isSettled } from '../src/incident/state.js';
import type { StepContext } from '../src/incident/step.js';
import type { VerificationRow } from '../src/incident/verification.js';
import { kubectl } from '../src/k3s/ask.js';
import { parseNodes } from '../src/k3s/health.js';
import { itemPath, type KubeItem, parseCertificates, parseContainers, parseItems } from '../src/k3s/items.js';
import { provenBackup } from './steps/fetch.js';
import { agentsIn, k3sTools, nodeNameOf, serversIn } from './steps/hosts.js';
import { at, bytes } from './steps/judge.js';

/**
 * The runbook's step 7, post-restore verification, as a set that can be run again at any time: it only looks. Each check asks its questions
 * on one server whose API answers (or on hosts it names) and says pass or fail, what was seen and what to do. Services, ingress, DNS and
 * volumes are judged by what Kubernetes says of them; no recording of a real K3s covers CNI, CSI drivers or load balancers.
 */
export interface Check {
  readonly id: string;
  readonly title: string;
  ask(seen: CheckContext): readonly ExecCommand[];
  judge(answers: readonly Answer[], seen: CheckContext): Found;
}

export type Found = Omit<VerificationRow, 'id' | 'title'>;

export interface CheckContext {
  /** About the server that is asked. */
  readonly context: StepContext;
  readonly state: IncidentState;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What lives in the proven snapshot by kind, as `namespace/name`; undefined where the file is not at hand: then kinds are counted. */
  readonly held?: ReadonlyMap<string, readonly string[]>;
}

const kube = ({ context }: CheckContext, ...args: string[]): ExecCommand =>
  look(kubectl(k3sTools(context), ...args), { maxBytes: 64e6 });

const get = (seen: CheckContext, what: string): ExecCommand => kube(seen, 'get', what, '-A', '-o', 'json');

const pass = (seen: string): Found => ({ result: 'pass', seen });
const info = (seen: string, next?: string): Found => ({
  result: 'info',
  seen,
  ...(next === undefined ? {} : { next }),
});
const fail = (seen: string, next: string): Found => ({ result: 'fail', seen, next });

/** The first answer that is none, as a row; undefined when all are there. */
function unanswered(answers: readonly Answer[]): Found | undefined {
  const bad = answers.find((one) => one.silent !== undefined || one.code !== 0);
  if (bad === undefined) return undefined;
  const why = bad.silent ?? (bad.stderr.trim().split('\n').at(-1) || `exit ${bad.code}`);
  return { result: 'unknown', seen: `no answer: ${why}`, next: 'Run the verification again when the API answers.' };
}

/** The first names, and how many more there are. */
function named(items: readonly string[], most = 5): string {
  const first = items.slice(0, most).join(', ');
  return items.length > most ? `${first} and ${items.length - most} more` : first;
}

const nodes: Check = {
  id: 'nodes',
  title: 'All nodes Ready, all servers voters',
  ask: (seen) => [kube(seen, 'get', 'nodes', '-o', 'json')],
  judge: (answers, { context }) => {
    const found = parseNodes(at(answers, 0).stdout) ?? [];
    const expected = [...serversIn(context), ...agentsIn(context)].map((host) => nodeNameOf(context, host));
    const notReady = expected.filter((name) => found.find((node) => node.name === name)?.ready !== 'True');
    const servers = serversIn(context).map((host) => nodeNameOf(context, host));
    const noVoter = servers.filter((name) => {
      const voter = found.find((node) => node.name === name)?.voter;
      return voter !== undefined && voter !== 'True';
    });
    if (notReady.length > 0)
      return fail(
        `not Ready: ${named(notReady)}`,
        'Look at the journal of its K3s; an agent is restarted with: systemctl restart k3s-agent',
      );
    if (noVoter.length > 0)
      return fail(
        `Ready, but not (yet) voting in etcd: ${named(noVoter)}`,
        'The condition lags by up to half a minute. If it stays, look at etcd’s lines in its journal.',
      );
    return pass(`${expected.length} of ${expected.length} Ready, ${servers.length} voters`);
  },
};

const goneNodes: Check = {
  id: 'gone-nodes',
  title: 'No Node that exists only in the backup',
  ask: (seen) => [kube(seen, 'get', 'nodes', '-o', 'json')],
  judge: (answers, { context }) => {
    const hosts = new Set(context.cluster.hosts.map((host) => nodeNameOf(context, host.name)));
    const gone = (parseNodes(at(answers, 0).stdout) ?? []).map((node) => node.name).filter((name) => !hosts.has(name));
    return gone.length === 0
      ? pass('every Node has a host in the inventory')
      : fail(
          `without a host: ${named(gone)}`,
          `If it is gone for good: kubectl delete node ${gone[0]}. If it exists, add it to the inventory.`,
        );
  },
};

const systemPods: Check = {
  id: 'system-pods',
  title: 'System pods run',
  ask: (seen) => [kube(seen, 'get', 'pods', '-n', 'kube-system', '-o', 'json')],
  judge: (answers) => {
    const pods = parseItems(at(answers, 0).stdout) ?? [];
    const bad = pods.filter((pod) => pod.phase !== 'Succeeded' && (pod.phase !== 'Running' || !containersReady(pod)));
    if (pods.length === 0) return info('kube-system has no pods');
    return bad.length === 0
      ? pass(`${pods.length} pods in kube-system run`)
      : fail(
          `not running: ${named(bad.map((pod) => `${pod.name} (${pod.phase})`))}`,
          `kubectl -n kube-system describe pod ${bad[0]?.name}; right after a start give them some minutes, then run this again.`,
        );
  },
};

function containersReady(pod: KubeItem): boolean {
  const { containerStatuses } = (pod.raw.status ?? {}) as { containerStatuses?: { ready?: boolean }[] };
  return (containerStatuses ?? []).every((one) => one.ready !== false);
}

const testPod: Check = {
  id: 'test-pod',
  title: 'A test pod ran',
  ask: () => [],
  judge: (_answers, { context, state }) => {
    const cell = state.cells[cellKey('test-pod', context.choices.primary ?? context.host)];
    if (cell?.status === 'skipped') return info(`skipped: ${cell.skipReason ?? ''}`);
    if (isSettled(cell)) return pass(cell?.evidence.join('; ') || 'it ran');
    if (cell?.trouble !== undefined) return fail(cell.trouble.what, cell.trouble.next);
    return info('a step of the plan runs it; none ran in this run');
  },
};

const volumes: Check = {
  id: 'volumes',
  title: 'Persistent volumes and claims bound',
  ask: (seen) => [get(seen, 'pv,pvc')],
  judge: (answers) => {
    const items = parseItems(at(answers, 0).stdout) ?? [];
    const claims = items.filter((item) => item.kind === 'PersistentVolumeClaim');
    const open = claims.filter((item) => item.phase !== 'Bound');
    const lost = items.filter((item) => item.kind === 'PersistentVolume' && /Failed|Released/.test(item.phase));
    if (open.length > 0)
      return fail(
        `not bound: ${named(open.map((item) => `${itemPath(item)} (${item.phase})`))}`,
        'A volume made after the backup is unknown to the restored cluster: its data still lies in the storage. Bind it by hand before anything writes.',
      );
    if (lost.length > 0)
      return info(
        `released or failed: ${named(lost.map((item) => item.name))}`,
        'Look whether their data is still wanted before anything reclaims them.',
      );
    return pass(`${claims.length} claims bound, ${items.length - claims.length} volumes`);
  },
};

const services: Check = {
  id: 'services',
  title: 'Services have endpoints',
  ask: (seen) => [get(seen, 'services'), get(seen, 'endpointslices.discovery.k8s.io')],
  judge: (answers) => {
    const all = parseItems(at(answers, 0).stdout) ?? [];
    const selecting = all.filter(
      (item) => Object.keys((item.raw.spec as { selector?: object })?.selector ?? {}).length > 0,
    );
    const served = servedBy(parseItems(at(answers, 1).stdout) ?? []);
    const empty = selecting.filter((item) => !served.has(itemPath(item)));
    return empty.length === 0
      ? pass(`${all.length} services, ${selecting.length} of them with pods behind them`)
      : fail(
          `no ready endpoint: ${named(empty.map(itemPath))}`,
          `Their pods do not run (yet): kubectl -n ${empty[0]?.namespace} get pods. Scaled to zero on purpose counts as well.`,
        );
  },
};

/** Services with at least one ready endpoint. */
function servedBy(slices: readonly KubeItem[]): Set<string> {
  return new Set(
    slices
      .filter((slice) =>
        ((slice.raw.endpoints ?? []) as { conditions?: { ready?: boolean } }[]).some(
          (one) => one.conditions?.ready !== false,
        ),
      )
      .map((slice) => `${slice.namespace}/${slice.labels['kubernetes.io/service-name'] ?? ''}`),
  );
}

const ingresses: Check = {
  id: 'ingresses',
  title: 'Ingresses lead to services',
  ask: (seen) => [get(seen, 'ingresses'), get(seen, 'services')],
  judge: (answers) => {
    const known = new Set((parseItems(at(answers, 1).stdout) ?? []).map(itemPath));
    const all = parseItems(at(answers, 0).stdout) ?? [];
    const broken = all.filter((item) => backendsOf(item).some((name) => !known.has(`${item.namespace}/${name}`)));
    return broken.length === 0
      ? pass(`${all.length} ingresses`)
      : fail(
          `lead to a service that is not there: ${named(broken.map(itemPath))}`,
          'Apply the service again, or remove the ingress.',
        );
  },
};

/** Names of the services an ingress leads to, wherever they stand in it. */
function backendsOf(item: KubeItem): string[] {
  return [...JSON.stringify(item.raw.spec ?? {}).matchAll(/"service":\{[^{}]*?"name":"([^"]+)"/g)].map(
    (one) => one[1] ?? '',
  );
}

const dns: Check = {
  id: 'dns',
  title: 'Cluster DNS answers',
  ask: (seen) => [
    kube(seen, 'get', 'deployments', '-n', 'kube-system', '-o', 'json'),
    kube(seen, 'get', 'endpointslices.discovery.k8s.io', '-n', 'kube-system', '-o', 'json'),
  ],
  judge: (answers) => {
    const coredns = (parseItems(at(answers, 0).stdout) ?? []).find((item) => item.name === 'coredns');
    if (coredns === undefined) return info('no coredns in kube-system: this cluster resolves names in another way');
    const served = servedBy(parseItems(at(answers, 1).stdout) ?? []).has('kube-system/kube-dns');
    const { availableReplicas = 0 } = (coredns.raw.status ?? {}) as { availableReplicas?: number };
    return served && availableReplicas > 0
      ? pass(`coredns has ${availableReplicas} available, kube-dns has endpoints`)
      : fail(
          `coredns has ${availableReplicas} available${served ? '' : ', kube-dns has no endpoint'}`,
          'kubectl -n kube-system rollout restart deployment coredns',
        );
  },
};

const certificates: Check = {
  id: 'certificates',
  title: 'Certificates are valid',
  ask: ({ context }) =>
    serversIn(context).map((host) =>
      look(['timeout', '30', ...k3sTools(context, host), 'certificate', 'check'], { on: host }),
    ),
  judge: (answers, { context }) => {
    const checks = answers.map((one) => parseCertificates(`${one.stdout}\n${one.stderr}`));
    const bad = checks.flatMap((check, index) =>
      (check?.bad ?? []).map((text) => `${serversIn(context)[index]}: ${text}`),
    );
    const known = checks.filter((check) => check !== undefined);
    if (known.length === 0) return info('this K3s does not list them (k3s certificate check)');
    if (bad.length > 0)
      return fail(
        named(bad),
        'A restart of K3s renews certificates that are near their end: systemctl restart k3s. Never rotate-ca for this (blackstart lookup rotate-ca).',
      );
    const first = known.flatMap((check) => check.first ?? []).sort()[0] ?? '';
    return pass(
      `${known.reduce((sum, check) => sum + check.ok, 0)} valid on ${known.length} servers, the first until ${first.slice(0, 10)}`,
    );
  },
};

/** Kinds that live by themselves: more or fewer of them than in the backup says nothing. */
const BY_THEMSELVES =
  /^(pods|events|leases|leasecandidates|endpoints|endpointslices|nodes|replicasets|controllerrevisions|csinodes|csistoragecapacities|etcdsnapshotfiles|ipaddresses|apiservices|masterleases|ranges|jobs|volumeattachments|certificatesigningrequests|resourceslices|storageversions)\b/;
/** K3s deletes the Secret of the restored server's password itself at the first start, and writes it anew (facts 1.4). */
const NODE_PASSWORD = /^kube-system\/.*\.node-password\.k3s$/;

/** Kinds that users own, as the proven backup has them. */
function ownedKinds(context: StepContext): [string, number][] {
  return Object.entries(provenBackup(context)?.objects ?? {})
    .filter(([kind, count]) => count > 0 && !BY_THEMSELVES.test(kind))
    .sort(([a], [b]) => a.localeCompare(b))
    .slice(0, 80);
}

/** `namespace/name` a line, `/name` for what has no namespace. */
const PATHS = 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
/** How many missing objects are named in the row; `blackstart diff` lists them all. */
const MOST_NAMES = 12;

const objects: Check = {
  id: 'objects',
  title: 'Every object that the backup held is there',
  ask: (seen) => ownedKinds(seen.context).map(([kind]) => kube(seen, 'get', kind, '-A', '-o', PATHS)),
  judge: (answers, { context, held }) => {
    const kinds = ownedKinds(context);
    if (kinds.length === 0) return info('no backup was proven in this run to compare with');
    const compared = kinds.map(([kind, expected], index) =>
      compareKind(kind, expected, at(answers, index), held?.get(kind)),
    );
    const missing = compared.flatMap((one) => one.missing);
    const more = compared.filter((one) => one.more).map((one) => one.kind);
    const diff = `blackstart diff ${context.choices.snapshot ?? 'BACKUP'} live:${context.host}`;
    if (missing.length > 0)
      return fail(
        `missing: ${named(missing, MOST_NAMES)}`,
        `All that differs: ${diff}. A controller may have removed them since the start; what somebody needs is applied again.`,
      );
    const how = held === undefined ? 'counted: the snapshot is not at hand any more to compare names' : 'by name';
    return pass(
      `${kinds.length} kinds ${how}, nothing missing${more.length === 0 ? '' : `; more of ${named(more)}, which is no fault`}; pods, events, leases, endpoints and what else lives by itself is not compared`,
    );
  },
};

interface Compared {
  readonly kind: string;
  readonly missing: readonly string[];
  readonly more: boolean;
}

/** One kind: which names are gone, or how many where the names are not known. */
function compareKind(kind: string, expected: number, answer: Answer, held: readonly string[] | undefined): Compared {
  if (answer.silent !== undefined || answer.code !== 0)
    return { kind, missing: [`${kind} (not listed by the API)`], more: false };
  const found = new Set(answer.stdout.split('\n').filter((line) => line !== ''));
  if (held === undefined) {
    const fewer = found.size < expected ? [`${kind} ${found.size} of ${expected}`] : [];
    return { kind, missing: fewer, more: found.size > expected };
  }
  const gone = held.filter((path) => !found.has(path) && !(kind === 'secrets' && NODE_PASSWORD.test(path)));
  const known = new Set(held);
  return {
    kind,
    missing: gone.map((path) => `${kind} ${path.replace(/^\//, '')}`),
    more: [...found].some((path) => !known.has(path)),
  };
}

const schedule: Check = {
  id: 'schedule',
  title: 'Backups go on: schedule and a fresh snapshot',
  ask: (seen) => [get(seen, 'cronjobs')],
  judge: (answers, { context, state }) => {
    const jobs = (parseItems(at(answers, 0).stdout) ?? []).filter((item) =>
      /etcd|backup|snapshot/i.test(itemPath(item)),
    );
    const stopped = jobs.filter((item) => (item.raw.spec as { suspend?: boolean } | undefined)?.suspend === true);
    const fresh = state.cells[cellKey('fresh-snapshot', context.choices.primary ?? context.host)];
    const taken =
      isSettled(fresh) && fresh?.status !== 'skipped' ? `fresh snapshot ${fresh?.evidence[0] ?? 'taken'}` : undefined;
    if (stopped.length > 0)
      return fail(
        `suspended: ${named(stopped.map(itemPath))}`,
        `kubectl -n ${stopped[0]?.namespace} patch cronjob ${stopped[0]?.name} -p '{"spec":{"suspend":false}}'`,
      );
    const found = jobs.length === 0 ? 'no CronJob looks like the backup' : named(jobs.map(itemPath));
    if (taken === undefined)
      return info(
        `${found}; no snapshot was taken in this run`,
        'Take one: k3s etcd-snapshot save. Then see that tonight’s backup comes: blackstart backups',
      );
    return jobs.length === 0
      ? info(`${found}; ${taken}`, 'See that tonight’s backup comes: blackstart backups')
      : pass(`${found}; ${taken}`);
  },
};

const containers: Check = {
  id: 'containers',
  title: 'Containers are those of the API',
  ask: (seen) => [
    get(seen, 'pods'),
    ...hostsWithContainers(seen.context).map((host) =>
      look(['timeout', '20', ...k3sTools(seen.context, host), 'crictl', 'ps', '-o', 'json'], {
        on: host,
        maxBytes: 16e6,
      }),
    ),
  ],
  judge: (answers, { context }) => {
    const pods = parseItems(at(answers, 0).stdout);
    if (at(answers, 0).code !== 0 || pods === undefined)
      return { result: 'unknown', seen: 'the API does not list pods' };
    const known = new Set(pods.map(itemPath));
    const hosts = hostsWithContainers(context);
    const left = hosts.flatMap((host, index) =>
      (parseContainers(at(answers, index + 1).stdout) ?? [])
        .filter((one) => !known.has(one.pod))
        .map((one) => ({ host, text: `${one.pod} on ${host}` })),
    );
    const silent = hosts.filter((_host, index) => parseContainers(at(answers, index + 1).stdout) === undefined);
    if (left.length > 0)
      return fail(
        `run without a pod in the API: ${named(left.map((one) => one.text))}`,
        `The kubelet removes them within minutes. If they stay, clear ${left[0]?.host} when its workloads may stop: k3s-killall.sh, then start K3s again.`,
      );
    return pass(
      `nothing runs that the API does not know${silent.length === 0 ? '' : ` (not told by ${named(silent)})`}`,
    );
  },
};

const hostsWithContainers = (context: StepContext): string[] =>
  [...serversIn(context), ...agentsIn(context)].filter((host) => context.facts(host).reachable);

const leftovers: Check = {
  id: 'leftovers',
  title: 'Nothing of the restore is left in the way',
  ask: () => [],
  judge: (_answers, { context }) => {
    const held = serversIn(context).filter((host) => context.facts(host).held === true);
    if (held.length > 0)
      return fail(
        `held, so K3s cannot start after a reboot: ${named(held)}`,
        'Finish or undo the run; by hand: remove the file and the drop-in that the drop-in itself names, then systemctl daemon-reload.',
      );
    const flags = serversIn(context).filter((host) => context.facts(host).data?.resetFlag === true);
    if (flags.length > 0)
      return fail(
        `reset-flag still there: ${named(flags)}`,
        'It goes on the first good start. If K3s runs well, look at its journal.',
      );
    const aside = serversIn(context).flatMap((host) => context.facts(host).data?.aside ?? []);
    const size = context.cluster.hosts.reduce((sum, host) => {
      const known = context.known('leftovers', 'aside', host.name) as { bytes: number }[] | undefined;
      return sum + (known ?? []).reduce((one, each) => one + each.bytes, 0);
    }, 0);
    return aside.length === 0
      ? pass('no hold, no reset-flag, no old data')
      : info(
          `no hold, no reset-flag; ${aside.length} old databases kept${size === 0 ? '' : ` (${bytes(size)})`}`,
          'Remove them when nobody needs them any more; the report names each.',
        );
  },
};

export const verification: readonly Check[] = [
  nodes,
  goneNodes,
  systemPods,
  testPod,
  volumes,
  services,
  ingresses,
  dns,
  certificates,
  objects,
  schedule,
  containers,
  leftovers,
];

/** Checks that say themselves what an answer that failed means. */
const OWN_SILENCE = new Set(['certificates', 'objects', 'containers']);

/** One row from what was answered. */
export function rowOf(check: Check, answers: readonly Answer[], seen: CheckContext): VerificationRow {
  const { id, title } = check;
  const quiet = OWN_SILENCE.has(id) ? undefined : unanswered(answers);
  return { id, title, ...(quiet ?? check.judge(answers, seen)) };
}
