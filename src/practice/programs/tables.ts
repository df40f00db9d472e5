import type { PracticeNode } from '../node/node.js';
import type { KubeObject } from './objects.js';

function age(node: PracticeNode, object: KubeObject): string {
  const seconds = Math.max(0, Math.floor((node.now() - Date.parse(String(object.metadata.creationTimestamp))) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

interface NodeLike {
  status: {
    conditions: { type: string; status: string }[];
    nodeInfo: Record<string, string>;
    addresses: { type: string; address: string }[];
  };
}

function columnsOf(node: PracticeNode, object: KubeObject, wide: boolean): Record<string, string> {
  const name = String(object.metadata.name);
  if (object.kind === 'Node') {
    const { status } = object as unknown as NodeLike;
    const ready = status.conditions.find((one) => one.type === 'Ready')?.status === 'True';
    const labels = (object.metadata.labels ?? {}) as Record<string, string>;
    const roles = Object.keys(labels)
      .filter((key) => key.startsWith('node-role.kubernetes.io/'))
      .map((key) => key.slice(24));
    const info = status.nodeInfo;
    const more: Record<string, string> = wide
      ? {
          'INTERNAL-IP': status.addresses.find((one) => one.type === 'InternalIP')?.address ?? '<none>',
          'EXTERNAL-IP': '<none>',
          'OS-IMAGE': info.osImage ?? '',
          'KERNEL-VERSION': info.kernelVersion ?? '',
          'CONTAINER-RUNTIME': info.containerRuntimeVersion ?? '',
        }
      : {};
    return {
      NAME: name,
      STATUS: ready ? 'Ready' : 'NotReady',
      ROLES: roles.sort().join(',') || '<none>',
      AGE: age(node, object),
      VERSION: info.kubeletVersion ?? '',
      ...more,
    };
  }
  const status = object.status as { phase?: string } | undefined;
  if (object.kind === 'Pod') {
    const phase = status?.phase ?? 'Unknown';
    const spec = object.spec as { nodeName?: string } | undefined;
    return {
      NAME: name,
      READY: phase === 'Running' ? '1/1' : '0/1',
      STATUS: phase === 'Succeeded' ? 'Completed' : phase,
      RESTARTS: '0',
      AGE: age(node, object),
      ...(wide ? { IP: '<none>', NODE: spec?.nodeName ?? '<none>' } : {}),
    };
  }
  return { NAME: name, ...(status?.phase === undefined ? {} : { STATUS: status.phase }), AGE: age(node, object) };
}

/** Objects as kubectl's table, three spaces between columns. */
export function objectTable(
  node: PracticeNode,
  objects: readonly KubeObject[],
  spaces: boolean,
  wide: boolean,
  bare: boolean,
): string {
  const rows = objects.map((object) => ({
    ...(spaces && object.metadata.namespace !== undefined ? { NAMESPACE: String(object.metadata.namespace) } : {}),
    ...columnsOf(node, object, wide),
  })) as Record<string, string>[];
  const titles = Object.keys(rows[0] ?? {});
  const widths = titles.map((title) => Math.max(title.length, ...rows.map((row) => row[title]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('   ')
      .trimEnd();
  const body = rows.map((row) => line(titles.map((title) => row[title] ?? '')));
  return `${(bare ? body : [line(titles), ...body]).join('\n')}\n`;
}
