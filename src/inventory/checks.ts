import { isIPv6 } from 'node:net';
import { withoutBrackets } from './address.js';
import type { Mistake } from './mistakes.js';
import { EXAMPLES, isJumpSpec } from './schema.js';

/**
 * What no single field can tell: names and addresses that are there twice, jumps that lead nowhere. Works on the raw
 * value, so that these are found together with whatever the schema refuses.
 */
export function crossChecks(raw: unknown): Mistake[] {
  if (!isRecord(raw)) return [];
  const hosts = ['servers', 'agents'].flatMap((list) =>
    records(raw[list]).map((at) => ({ ...at, path: [list, at.index] })),
  );
  const jumps = records(raw.jumps).map((at) => ({ ...at, path: ['jumps', at.index] }));
  const names = jumps.map((jump) => jump.value.name).filter((name) => typeof name === 'string');
  return [
    ...duplicates(hosts, 'name', (host) => host.name, 'Give each host a name of its own'),
    ...duplicates(jumps, 'name', (jump) => jump.name, 'Give each jump host a name of its own'),
    ...duplicates(hosts, 'address', place, 'Each host is listed once, with its own address'),
    ...duplicates(hosts, 'nodeName', (host) => host.nodeName ?? host.name, 'Each Kubernetes node is one host'),
    ...hosts.flatMap((host) => jumpMistakes(host, names)),
    ...throughMistakes(raw.bucket, hosts),
  ];
}

function throughMistakes(bucket: unknown, hosts: readonly At[]): Mistake[] {
  const through = isRecord(bucket) ? bucket.through : undefined;
  if (typeof through !== 'string' || through.trim() === 'any') return [];
  if (hosts.some((host) => host.value.name === through.trim())) return [];
  const what = `through "${through}" is neither the name of a host in this file nor any.`;
  return [{ path: ['bucket', 'through'], what, next: EXAMPLES.through ?? '' }];
}

interface At {
  readonly path: readonly PropertyKey[];
  readonly value: Readonly<Record<string, unknown>>;
}

function duplicates(
  entries: readonly At[],
  field: string,
  read: (value: At['value']) => unknown,
  advice: string,
): Mistake[] {
  const first = new Map<string, At>();
  const mistakes: Mistake[] = [];
  for (const entry of entries) {
    const value = read(entry.value);
    if (typeof value !== 'string') continue;
    const other = first.get(value);
    if (other === undefined) {
      first.set(value, entry);
      continue;
    }
    // A node name that merely follows from two equal names is told by those.
    if (entry.value[field] === undefined && other.value[field] === undefined) continue;
    const what = `${field} "${value}" is already used by ${describe(other)}.`;
    mistakes.push({ path: [...entry.path, field], what, next: `${advice}: ${EXAMPLES[field] ?? field}` });
  }
  return mistakes;
}

/** Address and port; two hosts behind one address (port forwards, a test bed) differ in their ports. */
function place(host: At['value']): unknown {
  if (typeof host.address !== 'string') return undefined;
  const plain = withoutBrackets(host.address.trim()).toLowerCase();
  const address = isIPv6(plain) ? new URL(`http://[${plain.replace(/%.*$/, '')}]`).hostname.slice(1, -1) : plain;
  return host.port === undefined || host.port === 22 ? address : `${address} port ${String(host.port)}`;
}

function jumpMistakes(host: At, names: readonly string[]): Mistake[] {
  const { jump } = host.value;
  const specs = Array.isArray(jump) ? jump : [jump];
  return specs.flatMap((spec, index): Mistake[] => {
    if (typeof spec !== 'string' || isJumpSpec(spec.trim(), names)) return [];
    const path = [...host.path, 'jump', ...(Array.isArray(jump) ? [index] : [])];
    const what = `jump "${spec}" is neither an entry of jumps nor [user@]host[:port].`;
    return [{ path, what, next: EXAMPLES.jump ?? '' }];
  });
}

function describe(entry: At): string {
  const { name } = entry.value;
  const [list, index] = entry.path;
  return typeof name === 'string' ? name : `${String(list)} number ${Number(index) + 1}`;
}

function records(list: unknown): { index: number; value: Record<string, unknown> }[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((value, index) => (isRecord(value) ? [{ index, value }] : []));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
