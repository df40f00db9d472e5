import { EXIT } from '../../base/problem.js';
import { triage } from '../../cluster/triage.js';
import type { HostFacts } from '../../incident/facts.js';
import { clusterOf } from '../cluster-of.js';
import { json, out } from '../output.js';
import { type InventoryOption, inventoryOf, lookOnce } from './shared.js';

/** What every host and the cluster look like now. Exit 0 healthy, 1 not, 3 when no server answers. */
export async function statusCommand(options: InventoryOption & { readonly json: boolean }): Promise<number> {
  const inventory = await inventoryOf(options);
  const cluster = clusterOf(inventory);
  const hosts = await lookOnce(inventory);
  const seen = triage(cluster, hosts);
  if (options.json)
    json({
      cluster: cluster.name,
      state: seen.state,
      recommends: seen.recommends ?? null,
      evidence: seen.evidence,
      hosts,
    });
  else {
    out(`${cluster.name}: ${seen.word}`);
    for (const line of seen.evidence) out(`  ${line}`);
    for (const host of cluster.hosts)
      out(`  ${host.name.padEnd(16)} ${host.role.padEnd(7)} ${hostLine(hosts[host.name])}`);
    if (seen.recommends !== undefined) out(`  fits: ${seen.recommends}`);
  }
  if (seen.state === 'healthy') return EXIT.ok;
  return inventory.servers.some((server) => hosts[server.name]?.reachable === true) ? EXIT.no : EXIT.unreachable;
}

function hostLine(facts: HostFacts | undefined): string {
  if (facts === undefined || !facts.reachable) return facts?.problem?.what ?? 'no answer';
  const unit = facts.service?.unit;
  return [
    facts.service === undefined
      ? 'K3s is not installed'
      : `${facts.service.version} ${unit?.crashLoop === true ? `crash loop x${unit.restarts}` : (unit?.active ?? '')}`,
    facts.etcd === undefined ? '' : facts.etcd.healthy ? 'etcd healthy' : `etcd: ${facts.etcd.reason}`,
    facts.held === true ? 'held' : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}
