/** etcd's JSON gateway: 64-bit ids come as text, so none is rounded. */

export interface GatewayMember {
  readonly ID: string;
  readonly name?: string;
  readonly peerURLs?: readonly string[];
  readonly clientURLs?: readonly string[];
  readonly isLearner?: boolean;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const plain = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString('utf8');

export class Gateway {
  constructor(readonly url: string) {}

  async #ask<T>(path: string, body: unknown, ms = 2_000): Promise<T | undefined> {
    try {
      const answer = await fetch(`${this.url}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ms),
      });
      return answer.ok ? ((await answer.json()) as T) : undefined;
    } catch {
      return undefined;
    }
  }

  async members(): Promise<{ clusterId: string; members: readonly GatewayMember[] } | undefined> {
    const said = await this.#ask<{ header?: { cluster_id?: string }; members?: GatewayMember[] }>(
      '/v3/cluster/member/list',
      {},
    );
    if (said?.members === undefined) return undefined;
    return { clusterId: hexOf(said.header?.cluster_id ?? '0'), members: said.members };
  }

  /** Whether this member has a leader that a majority follows: a read that has to be agreed on. */
  async agreed(withinMs = 1_000): Promise<boolean> {
    return (await this.#ask('/v3/kv/range', { key: base64('stand-in') }, withinMs)) !== undefined;
  }

  /** Id of the member this one takes for the leader; undefined where there is none. */
  async leader(): Promise<string | undefined> {
    const said = await this.#ask<{ leader?: string }>('/v3/maintenance/status', {}, 1_000);
    return said?.leader === undefined || said.leader === '0' ? undefined : hexOf(said.leader);
  }

  async promote(id: string): Promise<boolean> {
    return (await this.#ask('/v3/cluster/member/promote', { ID: BigInt(`0x${id}`).toString() })) !== undefined;
  }

  removeMember(id: string): Promise<unknown> {
    return this.#ask('/v3/cluster/member/remove', { ID: BigInt(`0x${id}`).toString() });
  }

  async keys(prefix: string): Promise<string[] | undefined> {
    const said = await this.#ask<{ kvs?: { key: string }[] }>('/v3/kv/range', {
      key: base64(prefix),
      range_end: base64(after(prefix)),
      keys_only: true,
    });
    return said === undefined ? undefined : (said.kvs ?? []).map((one) => plain(one.key));
  }

  async values(prefix: string): Promise<Map<string, string> | undefined> {
    const said = await this.#ask<{ kvs?: { key: string; value?: string }[] }>('/v3/kv/range', {
      key: base64(prefix),
      range_end: base64(after(prefix)),
    });
    return said === undefined ? undefined : new Map((said.kvs ?? []).map((one) => [plain(one.key), plain(one.value)]));
  }

  put(key: string, value: string): Promise<unknown> {
    return this.#ask('/v3/kv/put', { key: base64(key), value: base64(value) });
  }

  remove(key: string): Promise<unknown> {
    return this.#ask('/v3/kv/deleterange', { key: base64(key) });
  }
}

export const hexOf = (decimal: string): string => BigInt(decimal).toString(16).padStart(16, '0');

/** The first key behind all keys with a prefix. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
