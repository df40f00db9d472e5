import type { Cluster } from '../incident/cluster.js';
import { namesOf } from '../incident/cluster.js';
import { type HostFacts, unseen } from '../incident/facts.js';

/** The servers of a cluster sorted by how they are. Pure. */

/** Problems of ours with a host, not the host's. */
const OURS = /^(host-key-|login-refused|sudo-denied|ssh-)/;

export interface Servers {
  readonly all: readonly string[];
  /** How many voters make a quorum: by etcd's own member list where it is told, else by the inventory. */
  readonly needed: number;
  readonly voters: number;
  readonly reachable: readonly string[];
  readonly healthy: readonly string[];
  readonly looping: readonly string[];
  readonly stopped: readonly string[];
  /** Servers we are kept out of, by a host key or a login: they say nothing of the cluster. */
  readonly shut: readonly string[];
  /** Not healthy, and their data was read: sound. */
  readonly sound: readonly string[];
  readonly damaged: readonly string[];
  /** They have etcd data, and nobody has read it. */
  readonly unread: readonly string[];
  readonly foreign: readonly string[];
  /** Removed from the cluster: a tombstone, or an etcd that stopped itself (R36). */
  readonly removed: readonly string[];
  readonly noSpace: readonly string[];
  /** Members that no server of the inventory is behind. */
  readonly strangers: readonly string[];
  /** Reset, and never started since (facts 1.4). */
  readonly resetOnly: readonly string[];
  of(name: string): HostFacts;
}

export function sortServers(cluster: Cluster, facts: Readonly<Record<string, HostFacts>>): Servers {
  const all = namesOf(cluster, 'server');
  const of = (name: string): HostFacts => facts[name] ?? unseen;
  const having = (test: (one: HostFacts) => boolean): string[] => all.filter((name) => test(of(name)));
  const healthy = having((one) => one.reachable && one.etcd?.healthy === true);
  const told = healthy.map((name) => of(name).members?.filter((member) => !member.learner).length ?? 0);
  const voters = told.length > 0 && Math.max(...told) > 0 ? Math.max(...told) : all.length;
  const ill = (test: (one: HostFacts) => boolean): string[] =>
    having((one) => one.reachable && one.etcd?.healthy !== true && test(one));
  const nodeNames = new Set(
    cluster.hosts.flatMap((host) => [host.nodeName, of(host.name).service?.nodeName ?? host.nodeName]),
  );
  const down = (one: HostFacts): boolean => ['inactive', 'failed'].includes(one.service?.unit.active ?? '');
  return {
    all,
    voters,
    needed: Math.floor(voters / 2) + 1,
    reachable: having((one) => one.reachable),
    healthy,
    looping: having((one) => one.reachable && one.service?.unit.crashLoop === true),
    stopped: having((one) => one.reachable && down(one) && one.service?.unit.crashLoop !== true),
    shut: having((one) => OURS.test(one.problem?.id ?? '')),
    sound: ill((one) => one.data?.content?.intact === true),
    damaged: ill((one) => one.data?.content?.intact === false),
    unread: ill((one) => one.data?.datastore === 'etcd' && one.data.content === undefined),
    foreign: having((one) => one.data?.datastore === 'sqlite' || one.data?.datastore === 'external'),
    removed: ill((one) => one.data?.tombstone === true || /server stopped/.test(one.etcd?.reason ?? '')),
    strangers: [...new Set(healthy.flatMap((name) => of(name).members ?? []).map((member) => member.name))].filter(
      (name) => name !== '' && !nodeNames.has(name.replace(/-[0-9a-f]{8}$/, '')),
    ),
    noSpace: having((one) => /NOSPACE/.test(one.etcd?.reason ?? '')),
    resetOnly: ill((one) => one.data?.resetFlag === true && one.etcd === undefined),
    of,
  };
}

/**
 * Healthy servers by the cluster they belong to. After a half-done restore there can be two, each healthy and each with its own members
 * (R23); cluster ids may even be equal (R20), so the members are compared.
 */
export function clustersSeen(servers: Servers): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of servers.healthy) {
    const members = servers.of(name).members;
    if (members === undefined) continue;
    const key = members
      .map((member) => member.id)
      .sort()
      .join(' ');
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const found = [...groups.values()];
  // A member list that is read while a member comes or goes differs for a moment: clusters that share a member are one.
  const ids = (group: readonly string[]): Set<string> =>
    new Set(servers.of(group[0] ?? '').members?.map((member) => member.id) ?? []);
  const apart = (a: readonly string[], b: readonly string[]): boolean => {
    const theirs = ids(b);
    return [...ids(a)].every((id) => !theirs.has(id));
  };
  if (found.every((a, at) => found.every((b, other) => at >= other || apart(a, b)))) return found;
  return [found.flat()];
}
