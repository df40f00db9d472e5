/** An object in the answer of `kubectl get … -o json`, as far as a check looks at it. */
export interface KubeItem {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly phase: string;
  /** The whole object, for what only one check needs. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Items of a list, or of a single object; undefined when the output is neither. */
export function parseItems(stdout: string): KubeItem[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { items } = value as { items?: unknown };
  return (Array.isArray(items) ? items : [value]).map((one) => itemOf(one as Record<string, unknown>));
}

function itemOf(raw: Record<string, unknown>): KubeItem {
  const metadata = (raw.metadata ?? {}) as { name?: string; namespace?: string; labels?: Record<string, string> };
  return {
    kind: String(raw.kind ?? ''),
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? '',
    labels: metadata.labels ?? {},
    phase: String((raw.status as { phase?: unknown } | undefined)?.phase ?? ''),
    raw,
  };
}

/** `namespace/name`, or the name of what has no namespace. */
export const itemPath = (item: KubeItem): string =>
  item.namespace === '' ? item.name : `${item.namespace}/${item.name}`;

/** A container of `crictl ps -o json` with the pod it belongs to. */
export interface Container {
  readonly name: string;
  /** `namespace/name` of its pod. */
  readonly pod: string;
}

/** Running containers; undefined when the output is no such list (m-pods shows the table; the labels are the kubelet's). */
export function parseContainers(stdout: string): Container[] | undefined {
  let containers: unknown;
  try {
    containers = (JSON.parse(stdout) as { containers?: unknown }).containers;
  } catch {
    return undefined;
  }
  if (!Array.isArray(containers)) return undefined;
  return (containers as { metadata?: { name?: string }; labels?: Record<string, string> }[]).map((one) => ({
    name: one.metadata?.name ?? '',
    pod: `${one.labels?.['io.kubernetes.pod.namespace'] ?? ''}/${one.labels?.['io.kubernetes.pod.name'] ?? ''}`,
  }));
}

/** What `k3s certificate check` says, which is all on standard error (a-healthy/node-1.certificate-check). */
export interface CertificateCheck {
  readonly ok: number;
  /** Expired or soon to expire, as K3s words it. */
  readonly bad: readonly string[];
  /** The first day on which one expires, ISO 8601. */
  readonly first: string | undefined;
}

/** undefined when no line is about a certificate: an older K3s does not know the command. */
export function parseCertificates(text: string): CertificateCheck | undefined {
  const lines = [...text.matchAll(/level=(\w+) msg="([^"]*certificate [^"]*)"/g)].filter(([, , message]) =>
    /expire/.test(message ?? ''),
  );
  if (lines.length === 0) return undefined;
  const bad = lines.filter(([, level]) => level !== 'info').map(([, , message]) => message ?? '');
  const dates = lines.flatMap(([, , message]) => /expires? at (\S+)/.exec(message ?? '')?.[1] ?? []).sort();
  return { ok: lines.length - bad.length, bad, first: dates[0] };
}
