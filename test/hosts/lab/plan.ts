/** The hosts of the lab: names and addresses of the recorded cluster, so that its snapshots fit. */

export interface LabHost {
  readonly name: string;
  readonly role: 'server' | 'agent';
  /** Exists only in the namespaces that the lab makes. */
  readonly ip: string;
  readonly sshPort: number;
  readonly user: 'root' | 'ops';
  readonly sudo: 'none' | 'passwordless' | 'password';
  /** Reached only through another host. */
  readonly jump?: string;
  readonly dataDir: string;
  /** `MaxSessions` of its sshd, where it is not OpenSSH's default. */
  readonly sessions?: number;
}

const DEFAULT_DIR = '/var/lib/rancher/k3s';

/**
 * One behind a jump host, one with a sudo password, one with another SSH port and data directory, a narrow `secure_path`, and the two sessions that
 * hardening guides ask for.
 */
export const HOSTS: readonly LabHost[] = [
  {
    name: 'node-1',
    role: 'server',
    ip: '10.77.0.11',
    sshPort: 22,
    user: 'root',
    sudo: 'none',
    jump: 'node-4',
    dataDir: DEFAULT_DIR,
  },
  {
    name: 'node-2',
    role: 'server',
    ip: '10.77.0.12',
    sshPort: 22,
    user: 'ops',
    sudo: 'password',
    dataDir: DEFAULT_DIR,
  },
  {
    name: 'node-3',
    role: 'server',
    ip: '10.77.0.13',
    sshPort: 2222,
    user: 'ops',
    sudo: 'passwordless',
    dataDir: '/data/k3s',
    sessions: 2,
  },
  {
    name: 'node-4',
    role: 'agent',
    ip: '10.77.0.14',
    sshPort: 22,
    user: 'root',
    sudo: 'none',
    dataDir: DEFAULT_DIR,
  },
];

/** The address of the program under test, on the bridge. */
export const CONSOLE_IP = '10.77.0.1';

export const serversOf = (hosts: readonly LabHost[]): LabHost[] => hosts.filter((host) => host.role === 'server');

/** Made up for every lab, so that a search for them finds only what leaked. */
export interface LabSecrets {
  readonly sudoPassword: string;
  readonly passphrase: string;
  /** K3s' server token: that of the recordings, because their bootstrap data is encrypted with it. */
  readonly token: string;
}
