import { systemClock } from '../../base/clock.js';
import { EXIT } from '../../base/problem.js';
import { type Triage, triage } from '../../cluster/triage.js';
import type { Cluster } from '../../incident/cluster.js';
import type { HostFacts } from '../../incident/facts.js';
import { stamp } from '../../incident/times.js';
import { clusterOf } from '../cluster-of.js';
import { json, out } from '../output.js';
import { lookAndRead, type Seen, watchHosts } from '../watching.js';
import { type InventoryOption, inventoryOf, withSpool } from './shared.js';

export interface StatusOptions extends InventoryOption {
  readonly json: boolean;
  readonly watch: boolean;
}

/**
 * What every host and the cluster look like now. Exit 0 healthy, 1 not, 3 when nobody can tell. With `watch` it goes on until it is
 * interrupted and says what changed: a line each, or a JSON document a line.
 */
export async function statusCommand(options: StatusOptions): Promise<number> {
  const inventory = await inventoryOf(options);
  const cluster = clusterOf(inventory);
  return withSpool('status', async (spool, signal) => {
    if (options.watch) return watch(options, cluster, (onLook) => watchHosts(inventory, spool, signal, onLook));
    const facts = await lookAndRead(inventory, spool, signal);
    signal.throwIfAborted();
    const seen = triage(cluster, facts);
    if (options.json) json(documentOf(cluster, seen, facts));
    else for (const line of textOf(cluster, seen, facts)) out(line);
    return exitOf(seen);
  });
}

async function watch(
  options: StatusOptions,
  cluster: Cluster,
  follow: (onLook: Parameters<typeof watchHosts>[3]) => Promise<void>,
): Promise<number> {
  let told = '';
  let seen: Triage | undefined;
  const at = (): string => stamp(systemClock.now());
  await follow((facts, changed) => {
    seen = triage(cluster, facts);
    if (seen.state === 'looking') return;
    const head = `${seen.word}: ${seen.evidence[0] ?? ''}`;
    if (options.json) {
      if (changed !== undefined || head !== told)
        out(JSON.stringify({ at: at(), ...documentOf(cluster, seen, facts) }));
    } else {
      const all = told === '' ? cluster.hosts.map((host) => host.name) : changed === undefined ? [] : [changed];
      if (head !== told) out(`${at()}  ${cluster.name}: ${head}`);
      for (const name of all) out(`${at()}  ${name.padEnd(16)} ${hostLine(facts[name])}`);
    }
    told = head;
  });
  return seen === undefined ? EXIT.interrupted : exitOf(seen);
}

const documentOf = (cluster: Cluster, seen: Triage, hosts: Seen) => ({
  cluster: cluster.name,
  state: seen.state,
  recommends: seen.recommends ?? null,
  evidence: seen.evidence,
  advice: seen.advice ?? null,
  unknown: seen.unknown,
  hosts,
});

function textOf(cluster: Cluster, seen: Triage, facts: Seen): string[] {
  return [
    `${cluster.name}: ${seen.word}`,
    ...seen.evidence.map((text) => `  ${text}`),
    ...seen.unknown.map((text) => `  not known: ${text}`),
    '',
    ...cluster.hosts.map((host) => `  ${host.name.padEnd(16)} ${host.role.padEnd(7)} ${hostLine(facts[host.name])}`),
    ...(seen.recommends === undefined ? [] : ['', `  fits: ${seen.recommends}`]),
    ...(seen.advice === undefined ? [] : ['', `  do: ${seen.advice}`]),
  ];
}

function exitOf(seen: Triage): number {
  if (seen.state === 'healthy') return EXIT.ok;
  return seen.state === 'unreachable' || seen.state === 'looking' ? EXIT.unreachable : EXIT.no;
}

function hostLine(facts: HostFacts | undefined): string {
  if (facts === undefined || !facts.reachable) return facts?.problem?.what ?? 'no answer';
  const { service, etcd, data } = facts;
  const unit = service?.unit;
  const revision = etcd?.revision ?? (data?.content?.intact === true ? data.content.revision : undefined);
  return [
    service === undefined
      ? 'K3s is not installed'
      : `${service.version} ${unit?.crashLoop === true ? `crash loop x${unit.restarts}` : (unit?.active ?? '')}`,
    etcd === undefined ? '' : etcd.healthy ? 'etcd healthy' : `etcd: ${etcd.reason}`,
    revision === undefined ? '' : `revision ${revision.toLocaleString('en')}`,
    data?.content === undefined ? '' : data.content.intact ? 'data sound' : 'data damaged',
    data?.tombstone === true ? 'removed from the cluster' : '',
    facts.held === true ? 'held' : '',
    facts.lastFatal === undefined ? '' : `gives up with: ${facts.lastFatal}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}
