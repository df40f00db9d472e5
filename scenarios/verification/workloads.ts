import { cellKey, isSettled } from '../../src/incident/state.js';
import { itemPath, type KubeItem, parseItems } from '../../src/k3s/items.js';
import { at } from '../steps/judge.js';
import { type Check, fail, get, info, kube, named, pass } from './check.js';

/** What runs on the cluster: pods, volumes, services and the names they are reached by. */

export const systemPods: Check = {
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

export const testPod: Check = {
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

export const volumes: Check = {
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

export const services: Check = {
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

export const ingresses: Check = {
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

export const dns: Check = {
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
