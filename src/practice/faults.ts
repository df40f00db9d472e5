/** What a fault changes, in the words shown to whoever chooses it. */
export interface FaultInfo {
  readonly name: string;
  readonly description: string;
}

/** Every fault a practice cluster can be started with. Without any, all three servers' databases are damaged. */
export const FAULTS = [
  { name: 'healthy', description: 'Nothing is broken: three voters, two agents, all Ready.' },
  { name: 'dead-server', description: 'node-3 has no power: nothing answers on its SSH port.' },
  { name: 'hung-server', description: 'node-3 accepts SSH connections and then never says a word.' },
  {
    name: 'lost-quorum',
    description:
      'node-2 and node-3 have lost power; the data of node-1 is sound and its K3s still runs without a leader.',
  },
  {
    name: 'damaged-survivor',
    description: 'Like lost-quorum, but the database of node-1 is damaged too: nothing sound is left but the backups.',
  },
  {
    name: 'survivor-behind',
    description: 'Like lost-quorum, but node-1 fell behind long ago: the newest backup holds more than it.',
  },
  {
    name: 'peer-returns',
    description: 'Like lost-quorum, but node-3 gets its power back after 25 seconds, and its K3s starts by itself.',
  },
  { name: 'no-etcdctl', description: 'No server has etcdctl, which K3s does not bring.' },
  {
    name: 'two-survivors',
    description: 'K3s is stopped on node-1 and node-2, whose data is sound; node-3 has no power.',
  },
  { name: 'dead-member', description: 'Two servers keep quorum; node-3 has no power.' },
  { name: 'stopped-member', description: 'Two servers keep quorum; somebody stopped K3s on node-3.' },
  {
    name: 'damaged-member',
    description: 'Two servers keep quorum; the database of node-3 is damaged and its K3s dies over and over.',
  },
  {
    name: 'wiped-member',
    description:
      'Two servers keep quorum; node-3 lost its database, and is refused because its old member is still listed.',
  },
  {
    name: 'stale-learner',
    description:
      'Like wiped-member, but node-3 had never been promoted: its learner is still listed and keeps others from joining.',
  },
  {
    name: 'newer-files',
    description:
      'Two servers keep quorum; on node-3 somebody put back an old server/cred/passwd, over which its K3s does not start.',
  },
  {
    name: 'rejected-password',
    description:
      'Every server votes, but node-3 has another node password than the cluster keeps: its Node is refused.',
  },
  {
    name: 'wrong-server',
    description:
      'Like wiped-member, but its old member is gone too, and server: in its configuration names a host that was scrapped.',
  },
  {
    name: 'fresh-host',
    description: 'Two servers keep quorum; node-3 was replaced by a new machine of the same name without K3s.',
  },
  {
    name: 'fresh-servers',
    description: 'All three servers were replaced by new machines of the same names without K3s; the agents are left.',
  },
  {
    name: 'gone-node',
    description:
      'The cluster and its backups know a Node node-9 whose machine was scrapped: it goes with other faults.',
  },
  {
    name: 'wrong-passphrase',
    description: 'The passphrase file holds another passphrase than the backups were made with.',
  },
  { name: 'wrong-token', description: 'The token file holds another token than the snapshots were made with.' },
  { name: 'truncated-backup', description: 'The newest backup object ends early, as after an upload that broke off.' },
  {
    name: 'damaged-backup',
    description: 'The newest backup decrypts well, but one byte of the snapshot inside is flipped.',
  },
  {
    name: 'foreign-backup',
    description:
      'The newest backup holds a snapshot of another cluster, a recorded K3s v1.32.1: same token, another CA.',
  },
  { name: 'empty-bucket', description: 'The bucket is there and holds nothing.' },
  { name: 'missing-bucket', description: 'The bucket does not exist (NoSuchBucket).' },
  { name: 'denied-bucket', description: 'The key is known and may do nothing (AccessDenied).' },
  { name: 'wrong-key', description: 'The secret key file holds another key (SignatureDoesNotMatch).' },
  { name: 'throttled-bucket', description: 'The bucket answers 503 SlowDown to every second request.' },
  { name: 'slow-bucket', description: 'Downloads run at about 100 kB/s.' },
  {
    name: 'dropped-downloads',
    description: 'The first two downloads of every object lose their connection after 100 kB.',
  },
  { name: 'dropped-connections', description: 'Every SSH connection to a server is cut after 20 seconds.' },
  { name: 'disk-full', description: 'node-1 has 60 MB of disk left.' },
  { name: 'slow-disk', description: 'Writing a MiB on node-1 takes 200 ms more.' },
  { name: 'sudo-password', description: 'Login as ops; sudo asks for a password.' },
  { name: 'sudo-nopassword', description: 'Login as ops; sudo needs no password.' },
  { name: 'sudo-denied', description: 'Login as ops, who is not in the sudoers file.' },
  { name: 'not-installed', description: 'node-2 has no K3s.' },
  {
    name: 'sqlite',
    description: 'node-1 keeps its data in SQLite, not in etcd. The file is empty: no SQLite K3s was recorded.',
  },
  {
    name: 'openrc',
    description:
      'The hosts were booted with OpenRC: systemctl says so. No OpenRC host was recorded; the words are systemd’s own.',
  },
  { name: 'db-mount-point', description: 'db/etcd of node-1 is a mount point: it cannot be renamed.' },
  {
    name: 'reset-fails-once',
    description: 'The first reset on node-1 is killed after three seconds, as by the kernel for want of memory.',
  },
  { name: 'older-k3s', description: 'node-1 has K3s v1.32.1, an older minor than the snapshots are from.' },
  { name: 'server-url-in-env', description: 'K3S_URL stands in the service environment file of node-1.' },
  { name: 'slow-start', description: 'K3s takes six times as long on every node.' },
  { name: 'peer-starts-early', description: 'Somebody starts K3s on node-2 every twenty seconds.' },
  {
    name: 'leftover-containers',
    description:
      'node-2 still runs a container of a pod that was deleted, beside one the API knows, and has an address besides its own.',
  },
  { name: 'custom-data-dir', description: 'K3s keeps its data in /data/k3s.' },
  {
    name: 'earlier-attempt',
    description:
      'Somebody already tried: node-1 has an etcd-old directory with the original data from a reset of a truncated file.',
  },
] as const satisfies readonly FaultInfo[];

export type FaultName = (typeof FAULTS)[number]['name'];

/** The fault of a name; undefined when there is none. */
export function faultNamed(name: string): FaultName | undefined {
  return FAULTS.find((fault) => fault.name === name)?.name;
}
