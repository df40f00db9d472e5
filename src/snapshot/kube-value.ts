import { fields, type Span, spanAt } from './protobuf.js';

/**
 * A stored Kubernetes object: built-in kinds are protobuf behind `k8s\0` in an `Unknown` envelope (field 2 is the object),
 * custom resources, CRDs and APIServices are JSON; encrypted ones cannot be read (facts 7.8, R41).
 */
export type KubeValue = { readonly proto: Span } | { readonly json: Record<string, unknown> } | undefined;

const MOST_JSON = 2 * 1024 * 1024;
/** Times outside these years are damage or invention, seconds since the epoch. */
const EARLIEST = Date.UTC(2014, 0) / 1000;
const LATEST = Date.UTC(2100, 0) / 1000;

/** Opens a stored value; `undefined` for what is encrypted or neither form. */
export function openValue(bytes: Buffer): KubeValue {
  if (bytes.length > 4 && bytes.readUInt32BE(0) === 0x6b387300) {
    const proto = spanAt({ bytes, start: 4, end: bytes.length }, 2);
    return proto === undefined ? undefined : { proto };
  }
  if (bytes[0] !== 0x7b || bytes.length > MOST_JSON) return undefined;
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof json === 'object' && json !== null ? { json: json as Record<string, unknown> } : undefined;
  } catch {
    return undefined;
  }
}

/** A member of a JSON object by its path, when every part of it is an object. */
export function jsonAt(json: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    json,
  );
}

/**
 * The newest time an object carries, seconds since the epoch: creation, last change by any manager, and for Leases the renewal,
 * which a node writes every ten seconds. ObjectMeta: 8 creationTimestamp, 17 managedFields (4 time); LeaseSpec: 4 renewTime.
 */
export function newestTime(value: KubeValue, isLease: boolean): number | undefined {
  const times: number[] = [];
  if (value === undefined) return undefined;
  if ('json' in value) {
    const managed = jsonAt(value.json, 'metadata', 'managedFields');
    const texts = [jsonAt(value.json, 'metadata', 'creationTimestamp')];
    if (Array.isArray(managed)) texts.push(...managed.slice(0, 100).map((one) => jsonAt(one, 'time')));
    for (const text of texts) if (typeof text === 'string') times.push(Date.parse(text) / 1000);
  } else {
    const meta = spanAt(value.proto, 1);
    times.push(seconds(spanAt(meta, 8)));
    if (meta !== undefined) {
      for (const one of fields(meta)) if (one.number === 17) times.push(seconds(spanAt(one.span, 4)));
    }
    if (isLease) times.push(seconds(spanAt(value.proto, 2, 4)));
  }
  const sane = times.filter((time) => time > EARLIEST && time < LATEST);
  return sane.length === 0 ? undefined : Math.max(...sane);
}

/** A protobuf Time or MicroTime: field 1 is seconds. */
function seconds(time: Span | undefined): number {
  if (time === undefined) return Number.NaN;
  for (const one of fields(time)) if (one.number === 1) return one.value;
  return Number.NaN;
}
