/** The cluster as the inventory describes it, without any secret: recorded when a run opens. */

export type Role = 'server' | 'agent';

export interface ClusterHost {
  /** Short name, typed at gates. */
  readonly name: string;
  readonly role: Role;
  /** Where SSH goes. */
  readonly address: string;
  /** The Kubernetes node's name. */
  readonly nodeName: string;
  readonly dataDir: string;
  readonly service: string;
}

export interface Cluster {
  readonly name: string;
  /** The practice cluster: everything drawn carries DRILL. */
  readonly drill: boolean;
  /** Made to be overwritten with another cluster's backups: whose, and which `host:port` of that one must not be reached. */
  readonly rehearsal?: { readonly of: string; readonly unreachable: readonly string[] };
  readonly hosts: readonly ClusterHost[];
  /** A file on this machine with the K3s program, for servers that have none and no host to take it from. */
  readonly k3sProgram?: string;
  /** VIP or load balancer in front of the API. */
  readonly api?: string;
  /** Names of second persons; where there are any, a gate that destroys needs the code of one. */
  readonly approvers?: readonly string[];
  readonly contacts: readonly { readonly name: string; readonly how: string; readonly role?: string }[];
}

export function hostOf(cluster: Cluster, name: string): ClusterHost {
  const host = cluster.hosts.find((one) => one.name === name);
  if (host === undefined) throw new Error(`no host ${name} in cluster ${cluster.name}`);
  return host;
}

export const namesOf = (cluster: Cluster, role: Role): string[] =>
  cluster.hosts.filter((host) => host.role === role).map((host) => host.name);
