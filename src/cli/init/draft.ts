import { stringify } from 'yaml';

/** An inventory in the making. It never holds a secret: only where one is. */
export interface Draft {
  readonly cluster: string;
  readonly api?: string;
  readonly servers: readonly DraftHost[];
  readonly agents: readonly DraftHost[];
  readonly user?: string;
  readonly bucket?: DraftBucket;
}

export interface DraftHost {
  readonly name: string;
  readonly address: string;
  readonly nodeName?: string;
}

export interface DraftBucket {
  readonly endpoint: string;
  readonly region?: string;
  readonly bucket: string;
  readonly prefix?: string;
  /** Secret sources; left out where the storage's own variables and profiles serve. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A name that can be typed at a gate: at most 16 of a-z 0-9 - . _; `taken` ones are not given twice. */
export function shortName(text: string, taken: ReadonlySet<string> = new Set()): string {
  const plain =
    text
      .toLowerCase()
      .replace(/^([^.]+)\..*[a-z].*$/, '$1')
      .replace(/[^a-z0-9._-]/g, '-') || 'host';
  // The end tells machines apart, not the beginning.
  const parts = plain.split('-');
  while (parts.length > 1 && parts.join('-').length > 16) parts.shift();
  const short =
    parts
      .join('-')
      .slice(-16)
      .replace(/^[^a-z0-9]+/, '') || 'host';
  if (!taken.has(short)) return short;
  for (let number = 2; ; number++) {
    const next = `${short.slice(0, 13)}-${number}`;
    if (!taken.has(next)) return next;
  }
}

const HEAD = `# The inventory of a K3s cluster, begun by \`blackstart init\`. Every field: cluster.example.yaml. Keep a copy off the cluster.
# It never holds a secret. Wherever one is needed it says where the secret is: env:NAME, file:PATH, command:…, prompt.
`;

const TAIL = `
# Whom to call when this does not help.
# contacts:
#   - { name: Kim, how: "+1 555 0100", role: on call }
`;

/** The file's text. What could not be found out is asked for when it is needed, and said so in a comment. */
export function inventoryText(draft: Draft): string {
  const host = (one: DraftHost) => ({
    name: one.name,
    address: one.address,
    ...(draft.user === undefined ? {} : { user: draft.user }),
    ...(one.nodeName === undefined || one.nodeName === one.name ? {} : { nodeName: one.nodeName }),
  });
  const { bucket } = draft;
  const file = {
    cluster: draft.cluster,
    servers: draft.servers.map(host),
    ...(draft.agents.length === 0 ? {} : { agents: draft.agents.map(host) }),
    ...(draft.api === undefined ? {} : { api: draft.api }),
    ...(bucket === undefined ? {} : { bucket: { ...bucket, pathStyle: true } }),
    passphrase: 'prompt',
    token: 'prompt',
  };
  return `${HEAD}\n${stringify(file, { lineWidth: 0 })}${TAIL}`;
}
