import { parseDocument, stringify } from 'yaml';
import { type NamedText, parseEnvFile, parseFlags, withoutFlags } from './config.js';
import { envFileLine } from './env-file.js';

/**
 * Installing K3s on a fresh server as its peers have it, without the internet: the program copied from a peer, the unit as `install.sh`
 * writes it, the peer's configuration less what is the peer's own (facts 3.3, 3.4, 3.7).
 */

/** Settings that belong to one host: another server must not start with them. */
export const OF_ONE_HOST = [
  'node-name',
  'node-ip',
  'node-external-ip',
  'node-internal-dns',
  'node-external-dns',
  'advertise-address',
  'bind-address',
  'cluster-init',
  'cluster-reset',
  'cluster-reset-restore-path',
  'server',
  'token',
  'token-file',
  'with-node-id',
  'data-dir',
] as const;
const ENV_OF_ONE_HOST =
  /^(K3S_NODE_NAME|K3S_URL|K3S_TOKEN|K3S_TOKEN_FILE|K3S_CLUSTER_INIT|K3S_CLUSTER_RESET|K3S_AGENT_TOKEN_FILE)$/;

/** Arguments of a peer's unit that another server may start with. */
export const argumentsForPeer = (args: readonly string[]): string[] => withoutFlags(args, new Set<string>(OF_ONE_HOST));

/** What K3s writes where a secret stood (facts 3.2). */
export const MASKED = /\*{4,}/;

/**
 * How a person installs K3s on a first server, where there is no peer to take it from: `install.sh` without starting it, with the arguments
 * that a server of the snapshot had (facts 1.11, 3.4). Started once before the reset it would make a cluster of its own.
 */
export function installByHand(version: string, args: readonly string[]): string {
  const own = new Set<string>(OF_ONE_HOST);
  const flags = parseFlags(args.filter((arg, index) => index > 0 || arg !== 'server')).filter(
    ({ name, value }) => name !== '' && !own.has(name) && !MASKED.test(value),
  );
  const words = ['server', ...flags.map(({ name, value }) => `--${name}=${value}`)];
  const exec = words.map((word) => (/^[\w./:=,@+-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
  return `curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION='${version}' INSTALL_K3S_SKIP_START=true INSTALL_K3S_EXEC='${exec}' sh -`;
}

/** One word of `ExecStart=`; systemd takes quotes, `%` and `$` for itself. */
const execWord = (word: string): string =>
  `'${word.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('%', '%%').replaceAll('$', '$$$$')}'`;

/** The unit of a server as `install.sh` writes it (`a-healthy/node-1.systemctl-cat.out`), with a peer's arguments. */
export function serverUnitText(program: string, service: string, args: readonly string[]): string {
  const words = argumentsForPeer(args);
  const exec = [`ExecStart=${program} \\`, '    server \\', ...words.map((word) => `    ${execWord(word)} \\`), ''];
  return [
    '[Unit]',
    'Description=Lightweight Kubernetes',
    'Documentation=https://k3s.io',
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
    '[Service]',
    'Type=notify',
    'EnvironmentFile=-/etc/default/%N',
    'EnvironmentFile=-/etc/sysconfig/%N',
    `EnvironmentFile=-/etc/systemd/system/${service}.service.env`,
    'KillMode=process',
    'Delegate=yes',
    'User=root',
    'LimitNOFILE=1048576',
    'LimitNPROC=infinity',
    'LimitCORE=infinity',
    'TasksMax=infinity',
    'TimeoutStartSec=0',
    'Restart=always',
    'RestartSec=5s',
    'ExecStartPre=-/sbin/modprobe br_netfilter',
    'ExecStartPre=-/sbin/modprobe overlay',
    ...exec,
    '',
  ].join('\n');
}

export interface PeerConfig {
  /** A peer's `config.yaml` first, then its drop-ins in order. */
  readonly configs: readonly NamedText[];
  /** Where the new server joins; none for the first one. */
  readonly server?: string;
  readonly token: string;
  readonly nodeName: string;
  /** The address of the new server, where its peers name theirs. */
  readonly nodeIp: string;
  /** Where it keeps its data, where that is not K3s' default. */
  readonly dataDir?: string;
}

/**
 * One `config.yaml` for a new server from all of a peer's config files: later files win, `key+` adds, as K3s reads them (facts 1.1); what is
 * the peer's own is left out.
 * @throws Error naming the file that is no list of settings
 */
export function configForPeer({ configs, server, token, nodeName, nodeIp, dataDir }: PeerConfig): string {
  const settings = new Map<string, unknown>();
  const own = new Set<string>(OF_ONE_HOST);
  let namesAddress = false;
  for (const { path, text } of configs) {
    const document = parseDocument(text);
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors[0]?.message.split('\n')[0] ?? ''}`);
    const content: unknown = document.toJS();
    if (content === null || content === undefined) continue;
    if (typeof content !== 'object' || Array.isArray(content)) throw new Error(`${path}: not a list of settings`);
    for (const [written, value] of Object.entries(content)) {
      const key = written.replace(/\+$/, '');
      if (key === 'node-ip') namesAddress = true;
      if (own.has(key)) continue;
      settings.set(key, written.endsWith('+') ? [...listOf(settings.get(key)), ...listOf(value)] : value);
    }
  }
  return stringify({
    ...(server === undefined ? {} : { server }),
    token,
    'node-name': nodeName,
    ...(namesAddress ? { 'node-ip': nodeIp } : {}),
    ...(dataDir === undefined ? {} : { 'data-dir': dataDir }),
    ...Object.fromEntries(settings),
  });
}

const listOf = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** A peer's environment files as one, less what is the peer's own. */
export function envForPeer(envs: readonly NamedText[]): string {
  const variables = new Map(envs.flatMap(({ text }) => [...parseEnvFile(text)]));
  return [...variables]
    .filter(([name]) => !ENV_OF_ONE_HOST.test(name))
    .map(([name, value]) => envFileLine(name, value))
    .join('');
}

/** Config files as the arguments they stand for, later files over earlier ones; one that is no list of settings is left out. */
export function argumentsOfConfigs(configs: readonly NamedText[]): string[] {
  const settings = new Map<string, unknown[]>();
  for (const { text } of configs) {
    const document = parseDocument(text);
    const content: unknown = document.errors.length > 0 ? undefined : document.toJS();
    if (typeof content !== 'object' || content === null || Array.isArray(content)) continue;
    for (const [written, value] of Object.entries(content)) {
      const key = written.replace(/\+$/, '');
      settings.set(key, [...(written.endsWith('+') ? (settings.get(key) ?? []) : []), ...listOf(value)]);
    }
  }
  return [...settings].flatMap(([key, values]) => values.map((value) => `--${key}=${String(value)}`));
}
