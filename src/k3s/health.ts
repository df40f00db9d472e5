/** Reading what a server says of its etcd and its API. */

export interface HttpAnswer {
  /** 0 when there was no answer. */
  readonly code: number;
  readonly body: string;
}

/** Output of `curl -s … -w '\n%{http_code}'`. */
export function parseHttp(stdout: string): HttpAnswer {
  const at = stdout.lastIndexOf('\n');
  const code = Number(stdout.slice(at + 1));
  return Number.isInteger(code) ? { code, body: stdout.slice(0, Math.max(at, 0)) } : { code: 0, body: stdout };
}

/** The reason in etcd's `/health`, e.g. `RAFT NO LEADER`, `ALARM NOSPACE` (facts 3.1; NOSPACE shows only here, R30). */
export function healthReason(answer: HttpAnswer): string {
  return /"reason":"([^"]*)"/.exec(answer.body)?.[1] ?? '';
}

export interface EtcdNumbers {
  readonly leader: boolean;
  readonly revision: number;
  /** Raft index up to which it has applied. */
  readonly index: number;
}

/** What `/metrics` tells of the member itself; undefined when it is no such answer. */
export function parseEtcdMetrics(text: string): EtcdNumbers | undefined {
  const value = (name: string): number | undefined => {
    const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
    return found === undefined || !Number.isFinite(Number(found)) ? undefined : Number(found);
  };
  const revision = value('etcd_debugging_mvcc_current_revision');
  const leader = value('etcd_server_has_leader');
  if (revision === undefined || leader === undefined) return undefined;
  return { leader: leader === 1, revision, index: value('etcd_server_proposals_applied_total') ?? 0 };
}

export interface Member {
  /** Decimal text: ids exceed 2^53, so they are never parsed as numbers (R28). */
  readonly id: string;
  /** Empty until a joiner has started (R28). */
  readonly name: string;
  readonly peer: string;
  readonly learner: boolean;
}

/** Members in the answer of `/db/info`; undefined when it is not such an answer. */
export function parseMembers(body: string): Member[] | undefined {
  try {
    // Quote the ids before parsing, or JavaScript would round them.
    const parsed: unknown = JSON.parse(body.replace(/"ID":\s*(\d+)/g, '"ID":"$1"'));
    const members = (parsed as { members?: unknown }).members;
    if (!Array.isArray(members)) return undefined;
    return members.map((member: { ID?: string; name?: string; peerURLs?: string[]; isLearner?: boolean }) => ({
      id: String(member.ID ?? ''),
      name: member.name ?? '',
      peer: member.peerURLs?.[0] ?? '',
      learner: member.isLearner === true,
    }));
  } catch {
    return undefined;
  }
}

/** The host part of a URL without brackets: `https://[fd00::1]:2380` gives `fd00::1`. */
export function urlHost(url: string): string {
  try {
    return new URL(url).hostname.replace(/^\[|\]$/g, '');
  } catch {
    return '';
  }
}

/** `https://ADDRESS:6443`, with brackets around IPv6. */
export function serverUrl(address: string): string {
  return `https://${address.includes(':') ? `[${address}]` : address}:6443`;
}

export interface KubeNode {
  readonly name: string;
  readonly ready: 'True' | 'False' | 'Unknown';
  readonly roles: readonly string[];
  readonly version: string;
  readonly internalIp: string;
  /** Condition EtcdIsVoter; lags by up to 30 s (R32). */
  readonly voter?: string;
}

interface NodeJson {
  metadata?: { name?: string; labels?: Record<string, string> };
  status?: {
    conditions?: { type: string; status: string }[];
    addresses?: { type: string; address: string }[];
    nodeInfo?: { kubeletVersion?: string };
  };
}

/** `kubectl get nodes -o json`; undefined when the output is no such list. */
export function parseNodes(stdout: string): KubeNode[] | undefined {
  let items: unknown;
  try {
    items = (JSON.parse(stdout) as { items?: unknown }).items;
  } catch {
    return undefined;
  }
  if (!Array.isArray(items)) return undefined;
  return (items as NodeJson[]).map((node) => {
    const condition = (type: string): string | undefined =>
      node.status?.conditions?.find((one) => one.type === type)?.status;
    const ready = condition('Ready');
    const voter = condition('EtcdIsVoter');
    return {
      name: node.metadata?.name ?? '',
      ready: ready === 'True' || ready === 'False' ? ready : 'Unknown',
      roles: Object.keys(node.metadata?.labels ?? {})
        .filter((label) => label.startsWith('node-role.kubernetes.io/'))
        .map((label) => label.slice('node-role.kubernetes.io/'.length))
        .sort(),
      version: node.status?.nodeInfo?.kubeletVersion ?? '',
      internalIp: node.status?.addresses?.find((one) => one.type === 'InternalIP')?.address ?? '',
      ...(voter === undefined ? {} : { voter }),
    };
  });
}
