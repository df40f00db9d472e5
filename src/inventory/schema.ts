import { z } from 'zod';
import { addressMistake, isUserName, parseLogin } from './address.js';
import { parseSecretSource, SOURCE_EXAMPLE } from './secrets.js';

/**
 * `cluster.yaml` as it is written. Messages say what is wrong and never repeat a value that could be a secret;
 * examples of right are in {@link EXAMPLES}.
 */

const text = (what: string) => z.string(`${what} is text`).trim().min(1, `${what} is empty`);

const source = z
  .string('this is not a secret source')
  .refine((value) => parseSecretSource(value) !== undefined, {
    message: `this is not a secret source (${SOURCE_EXAMPLE}); its value is not shown, because it may be the secret itself`,
  })
  .transform((value) => parseSecretSource(value) ?? { kind: 'prompt' as const });

// `address: [2001:db8::5]` is a list of one to YAML; what was meant is plain.
const address = z.preprocess(
  (value) => (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string' ? `[${value[0]}]` : value),
  text('an address').superRefine((value, context) => {
    const mistake = addressMistake(value);
    if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake });
  }),
);

const name = z
  .string('a name is text (put quotes around a number)')
  .regex(/^[a-z0-9._-]{1,16}$/, 'a name is at most 16 characters of a-z 0-9 - . _: it is typed at gates');
const port = z.int('a port is a whole number').min(1, 'a port is 1 to 65535').max(65_535, 'a port is 1 to 65535');
const user = z.string('a user is text').refine(isUserName, 'this cannot be a login name');
const unit = z
  .string('a service is text')
  .regex(/^[A-Za-z0-9:_.@-]{1,200}$/, 'this cannot be the name of a unit')
  .transform((value) => value.replace(/\.service$/, ''));
const absolute = z
  .string('a path is text')
  .regex(/^\/[^\0\n]*$/, 'this is a path on the host: it starts with /')
  .transform((value) => value.replace(/(?<=.)\/+$/, ''));
const url = (what: string) =>
  z.string(`${what} is a URL`).refine((value) => /^https?:$/.test(parseUrl(value)?.protocol ?? ''), {
    message: `${what} is a URL that starts with https:// or http://`,
  });

const jumpSpec = text('a jump host');
const jump = z.union([jumpSpec, z.array(jumpSpec)], {
  message: 'jump is the name of an entry in jumps, [user@]host[:port], none, or a list of these',
});
const sudo = z.union(
  [z.enum(['none', 'passwordless']), z.strictObject({ password: source })],
  'sudo is none, passwordless, or { password: SOURCE } where the source is one of env:NAME, file:PATH, command:…, prompt',
);

const login = {
  address,
  port: port.optional(),
  user: user.optional(),
  identity: text('a path').optional(),
  identityPassphrase: source.optional(),
};

const hostSchema = z.strictObject({
  name,
  ...login,
  jump: jump.optional(),
  sudo: sudo.optional(),
  nodeName: z
    .string('a node name is text')
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'this cannot be the name of a Kubernetes node')
    .optional(),
  dataDir: absolute.optional(),
  service: unit.optional(),
});

const jumpSchema = z.strictObject({ name, ...login });

const bucketSchema = z
  .strictObject({
    endpoint: url('the endpoint'),
    region: text('a region').optional(),
    bucket: text('a bucket').regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/, 'this cannot be the name of a bucket'),
    prefix: z.string('a prefix is text').optional(),
    pathStyle: z.boolean('pathStyle is true or false').optional(),
    caFile: text('a path').optional(),
    credentials: z
      .strictObject({ accessKeyId: source, secretAccessKey: source, sessionToken: source.optional() })
      .optional(),
    profile: text('a profile').optional(),
    through: text('the name of a host, or any').optional(),
  })
  .refine((bucket) => bucket.credentials === undefined || bucket.profile === undefined, {
    message: 'a bucket has credentials or a profile, not both',
    path: ['profile'],
  });

export const clusterSchema = z.strictObject({
  cluster: text('the name of the cluster').regex(
    /^[A-Za-z0-9._-]{1,40}$/,
    'the name of the cluster is at most 40 characters of a-z A-Z 0-9 - . _: it is typed at gates',
  ),
  drill: z.literal(true, 'drill is true, or left out').optional(),
  rehearsal: z
    .strictObject(
      {
        of: text('the name of the cluster whose backups are restored here'),
        unreachable: z
          .array(
            z
              .string('an address of production is text')
              .regex(/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$/, 'this is no host:port'),
            'unreachable is a list of host:port',
          )
          .optional(),
      },
      'rehearsal says whose backups are restored here: rehearsal: { of: production }',
    )
    .optional(),
  knownHosts: text('a path').optional(),
  servers: z.array(hostSchema, 'servers is a list of hosts').min(1, 'there is no server in the list'),
  agents: z.array(hostSchema, 'agents is a list of hosts').optional(),
  k3s: z
    .strictObject({
      dataDir: absolute.optional(),
      service: unit.optional(),
      agentService: unit.optional(),
      program: text('a path').optional(),
    })
    .optional(),
  jumps: z.array(jumpSchema, 'jumps is a list of hosts').optional(),
  api: url('the API address').optional(),
  bucket: bucketSchema.optional(),
  snapshots: z.strictObject({ folder: text('a path') }).optional(),
  passphrase: source.optional(),
  token: source.optional(),
  approvers: z.array(z.strictObject({ name: text('a name'), key: source }), 'approvers is a list of people').optional(),
  contacts: z
    .array(
      z.strictObject({ name: text('a name'), how: text('how to reach them'), role: text('a role').optional() }),
      'contacts is a list of people',
    )
    .optional(),
});

export type ClusterFile = z.infer<typeof clusterSchema>;
export type HostFile = z.infer<typeof hostSchema>;

/** Fields known at each place, by the last word of the path that leads there; for "did you mean". */
export const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(clusterSchema.shape),
  servers: Object.keys(hostSchema.shape),
  agents: Object.keys(hostSchema.shape),
  jumps: Object.keys(jumpSchema.shape),
  bucket: Object.keys(bucketSchema.shape),
  credentials: ['accessKeyId', 'secretAccessKey', 'sessionToken'],
  k3s: ['dataDir', 'service', 'agentService', 'program'],
  rehearsal: ['of', 'unreachable'],
  sudo: ['password'],
  snapshots: ['folder'],
  contacts: ['name', 'how', 'role'],
  approvers: ['name', 'key'],
};

/** An example of right for each field. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  cluster: 'cluster: production',
  drill: 'drill: true',
  rehearsal: 'rehearsal: { of: production, unreachable: ["k3s.example.org:6443"] }',
  of: 'rehearsal: { of: production }',
  unreachable: 'unreachable: ["k3s.example.org:6443", "192.0.2.11:6443"]',
  knownHosts: 'knownHosts: ~/.ssh/known_hosts',
  servers: 'servers:\n  - name: cp1\n    address: 192.0.2.11',
  agents: 'agents:\n  - name: w1\n    address: 192.0.2.21',
  jumps: 'jumps:\n  - name: bastion\n    address: bastion.example.org\n    user: ops',
  name: 'name: cp1',
  address: 'address: 192.0.2.11   # or "2001:db8::11", cp1.example.org, a Host of ~/.ssh/config',
  port: 'port: 22',
  user: 'user: ops',
  identity: 'identity: ~/.ssh/id_ed25519',
  identityPassphrase: 'identityPassphrase: prompt',
  jump: 'jump: ops@bastion.example.org:22   # or the name of an entry in jumps, or none',
  sudo: 'sudo: passwordless   # or none, or { password: prompt }',
  password: 'sudo: { password: prompt }',
  nodeName: 'nodeName: cp1.example.org',
  dataDir: 'dataDir: /var/lib/rancher/k3s',
  service: 'service: k3s',
  agentService: 'agentService: k3s-agent',
  program: 'k3s: { program: ./k3s }',
  k3s: 'k3s: { dataDir: /var/lib/rancher/k3s, service: k3s, agentService: k3s-agent }',
  api: 'api: https://k3s.example.org:6443',
  bucket: 'bucket:\n  endpoint: https://s3.example.org\n  bucket: k3s-backups\n  profile: backups',
  endpoint: 'endpoint: https://s3.example.org',
  region: 'region: us-east-1',
  prefix: 'prefix: k3s-etcd-backups/',
  pathStyle: 'pathStyle: true',
  caFile: 'caFile: ca.pem',
  credentials: 'credentials: { accessKeyId: env:AWS_ACCESS_KEY_ID, secretAccessKey: env:AWS_SECRET_ACCESS_KEY }',
  accessKeyId: 'accessKeyId: env:AWS_ACCESS_KEY_ID',
  secretAccessKey: 'secretAccessKey: env:AWS_SECRET_ACCESS_KEY',
  sessionToken: 'sessionToken: env:AWS_SESSION_TOKEN',
  profile: 'profile: backups',
  through: 'through: any   # or the name of one host: connections to the storage go through it',
  snapshots: 'snapshots: { folder: ./snapshots }',
  folder: 'snapshots: { folder: ./snapshots }',
  passphrase: 'passphrase: command:pass show k3s/backup',
  token: 'token: file:server-token',
  approvers: 'approvers:\n  - { name: Kim, key: file:approval-key-kim }',
  key: 'key: file:approval-key-kim',
  contacts: 'contacts:\n  - { name: Kim, how: "+1 555 0100", role: on call }',
  how: 'how: "+1 555 0100"',
  role: 'role: on call',
};

function parseUrl(value: string): URL | undefined {
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}

/** Whether a jump says "none", names a known entry, or is a login of its own. */
export function isJumpSpec(spec: string, names: readonly string[]): boolean {
  return spec === 'none' || names.includes(spec) || parseLogin(spec) !== undefined;
}
