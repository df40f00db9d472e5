import { BUCKET, PREFIX } from './bucket/bucket.js';

/** Where a practice node listens. */
export interface ListeningHost {
  readonly name: string;
  readonly role: 'server' | 'agent';
  readonly port: number;
}

/** An address of documentation (RFC 5737): nothing answers there. */
const REHEARSAL = 'rehearsal: { of: production, unreachable: ["192.0.2.11:6443"] }\n';

/** The `cluster.yaml` of a practice cluster, in the form the console's inventory has; `rehearsal`: it may be overwritten with another cluster's backup. */
export function inventoryText(
  hosts: readonly ListeningHost[],
  endpoint: string,
  dataDir: string,
  user: 'root' | 'ops',
  sudo: 'none' | 'passwordless' | 'password',
  rehearsal = false,
): string {
  const how =
    sudo === 'password'
      ? ', sudo: { password: file:./sudo-password }'
      : sudo === 'passwordless'
        ? ', sudo: passwordless'
        : '';
  const rows = (role: 'server' | 'agent'): string =>
    hosts
      .filter((host) => host.role === role)
      .map(
        (host) =>
          `  - { name: ${host.name}, address: 127.0.0.1, port: ${host.port}, user: ${user}, identity: ./id_ed25519${how} }\n`,
      )
      .join('');
  return `# Written by the practice cluster; it lives as long as that process does.
cluster: practice
drill: true
${rehearsal ? REHEARSAL : ''}knownHosts: ./known_hosts
servers:
${rows('server')}agents:
${rows('agent')}k3s: { dataDir: ${dataDir} }
bucket: { endpoint: ${endpoint}, region: us-east-1, bucket: ${BUCKET}, prefix: ${PREFIX}, pathStyle: true, credentials: { accessKeyId: file:./s3-access-key, secretAccessKey: file:./s3-secret-key } }
passphrase: file:./passphrase
token: file:./token
contacts: [ { name: Practice lead, how: "nobody is called in a drill" } ]
`;
}
