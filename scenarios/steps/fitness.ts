import { namesOf } from '../../src/incident/cluster.js';
import type { StepContext } from '../../src/incident/step.js';
import { installByHand } from '../../src/k3s/install.js';
import { provenBackup } from './fetch.js';
import { agentsIn, serversIn } from './hosts.js';
import { programSource, settingsSource } from './source.js';

/** Which hosts a plan can be carried out on, and why not. */

/** A fresh server is given K3s by the one it joins; the first one only by a restore, from whoever has it. */
function getsK3s(context: StepContext, host: string, firstToo: boolean): boolean {
  if (!namesOf(context.cluster, 'server').includes(host)) return false;
  const { primary } = context.choices;
  if (primary !== undefined && host !== primary && context.facts(primary).service !== undefined) return true;
  if (!firstToo) return false;
  // Before the backup is proven nobody knows what its servers were started with; then the gate looks at it.
  const first = primary ?? host;
  const settings = settingsSource(context, first) !== undefined || provenBackup(context) === undefined;
  return programSource(context, first) !== undefined && settings;
}

/** The command for it, once a proven snapshot tells version and arguments of the servers that were. */
function howToInstall(context: StepContext): string {
  const server = provenBackup(context)?.nodes.find((node) => node.args?.[0] === 'server' && node.version !== '');
  return server === undefined ? '' : ` (${installByHand(server.version, server.args ?? [])})`;
}

/** Why the plan cannot be carried out on a host at all, server or agent. */
export function notManaged(context: StepContext, host: string, firstToo = false): string[] {
  const facts = context.facts(host);
  if (!facts.reachable) return [];
  if (facts.init === 'other') return [`${host} does not run systemd: this plan cannot be carried out there.`];
  if (facts.service !== undefined || getsK3s(context, host, firstToo)) return [];
  return [
    `K3s is not installed on ${host}${firstToo ? ', and no host has it to take from: name a file with it (k3s: program in cluster.yaml),' : ':'} install it without starting it${howToInstall(context)}, or leave ${host} out with a reason.`,
  ];
}

/** Why a server cannot take part, neither as the primary nor as one that joins it. */
export function outside(context: StepContext, host: string, firstToo = false): string[] {
  const { data, service } = context.facts(host);
  const why = notManaged(context, host, firstToo);
  if (data?.datastore === 'sqlite')
    why.push(
      `${host} uses SQLite: an etcd snapshot cannot be restored there, nor can it join. Leave it out with a reason.`,
    );
  if (data?.datastore === 'external') why.push(`${host} uses an external datastore: restore that instead.`);
  if (service?.clusterReset === true)
    why.push(`cluster-reset is set in the configuration of ${host}: remove it first.`);
  return why;
}

/** Why a server that takes part cannot be the primary. */
export function unfit(context: StepContext, primary: string): string[] {
  const facts = context.facts(primary);
  const why: string[] = [];
  if (!facts.reachable) return why;
  if (facts.lacks !== undefined)
    why.push(`${primary} has no ${facts.lacks.join(', ')}, which tells how etcd is there: install it.`);
  if (facts.data?.tombstone === true) {
    why.push(
      `${primary} was removed from the cluster earlier (tombstone in db/etcd): choose another server, or move that file aside first.`,
    );
  }
  return why;
}

/** Hosts that do not answer and are not accounted for, one sentence each. */
export function unaccounted(context: StepContext): string[] {
  return [...serversIn(context), ...agentsIn(context)]
    .filter((name) => !context.facts(name).reachable)
    .map((name) => {
      const why = context.facts(name).problem?.what ?? `${name} has not been looked at yet.`;
      return `${why} Put that right, or attest that ${name} is off or left out.`;
    });
}

/** Why the hosts that answer cannot take part, one sentence each. */
export const outsiders = (context: StepContext, firstToo = false): string[] => [
  ...serversIn(context)
    .filter((name) => context.facts(name).reachable)
    .flatMap((name) => outside(context, name, firstToo)),
  ...agentsIn(context).flatMap((name) => notManaged(context, name)),
];

/** Servers that answer, each with what speaks against it, or with what is known of it. */
export const serverOptions = (
  context: StepContext,
  against: (host: string) => readonly string[],
  known: (host: string) => string = () => '',
): { value: string; says: string }[] =>
  serversIn(context)
    .filter((name) => context.facts(name).reachable)
    .map((name) => ({ value: name, says: against(name)[0] ?? known(name) }));

/** The server that is best restored on: it answers, has K3s, and names no other server. */
export function suggestPrimary(context: StepContext): string | undefined {
  const fit = namesOf(context.cluster, 'server').filter(
    (name) => context.facts(name).reachable && outside(context, name, true).length + unfit(context, name).length === 0,
  );
  // A new machine only where no server has K3s any more.
  const has = fit.filter((name) => context.facts(name).service !== undefined);
  return has.find((name) => context.facts(name).service?.serverUrl === undefined) ?? has[0] ?? fit[0];
}
