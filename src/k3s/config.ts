import { parse } from 'yaml';
import { Secret } from '../base/secret.js';

/**
 * What a K3s service will start with, from its unit's arguments, its environment files and its config files.
 * Order of precedence (facts 1.1): arguments beat config files, the last config file wins, both beat the environment.
 */

export type Origin = 'arguments' | 'config' | 'environment';

export interface Setting {
  readonly value: string;
  readonly from: Origin;
  /** The file it stands in, for config and environment. */
  readonly file?: string;
}

export interface NamedText {
  readonly path: string;
  readonly text: string;
}

export interface K3sConfig {
  readonly server?: Setting;
  readonly token?: { readonly secret: Secret; readonly from: Origin; readonly file?: string };
  readonly tokenFile?: Setting;
  readonly nodeName?: Setting;
  readonly nodeIp?: Setting;
  readonly dataDir?: Setting;
  /** Where K3s puts its own snapshots, where that is not `server/db/snapshots`. */
  readonly snapshotDir?: Setting;
  readonly clusterInit: boolean;
  readonly datastoreEndpoint: boolean;
  readonly etcdS3: boolean;
  readonly clusterReset: boolean;
  readonly secretsEncryption: boolean;
  /** Arguments after the program and `server`/`agent`, with secrets left out. */
  readonly args: readonly string[];
  /** What could not be read, e.g. broken YAML, said for the operator. */
  readonly problems: readonly string[];
}

const SECRET_FLAGS = new Set([
  'token',
  't',
  'agent-token',
  'etcd-s3-secret-key',
  'etcd-s3-access-key',
  'etcd-s3-session-token',
  'datastore-endpoint',
  'vpn-auth',
]);
const SHORT: Record<string, string> = { s: 'server', t: 'token', d: 'data-dir', c: 'config' };
const ENV: Record<string, string> = {
  K3S_URL: 'server',
  K3S_TOKEN: 'token',
  K3S_TOKEN_FILE: 'token-file',
  K3S_NODE_NAME: 'node-name',
  K3S_DATA_DIR: 'data-dir',
  K3S_DATASTORE_ENDPOINT: 'datastore-endpoint',
  K3S_CLUSTER_INIT: 'cluster-init',
  K3S_CLUSTER_RESET: 'cluster-reset',
};

interface Flag {
  readonly name: string;
  readonly value: string;
  /** The words of the argument list it was read from. */
  readonly words: readonly string[];
}

/** Arguments of a K3s command line as flags; a flag without `=` takes the next word unless that is a flag too. */
export function parseFlags(args: readonly string[]): Flag[] {
  const flags: Flag[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word);
    if (match?.[1] === undefined) {
      flags.push({ name: '', value: word, words: [word] });
      continue;
    }
    const name = SHORT[match[1]] ?? match[1];
    const next = args[at + 1];
    if (match[2] === undefined && next !== undefined && !next.startsWith('-')) {
      flags.push({ name, value: next, words: [word, next] });
      at++;
    } else {
      flags.push({ name, value: match[2] ?? 'true', words: [word] });
    }
  }
  return flags;
}

/** Arguments without the named flags: for the reset, which repeats the unit's own arguments less a few. */
export function withoutFlags(args: readonly string[], names: ReadonlySet<string>): string[] {
  return parseFlags(args)
    .filter((flag) => !names.has(flag.name))
    .flatMap((flag) => flag.words);
}

/** A systemd EnvironmentFile: `NAME=value`, quoted with `'` or `"` or not at all (facts 3.4). */
export function parseEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Za-z_]\w*)=(.*)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined || /^\s*[#;]/.test(line)) continue;
    const raw = match[2].trim();
    const quoted = /^'(.*)'$/s.exec(raw) ?? /^"(.*)"$/s.exec(raw);
    variables.set(match[1], quoted?.[1] === undefined ? raw : quoted[1].replace(/\\(["\\$`])/g, '$1'));
  }
  return variables;
}

/**
 * Reads the whole of a service's configuration.
 * @param execStart program and arguments of the unit (`parseExecStart`)
 * @param configs `config.yaml` first, then `config.yaml.d/*.yaml` in alphabetical order
 * @param envs environment files in the unit's order
 */
export function readK3sConfig(
  execStart: readonly string[],
  configs: readonly NamedText[],
  envs: readonly NamedText[],
): K3sConfig {
  const problems: string[] = [];
  const found = new Map<string, Setting>();
  for (const env of envs) {
    for (const [variable, value] of parseEnvFile(env.text)) {
      const name = ENV[variable];
      if (name !== undefined) found.set(name, { value, from: 'environment', file: env.path });
    }
  }
  for (const config of configs) {
    for (const [name, value] of readYaml(config, problems))
      found.set(name, { value, from: 'config', file: config.path });
  }
  const args = execStart.slice(2);
  for (const flag of parseFlags(args)) {
    if (flag.name !== '') found.set(flag.name, { value: flag.value, from: 'arguments' });
  }
  const token = found.get('token');
  const on = (name: string): boolean => /^(true|1|t)$/i.test(found.get(name)?.value ?? '');
  const optional = <Name extends string>(key: Name, name: string): { [key in Name]?: Setting } => {
    const setting = found.get(name);
    return setting === undefined || setting.value === '' ? {} : ({ [key]: setting } as { [key in Name]?: Setting });
  };
  return {
    ...optional('server', 'server'),
    ...optional('tokenFile', 'token-file'),
    ...optional('nodeName', 'node-name'),
    ...optional('nodeIp', 'node-ip'),
    ...optional('dataDir', 'data-dir'),
    ...optional('snapshotDir', 'etcd-snapshot-dir'),
    ...(token === undefined
      ? {}
      : {
          token: {
            secret: new Secret(token.value),
            from: token.from,
            ...(token.file === undefined ? {} : { file: token.file }),
          },
        }),
    clusterInit: on('cluster-init'),
    datastoreEndpoint: (found.get('datastore-endpoint')?.value ?? '') !== '',
    etcdS3: on('etcd-s3'),
    clusterReset: on('cluster-reset'),
    secretsEncryption: on('secrets-encryption'),
    args: withoutFlags(args, SECRET_FLAGS),
    problems,
  };
}

function readYaml(config: NamedText, problems: string[]): [string, string][] {
  let document: unknown;
  try {
    document = parse(config.text);
  } catch (error) {
    problems.push(`${config.path}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'not YAML'}`);
    return [];
  }
  if (document === null || document === undefined) return [];
  if (typeof document !== 'object' || Array.isArray(document)) {
    problems.push(`${config.path}: not a list of settings`);
    return [];
  }
  return Object.entries(document).map(([key, value]) => [
    key.replace(/\+$/, ''),
    Array.isArray(value) ? value.map(String).join(',') : String(value ?? ''),
  ]);
}
