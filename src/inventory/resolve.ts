import { dirname } from 'node:path';
import { parseLogin, withoutBrackets } from './address.js';
import type { ClusterFile, HostFile } from './schema.js';
import { expandPath, type SecretSource } from './secrets.js';
import type { Bucket, BucketCredentials, HostEntry, Inventory, JumpEntry, LoginEntry, SudoMode } from './types.js';

const DEFAULTS = {
  dataDir: '/var/lib/rancher/k3s',
  service: 'k3s',
  agentService: 'k3s-agent',
  region: 'us-east-1',
  prefix: 'k3s-etcd-backups/',
};

/** Fills in every default and makes every path absolute. `file` is the absolute path of the inventory. */
export function resolveInventory(cluster: ClusterFile, file: string, home?: string): Inventory {
  const folder = dirname(file);
  const path = (relative: string): string => expandPath(relative, folder, home);
  const secret = (source: SecretSource): SecretSource =>
    source.kind === 'file' ? { kind: 'file', path: path(source.path) } : source;
  const login = (
    entry: Pick<HostFile, 'address' | 'port' | 'user' | 'identity' | 'identityPassphrase'>,
  ): LoginEntry => ({
    address: withoutBrackets(entry.address),
    ...(entry.port === undefined ? {} : { port: entry.port }),
    ...(entry.user === undefined ? {} : { user: entry.user }),
    ...(entry.identity === undefined ? {} : { identity: path(entry.identity) }),
    ...(entry.identityPassphrase === undefined ? {} : { identityPassphrase: secret(entry.identityPassphrase) }),
  });

  const jumps = new Map<string, JumpEntry>(
    (cluster.jumps ?? []).map((jump) => [jump.name, { name: jump.name, ...login(jump) }]),
  );
  const jump = (spec: string): JumpEntry[] => {
    const known = jumps.get(spec);
    if (known !== undefined) return [known];
    const parsed = spec === 'none' ? undefined : parseLogin(spec);
    return parsed === undefined ? [] : [parsed];
  };
  const host = (entry: HostFile, role: HostEntry['role']): HostEntry => {
    const service = role === 'server' ? cluster.k3s?.service : cluster.k3s?.agentService;
    return {
      name: entry.name,
      role,
      ...login(entry),
      ...(entry.jump === undefined ? {} : { jump: [entry.jump].flat().flatMap((spec) => jump(spec)) }),
      ...(entry.sudo === undefined ? {} : { sudo: sudoMode(entry.sudo, secret) }),
      nodeName: entry.nodeName ?? entry.name,
      dataDir: entry.dataDir ?? cluster.k3s?.dataDir ?? DEFAULTS.dataDir,
      service: entry.service ?? service ?? (role === 'server' ? DEFAULTS.service : DEFAULTS.agentService),
    };
  };

  return {
    file,
    folder,
    cluster: cluster.cluster,
    drill: cluster.drill === true,
    ...(cluster.rehearsal === undefined
      ? {}
      : { rehearsal: { of: cluster.rehearsal.of, unreachable: cluster.rehearsal.unreachable ?? [] } }),
    ...(cluster.knownHosts === undefined ? {} : { knownHosts: path(cluster.knownHosts) }),
    servers: cluster.servers.map((entry) => host(entry, 'server')),
    agents: (cluster.agents ?? []).map((entry) => host(entry, 'agent')),
    ...(cluster.k3s?.program === undefined ? {} : { k3sProgram: path(cluster.k3s.program) }),
    ...(cluster.api === undefined ? {} : { api: cluster.api.replace(/\/+$/, '') }),
    ...(cluster.bucket === undefined ? {} : { bucket: resolveBucket(cluster.bucket, path, secret) }),
    ...(cluster.snapshots === undefined ? {} : { snapshots: { folder: path(cluster.snapshots.folder) } }),
    ...(cluster.passphrase === undefined ? {} : { passphrase: secret(cluster.passphrase) }),
    ...(cluster.token === undefined ? {} : { token: secret(cluster.token) }),
    approvers: (cluster.approvers ?? []).map(({ name, key }) => ({ name, key: secret(key) })),
    contacts: (cluster.contacts ?? []).map(({ name, how, role }) => ({
      name,
      how,
      ...(role === undefined ? {} : { role }),
    })),
  };
}

function sudoMode(sudo: NonNullable<HostFile['sudo']>, secret: (source: SecretSource) => SecretSource): SudoMode {
  if (typeof sudo === 'string') return { kind: sudo };
  return { kind: 'password', password: secret(sudo.password) };
}

function resolveBucket(
  bucket: NonNullable<ClusterFile['bucket']>,
  path: (relative: string) => string,
  secret: (source: SecretSource) => SecretSource,
): Bucket {
  const prefix = (bucket.prefix ?? DEFAULTS.prefix).replace(/^\/+/, '').replace(/\/*$/, '/');
  return {
    endpoint: bucket.endpoint.replace(/\/+$/, ''),
    region: bucket.region ?? DEFAULTS.region,
    bucket: bucket.bucket,
    prefix: prefix === '/' ? '' : prefix,
    pathStyle: bucket.pathStyle ?? true,
    ...(bucket.caFile === undefined ? {} : { caFile: path(bucket.caFile) }),
    credentials: credentials(bucket, secret),
    ...(bucket.through === undefined ? {} : { through: bucket.through }),
  };
}

function credentials(
  { credentials: keys, profile }: NonNullable<ClusterFile['bucket']>,
  secret: (source: SecretSource) => SecretSource,
): BucketCredentials {
  if (profile !== undefined) return { kind: 'profile', profile };
  if (keys === undefined) return { kind: 'ambient' };
  return {
    kind: 'keys',
    accessKeyId: secret(keys.accessKeyId),
    secretAccessKey: secret(keys.secretAccessKey),
    ...(keys.sessionToken === undefined ? {} : { sessionToken: secret(keys.sessionToken) }),
  };
}
