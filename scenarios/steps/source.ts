import { hostOf, namesOf } from '../../src/incident/cluster.js';
import { HERE, type StepContext } from '../../src/incident/step.js';
import { provenBackup } from './fetch.js';
import { k3sProgram, neededK3s, nodeNameOf } from './hosts.js';

/** Where the first server of a restore gets K3s and its settings from, when it is a new machine. */

/** The step that brings the program here; what it took stays the source. */
export const FETCH_FIRST = 'k3s-for-first';

export interface ProgramSource {
  /** A host, or this machine for the file that the inventory names. */
  readonly from: string;
  readonly path: string;
  /** Not known of a file. */
  readonly version?: string;
  readonly says: string;
}

const versionOf = (context: StepContext, host: string): string => context.facts(host).service?.version ?? '';

/** The file that the inventory names; else a host that has the snapshot's version, an agent too: both run the same program. */
export function programSource(context: StepContext, first: string): ProgramSource | undefined {
  const fetched = context.known(FETCH_FIRST, 'from', HERE);
  const { k3sProgram: file } = context.cluster;
  if (file !== undefined && (fetched === undefined || fetched === HERE))
    return { from: HERE, path: file, says: `the file ${file} of this machine` };
  const hosts = context.cluster.hosts
    .map((host) => host.name)
    .filter((name) => name !== first && context.facts(name).reachable && versionOf(context, name) !== '')
    // What the plan itself installed came from a source, and is none.
    .filter((name) => !neededK3s(context, name));
  const wanted = provenBackup(context)?.k3sVersion;
  const from =
    hosts.find((name) => name === fetched) ?? hosts.find((name) => versionOf(context, name) === wanted) ?? hosts[0];
  if (from === undefined) return undefined;
  const version = versionOf(context, from);
  return { from, path: k3sProgram(context, from), version, says: `${hostOf(context.cluster, from).role} ${from}` };
}

/** Settings of a server that still has them, else those that the snapshot's Nodes carry. */
export type SettingsSource =
  | { readonly kind: 'host'; readonly from: string; readonly says: string }
  | { readonly kind: 'snapshot'; readonly from: string; readonly args: readonly string[]; readonly says: string };

export function settingsSource(context: StepContext, first: string): SettingsSource | undefined {
  const survivor = namesOf(context.cluster, 'server').find(
    (name) =>
      name !== first &&
      context.facts(name).reachable &&
      context.facts(name).service !== undefined &&
      !neededK3s(context, name),
  );
  if (survivor !== undefined) return { kind: 'host', from: survivor, says: `the settings of ${survivor}` };
  const nodes = provenBackup(context)?.nodes.filter((node) => node.args?.[0] === 'server') ?? [];
  const node = nodes.find((one) => one.name === nodeNameOf(context, first)) ?? nodes[0];
  return node?.args === undefined
    ? undefined
    : {
        kind: 'snapshot',
        from: node.name,
        args: node.args,
        says: `the settings that ${node.name} had by the snapshot`,
      };
}

/** The K3s that a server has, or, where it is a new machine, that it is going to be given. */
export function k3sVersionOn(context: StepContext, host: string): string {
  return context.facts(host).service?.version ?? programSource(context, host)?.version ?? '';
}
