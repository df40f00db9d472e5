import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { type DraftHost, shortName } from './draft.js';

/** What a kubeconfig says of the cluster, and what its API says of the nodes while it answers. */
export interface FromKubeconfig {
  readonly cluster: string;
  readonly api: string;
  /** Empty where the API did not answer. */
  readonly servers: readonly DraftHost[];
  readonly agents: readonly DraftHost[];
  /** Why the nodes are not known. */
  readonly problem?: string;
}

const fields = z.record(z.string(), z.unknown());
const fileSchema = z.looseObject({
  'current-context': z.string().optional(),
  contexts: z.array(z.object({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: z.string() }) })),
  clusters: z.array(z.object({ name: z.string(), cluster: fields })),
  users: z.array(z.object({ name: z.string(), user: fields })),
});

interface Access {
  readonly server: string;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly token: string | undefined;
}

/** @throws Error with a sentence when the file is no kubeconfig */
export async function fromKubeconfig(file: string, timeoutMs = 10_000): Promise<FromKubeconfig> {
  const { cluster, access } = readKubeconfig(readFileSync(file, 'utf8'), file);
  const base = { cluster, api: access.server };
  try {
    return { ...base, ...nodesOf(await get(access, '/api/v1/nodes', timeoutMs)) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ...base, servers: [], agents: [], problem };
  }
}

export function readKubeconfig(text: string, file: string): { cluster: string; access: Access } {
  const parsed = fileSchema.safeParse(parse(text));
  if (!parsed.success) throw new Error(`${file} is no kubeconfig.`);
  const { contexts, clusters, users } = parsed.data;
  const wanted = parsed.data['current-context'];
  const context = (contexts.find((one) => one.name === wanted) ?? contexts[0])?.context;
  const cluster = clusters.find((one) => one.name === context?.cluster);
  const about = cluster?.cluster;
  const user = users.find((one) => one.name === context?.user)?.user;
  if (cluster === undefined || typeof about?.server !== 'string') throw new Error(`${file} names no cluster.`);
  const bytes = (from: Readonly<Record<string, unknown>> | undefined, key: string): Buffer | undefined => {
    const data = from?.[`${key}-data`];
    if (typeof data === 'string') return Buffer.from(data, 'base64');
    const path = from?.[key];
    return typeof path === 'string' ? readFileSync(resolve(dirname(file), path)) : undefined;
  };
  return {
    cluster: cluster.name.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 40) || 'default',
    access: {
      server: about.server.replace(/\/+$/, ''),
      ca: bytes(about, 'certificate-authority'),
      cert: bytes(user, 'client-certificate'),
      key: bytes(user, 'client-key'),
      token: typeof user?.token === 'string' ? user.token : undefined,
    },
  };
}

interface NodeList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> };
    readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
  }[];
}

/** Servers and agents of a node list; a server carries the control-plane label. */
export function nodesOf(list: unknown): Pick<FromKubeconfig, 'servers' | 'agents'> {
  const taken = new Set<string>();
  const servers: DraftHost[] = [];
  const agents: DraftHost[] = [];
  for (const { metadata, status } of (list as NodeList).items ?? []) {
    const nodeName = metadata?.name ?? '';
    if (nodeName === '') continue;
    const name = shortName(nodeName, taken);
    taken.add(name);
    const address = status?.addresses?.find((one) => one.type === 'InternalIP')?.address ?? nodeName;
    const labels = Object.keys(metadata?.labels ?? {});
    const server = labels.some((label) => /^node-role\.kubernetes\.io\/(control-plane|master|etcd)$/.test(label));
    (server ? servers : agents).push({ name, address, nodeName });
  }
  return { servers, agents };
}

function get(access: Access, path: string, timeoutMs: number): Promise<unknown> {
  const { server, ca, cert, key, token } = access;
  return new Promise((done, fail) => {
    const asked = request(
      `${server}${path}`,
      {
        signal: AbortSignal.timeout(timeoutMs),
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', fail);
        answer.on('end', () => {
          if (answer.statusCode !== 200) return fail(new Error(`${server} answers ${answer.statusCode}`));
          try {
            done(JSON.parse(Buffer.concat(parts).toString('utf8')));
          } catch {
            fail(new Error(`${server} does not answer with a list of nodes`));
          }
        });
      },
    );
    asked.on('error', fail);
    asked.end();
  });
}
