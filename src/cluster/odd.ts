import { type Cluster, hostOf, namesOf } from '../incident/cluster.js';
import { type HostFacts, unseen } from '../incident/facts.js';
import { urlHost } from '../k3s/health.js';
import type { Servers } from './servers.js';

/** What is odd about a cluster whatever its state is: a plan made without knowing it would go wrong. Pure. */

const list = (names: readonly string[]): string => names.join(', ');

/** The node a member belongs to: K3s calls members `<node>-<8 hexadecimal digits>`. */
const nodeOf = (member: string): string => member.replace(/-[0-9a-f]{8}$/, '');

export function oddities(cluster: Cluster, facts: Readonly<Record<string, HostFacts>>, servers: Servers): string[] {
  return [
    ...membership(cluster, servers),
    ...versions(servers),
    ...(servers.voters % 2 === 0
      ? [`${servers.voters} voters tolerate no more than ${servers.voters - 1} would: add or remove one`]
      : []),
    ...dataDirs(cluster, servers),
    ...onlyTargets(cluster, facts, servers),
    ...joinsNobody(cluster, servers),
  ];
}

/** Members without a server, servers without a member, and two members of one name, by the list of whoever has most. */
function membership(cluster: Cluster, { healthy, all, strangers, of }: Servers): string[] {
  const [members = []] = healthy.map((name) => of(name).members ?? []).sort((a, b) => b.length - a.length);
  const names = members.map((member) => nodeOf(member.name)).filter((name) => name !== '');
  const twice = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
  const alone = all.filter((name) => !names.includes(of(name).service?.nodeName ?? hostOf(cluster, name).nodeName));
  return [
    ...(strangers.length > 0
      ? [
          `members that the inventory does not know: ${list(strangers)}. Add their servers, or take them out of the cluster if they are gone`,
        ]
      : []),
    ...(names.length > 0 && alone.length > 0
      ? [`servers of the inventory that are no member of the cluster: ${list(alone)}`]
      : []),
    ...twice.map(
      (name) =>
        `two members carry the name ${name}: one is of an earlier life of that server. Deleting the Node ${name} removes them; the server then joins anew`,
    ),
  ];
}

function versions({ reachable, of }: Servers): string[] {
  const found = [...new Set(reachable.flatMap((name) => of(name).service?.version || []))];
  return found.length > 1 ? [`K3s differs between the servers: ${list(found)}`] : [];
}

/** What the unit says holds; whoever looks by hand where the inventory says finds nothing, or something old. */
function dataDirs(cluster: Cluster, { reachable, of }: Servers): string[] {
  return reachable.flatMap((name) => {
    const own = of(name).service?.dataDir;
    const told = hostOf(cluster, name).dataDir;
    return own === undefined || own === told
      ? []
      : [`${name} keeps its data in ${own}, the inventory says ${told}: what K3s is started with holds`];
  });
}

/** Agents that name one server only, where that one is not well: they work on through those they know until they are restarted (R45). */
function onlyTargets(cluster: Cluster, facts: Readonly<Record<string, HostFacts>>, servers: Servers): string[] {
  return servers.all
    .filter((name) => !servers.healthy.includes(name))
    .flatMap((name) => {
      const address = servers.of(name).service?.nodeIp ?? hostOf(cluster, name).address.replace(/ port \d+$/, '');
      const agents = namesOf(cluster, 'agent').filter((agent) => {
        const url = (facts[agent] ?? unseen).service?.serverUrl?.url;
        return url !== undefined && urlHost(url) === address;
      });
      return agents.length === 0
        ? []
        : [
            `${list(agents)} name ${name} as their only server: until it is back they must not be restarted, or be given another (server: in their config.yaml)`,
          ];
    });
}

/** Servers whose `server:` is their own address or that of no server: they run on with their data, and can never join anew. */
function joinsNobody(cluster: Cluster, { all, of }: Servers): string[] {
  const addressOf = (name: string): string =>
    of(name).service?.nodeIp ?? hostOf(cluster, name).address.replace(/ port \d+$/, '');
  const known = new Set([...all.map(addressOf), ...(cluster.api === undefined ? [] : [urlHost(cluster.api)])]);
  return all.flatMap((name) => {
    const url = of(name).service?.serverUrl?.url;
    const to = url === undefined ? '' : urlHost(url);
    if (!/^[\d.]+$|:/.test(to)) return [];
    if (to === addressOf(name)) return [`${name} names itself as the server it joins (server: ${url})`];
    return known.has(to) ? [] : [`${name} names ${url} as the server it joins, which is no server of the inventory`];
  });
}
