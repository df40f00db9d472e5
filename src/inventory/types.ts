import type { SecretSource } from './secrets.js';

/** How commands become root on a host. */
export type SudoMode =
  | { readonly kind: 'none' }
  | { readonly kind: 'passwordless' }
  | { readonly kind: 'password'; readonly password: SecretSource };

/** What is needed to log in somewhere. What is left out comes from `~/.ssh/config`, then from ssh's defaults. */
export interface LoginEntry {
  /** IPv4, IPv6 without brackets, DNS name, or a Host alias of `~/.ssh/config`. */
  readonly address: string;
  readonly port?: number;
  readonly user?: string;
  /** Absolute path of a private key. */
  readonly identity?: string;
  readonly identityPassphrase?: SecretSource;
}

export interface JumpEntry extends LoginEntry {
  readonly name?: string;
}

export interface HostEntry extends LoginEntry {
  readonly name: string;
  readonly role: 'server' | 'agent';
  /** Hosts to go through, first hop first; `undefined` leaves it to `~/.ssh/config`, empty means straight. */
  readonly jump?: readonly JumpEntry[];
  /** `undefined`: none when the login user is root, else passwordless. */
  readonly sudo?: SudoMode;
  /** Name of the Kubernetes node. */
  readonly nodeName: string;
  /** K3s data directory on the host. */
  readonly dataDir: string;
  /** Name of the K3s unit, without `.service`. */
  readonly service: string;
}

export type BucketCredentials =
  | {
      readonly kind: 'keys';
      readonly accessKeyId: SecretSource;
      readonly secretAccessKey: SecretSource;
      readonly sessionToken?: SecretSource;
    }
  /** A profile of the AWS shared config files. */
  | { readonly kind: 'profile'; readonly profile: string }
  /** Whatever the AWS SDK finds by itself: `AWS_*` variables, shared config. */
  | { readonly kind: 'ambient' };

export interface Bucket {
  /** URL without trailing slash. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Ends in a slash, or is empty. */
  readonly prefix: string;
  readonly pathStyle: boolean;
  /** Absolute path of a PEM file. */
  readonly caFile?: string;
  readonly credentials: BucketCredentials;
  /** Connections go through this host; `any`: through the first server that reaches it. */
  readonly through?: string;
}

export interface Contact {
  readonly name: string;
  readonly how: string;
  readonly role?: string;
}

/** A second person, and where this machine has a copy of their key. */
export interface Approver {
  readonly name: string;
  readonly key: SecretSource;
}

export interface Rehearsal {
  /** Name of the cluster whose backups are restored here. */
  readonly of: string;
  /** `host:port` of production, IPv6 in brackets. */
  readonly unreachable: readonly string[];
}

/** `cluster.yaml`, checked, with every default filled in and every path absolute. */
export interface Inventory {
  /** Absolute path of the file it came from. */
  readonly file: string;
  /** Folder of that file; commands of secret sources run there. */
  readonly folder: string;
  readonly cluster: string;
  /** Set by the practice cluster: nothing real can be harmed. */
  readonly drill: boolean;
  /** A cluster that may be overwritten with another one's backups, to test them; what of production must not be reached from it. */
  readonly rehearsal?: Rehearsal;
  /** Absolute path; `undefined` means the user's and the system's known_hosts. */
  readonly knownHosts?: string;
  readonly servers: readonly HostEntry[];
  readonly agents: readonly HostEntry[];
  /** Absolute path of the K3s program on this machine. */
  readonly k3sProgram?: string;
  /** URL of the virtual IP or load balancer before the API servers. */
  readonly api?: string;
  readonly bucket?: Bucket;
  /** Local folder with backups or snapshots. */
  readonly snapshots?: { readonly folder: string };
  readonly passphrase?: SecretSource;
  readonly token?: SecretSource;
  readonly contacts: readonly Contact[];
  /** Where any are named, a gate that destroys needs the code of one of them. */
  readonly approvers: readonly Approver[];
}
