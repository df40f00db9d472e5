import { parse } from 'yaml';
import type { ModelFiles } from './ports.js';

/** What `k3s server` and `k3s agent` were told, by flags, environment and config files, in that order. */
export interface Options {
  readonly command: 'server' | 'agent';
  readonly dataDir: string;
  readonly server: string | undefined;
  readonly token: string | undefined;
  /** Whether the token came as a value (`--token`, `K3S_TOKEN`, config), not from a file (R2). */
  readonly tokenGiven: boolean;
  readonly clusterInit: boolean;
  readonly clusterReset: boolean;
  readonly restorePath: string | undefined;
  readonly nodeName: string | undefined;
  /** Every key of the config files in order, for `Unknown flag` warnings (R27). */
  readonly configKeys: readonly string[];
}

const ALIASES: Record<string, string> = { t: 'token', s: 'server', d: 'data-dir', c: 'config', l: 'log', v: 'v' };
const BOOLEAN = new Set([
  'cluster-init',
  'cluster-reset',
  'debug',
  'disable-network-policy',
  'disable-kube-proxy',
  'secrets-encryption',
  'etcd-expose-metrics',
  'etcd-s3',
  'disable-agent',
  'embedded-registry',
  'protect-kernel-defaults',
]);

function flags(argv: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(word);
    if (!match) continue;
    const name = ALIASES[match[1] ?? ''] ?? match[1] ?? '';
    if (match[2] !== undefined) found.set(name, match[2]);
    else if (BOOLEAN.has(name)) found.set(name, 'true');
    else {
      found.set(name, argv[i + 1] ?? '');
      i += 1;
    }
  }
  return found;
}

function configFiles(files: ModelFiles, config: string): string[] {
  const found = files.exists(config) ? [config] : [];
  const folder = `${config}.d`;
  if (files.isDirectory(folder)) {
    for (const name of files.list(folder)) if (/\.ya?ml$/.test(name)) found.push(`${folder}/${name}`);
  }
  return found;
}

/** Merges flags, environment and config files; the config file is read for every `k3s server`, by hand too (R1). */
export function readOptions(
  command: 'server' | 'agent',
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  files: ModelFiles,
): Options {
  const given = flags(argv);
  const values = new Map<string, string>();
  const configKeys: string[] = [];
  for (const file of configFiles(files, given.get('config') ?? env.K3S_CONFIG_FILE ?? '/etc/rancher/k3s/config.yaml')) {
    const parsed: unknown = parse(files.text(file));
    if (typeof parsed !== 'object' || parsed === null) continue;
    for (const [key, value] of Object.entries(parsed)) {
      const name = key.replace(/\+$/, '');
      for (const one of Array.isArray(value) ? value : [value]) configKeys.push(name === '' ? String(one) : name);
      values.set(name, Array.isArray(value) ? value.join(',') : String(value));
    }
  }
  const pick = (flag: string, variable?: string): string | undefined =>
    given.get(flag) ?? (variable === undefined ? undefined : env[variable] || undefined) ?? values.get(flag);
  const tokenFile = pick('token-file', 'K3S_TOKEN_FILE');
  const value = pick('token', 'K3S_TOKEN');
  const fromFile = tokenFile !== undefined && files.exists(tokenFile) ? files.text(tokenFile).trim() : undefined;
  return {
    command,
    dataDir: pick('data-dir', 'K3S_DATA_DIR') ?? '/var/lib/rancher/k3s',
    server: pick('server', 'K3S_URL') || undefined,
    token: value ?? fromFile,
    tokenGiven: value !== undefined,
    clusterInit: pick('cluster-init', 'K3S_CLUSTER_INIT') === 'true',
    clusterReset: pick('cluster-reset', 'K3S_CLUSTER_RESET') === 'true',
    restorePath: pick('cluster-reset-restore-path') || undefined,
    nodeName: pick('node-name', 'K3S_NODE_NAME'),
    configKeys,
  };
}
