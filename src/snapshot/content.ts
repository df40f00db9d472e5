import { inertLine } from '../base/inert.js';
import { type BootstrapEntry, caHashOf, MOST_BOOTSTRAP } from './bootstrap.js';
import type { Breath } from './breathe.js';
import { jsonAt, type KubeValue, newestTime, openValue } from './kube-value.js';
import type { Interest, LiveObjects, Place } from './live-objects.js';
import { INTERNAL, parseKey } from './objects.js';
import { MOST_WAKES } from './proof.js';
import { fields, spanAt, textAt } from './protobuf.js';
import type { RandomReader } from './reader.js';
import { mayWake, type Wake, wakeOf, worthReading } from './wakes.js';

const BOOTSTRAP = '/bootstrap/';
const ROOT_CA = 'kube-root-ca.crt';
/** Objects are read again only up to this size; Kubernetes refuses any above 1.5 MB. */
const MOST_VALUE = 4 * 1024 * 1024;

/** Kinds of which some objects are read again after the walk. */
export function watchedKind(kind: string): boolean {
  return kind === INTERNAL || kind === 'nodes' || kind === 'namespaces' || kind === 'configmaps' || mayWake(kind);
}

/** Which objects of those kinds. */
export const interesting: Interest = (kind, namespace, name) => {
  if (kind === INTERNAL) return name.startsWith(BOOTSTRAP);
  if (kind === 'namespaces') return name === 'kube-system';
  if (kind === 'configmaps') return namespace === 'kube-system' && name === ROOT_CA;
  return kind === 'nodes' || worthReading(kind, name);
};

/** What the objects themselves say. */
export interface Content {
  readonly nodes: { name: string; kubeletVersion: string | null; args: string[] | null }[];
  readonly clusterUid: string | undefined;
  /** CA hash of the certificate authority K3s publishes to every namespace. */
  readonly publishedCa: string | undefined;
  readonly bootstrap: BootstrapEntry[];
  readonly wakes: Wake[];
  readonly wakeCounts: Record<string, number>;
  /** The newest time any of the last writes carries, milliseconds since the epoch. */
  readonly newest: number | undefined;
}

/** Reads the objects of interest again, one by one, after the walk has told which of them live. */
export async function readContent(reader: RandomReader, live: LiveObjects, breath: Breath): Promise<Content> {
  const content = {
    nodes: [] as Content['nodes'],
    clusterUid: undefined as string | undefined,
    publishedCa: undefined as string | undefined,
    bootstrap: [] as BootstrapEntry[],
    wakes: [] as Wake[],
    wakeCounts: {} as Record<string, number>,
    newest: undefined as number | undefined,
  };
  for (const place of live.places()) {
    if (breath.due()) await breath.take();
    const { key, value: stored } = objectAt(reader, place);
    if (key.startsWith(BOOTSTRAP)) {
      if (place.valueLength <= MOST_BOOTSTRAP && content.bootstrap.length < 20) {
        content.bootstrap.push({ hash: inertLine(key.slice(BOOTSTRAP.length), 64), value: Buffer.from(stored) });
      }
      continue;
    }
    const { kind, namespace, name } = parseKey(key);
    const value = openValue(stored);
    if (kind === 'nodes')
      content.nodes.push({
        name: inertLine(name, 300),
        kubeletVersion: kubeletVersion(value) ?? null,
        args: nodeArgs(value) ?? null,
      });
    else if (kind === 'namespaces') content.clusterUid = uidOf(value);
    else if (kind === 'configmaps') content.publishedCa = publishedCa(value);
    else {
      const wake = wakeOf(kind, namespace, name, value);
      if (wake === undefined) continue;
      content.wakeCounts[wake.cause] = (content.wakeCounts[wake.cause] ?? 0) + 1;
      if (content.wakes.length < MOST_WAKES) content.wakes.push(wake);
    }
  }
  content.newest = newestOf(reader, live.recent());
  content.nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return content;
}

/** The key standing at a place. */
export function keyAt(reader: RandomReader, place: { key: number; keyLength: number }): string {
  return reader.slice(place.key, Math.min(place.keyLength, 4096)).toString('utf8');
}

/** Key and value at a place, in one read where they follow each other, as etcd writes them; a value too large comes out empty. */
function objectAt(reader: RandomReader, place: Place): { key: string; value: Buffer } {
  const from = place.value - place.key;
  if (place.valueLength > MOST_VALUE) return { key: keyAt(reader, place), value: Buffer.alloc(0) };
  if (from < place.keyLength || from > 8192) {
    return { key: keyAt(reader, place), value: reader.slice(place.value, place.valueLength) };
  }
  const bytes = reader.slice(place.key, from + place.valueLength);
  return { key: bytes.toString('utf8', 0, place.keyLength), value: bytes.subarray(from) };
}

function newestOf(reader: RandomReader, places: readonly Place[]): number | undefined {
  const times = places.map((place) => {
    const { key, value } = objectAt(reader, place);
    return newestTime(openValue(value), key.startsWith('/registry/leases/'));
  });
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known) * 1000;
}

/** Node: 3 status, in it 7 nodeInfo, in it 7 kubeletVersion. */
function kubeletVersion(value: KubeValue): string | undefined {
  if (value === undefined) return undefined;
  const text =
    'proto' in value ? textAt(value.proto, 3, 7, 7) : jsonAt(value.json, 'status', 'nodeInfo', 'kubeletVersion');
  return typeof text === 'string' && text !== '' ? inertLine(text, 60) : undefined;
}

const MOST_ARGS = 200;

/** ObjectMeta: 12 annotations, a map of (1 key, 2 value); K3s keeps a server's whole command line there, secrets masked (facts 3.2). */
function nodeArgs(value: KubeValue): string[] | undefined {
  if (value === undefined || !('proto' in value)) return undefined;
  const meta = spanAt(value.proto, 1);
  if (meta === undefined) return undefined;
  for (const one of fields(meta)) {
    if (one.number !== 12 || textAt(one.span, 1) !== 'k3s.io/node-args') continue;
    try {
      const args: unknown = JSON.parse(textAt(one.span, 2) ?? '');
      return Array.isArray(args) ? args.slice(0, MOST_ARGS).map((arg) => inertLine(String(arg), 500)) : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** ObjectMeta: 5 uid. */
function uidOf(value: KubeValue): string | undefined {
  const text = value !== undefined && 'proto' in value ? textAt(value.proto, 1, 5) : undefined;
  return text === undefined ? undefined : inertLine(text, 64);
}

/** ConfigMap: 2 data, a map of (1 key, 2 value); `ca.crt` is K3s' server-ca.crt, byte for byte. */
function publishedCa(value: KubeValue): string | undefined {
  if (value === undefined || !('proto' in value)) return undefined;
  for (const one of fields(value.proto)) {
    if (one.number !== 2 || textAt(one.span, 1) !== 'ca.crt') continue;
    const pem = spanAt(one.span, 2);
    if (pem !== undefined) return caHashOf(pem.bytes.subarray(pem.start, pem.end));
  }
  return undefined;
}
