import { type ClusterHost, hostOf, namesOf } from '../../src/incident/cluster.js';
import type { StepContext, When } from '../../src/incident/step.js';
import { k3sRun } from '../../src/k3s/ask.js';
import { type K3sPaths, k3sPaths } from '../../src/k3s/paths.js';

/** Which hosts a step is about. */

/**
 * What the inventory says of a host. Nothing is chosen yet where it has no name: a plan that is only shown names that, and one
 * that is carried out never gets here ({@link StepContext.learned} throws).
 */
function aboutOf(context: StepContext, host: string): ClusterHost {
  if (host !== '') return hostOf(context.cluster, host);
  const name = String(context.learned('your choice', 'server'));
  return { name, nodeName: name, role: 'server', address: name, dataDir: '/var/lib/rancher/k3s', service: 'k3s' };
}

export const pathsOf = (context: StepContext, host = context.host): K3sPaths => {
  const { dataDir, service } = aboutOf(context, host);
  return k3sPaths(context.facts(host).service?.dataDir ?? dataDir, service);
};

/** Servers that take part: all but those attested to be off or left out. */
export const serversIn = (context: StepContext): string[] =>
  namesOf(context.cluster, 'server').filter((name) => !context.choices.fenced.includes(name));

export const primaryOf = (context: StepContext): string | undefined => {
  const { primary } = context.choices;
  return primary === undefined || context.choices.fenced.includes(primary) ? undefined : primary;
};

/** The chosen primary's name, or nothing while none is chosen. */
export const primaryName = (context: StepContext): string => context.choices.primary ?? '';

export const onlyPrimary = (context: StepContext): string[] => {
  const primary = primaryOf(context);
  return primary === undefined ? [] : [primary];
};

export const peersOf = (context: StepContext): string[] =>
  serversIn(context).filter((name) => name !== context.choices.primary);

export const agentsIn = (context: StepContext): string[] =>
  namesOf(context.cluster, 'agent').filter((name) => !context.choices.left.includes(name));

/** The address at which K3s of a host listens for its peers: its node-ip, else the host of its SSH address. */
export function nodeAddress(context: StepContext, host: string): string {
  // While no server is chosen a preview shows that one is missing.
  if (host === '') return '<server>';
  const facts = context.facts(host);
  // The recorded address names the SSH port where it is not 22; K3s' own is another.
  const address = hostOf(context.cluster, host).address.replace(/ port \d+$/, '');
  // One that only leads to this machine (a forward) is none at which a peer finds it.
  return facts.service?.nodeIp ?? (isLoopback(address) ? (facts.addresses?.[0] ?? address) : address);
}

const isLoopback = (address: string): boolean => /^(127\.|::1$|localhost$)/.test(address);
export const isIp = (address: string): boolean => /^[\d.]+$|:/.test(address);

/** The IP address that a new server is to name as its own: the one of the inventory, where that is one, else its first. */
export function ownAddress(context: StepContext, host: string): string {
  const address = nodeAddress(context, host);
  return isIp(address) ? address : (context.facts(host).addresses?.[0] ?? address);
}

export const k3sProgram = (context: StepContext, host = context.host): string =>
  context.facts(host).service?.path ?? '/usr/local/bin/k3s';

/** K3s for calling its tools (kubectl, crictl) on a host. */
export const k3sTools = (context: StepContext, host = context.host): string[] =>
  k3sRun(k3sProgram(context, host), pathsOf(context, host).dataDir);

export const nodeNameOf = (context: StepContext, host: string): string =>
  context.facts(host).service?.nodeName ?? aboutOf(context, host).nodeName;

/** The step that installs K3s on a server that has none. */
export const INSTALL = 'install';
/** The same for the server a restore is done on. */
export const INSTALL_FIRST = 'install-first';

/** A server that answers and has no K3s. */
export const isFresh = (context: StepContext, host: string): boolean =>
  context.facts(host).reachable && context.facts(host).service === undefined;

/** Whether a server had no K3s when it was its turn; what the plan itself installs does not change that. */
export const neededK3s = (context: StepContext, host: string): boolean =>
  isFresh(context, host) || [INSTALL, INSTALL_FIRST].some((step) => context.known(step, 'fresh', host) === true);

/** The config files of a server; of one that this plan installed, the one it was given, also before it was looked at again. */
export const configFilesOf = (context: StepContext, host = context.host): readonly string[] =>
  context.facts(host).service?.configFiles ?? (neededK3s(context, host) ? [pathsOf(context, host).configFile] : []);

/** For steps that are about the K3s that was there before. */
export const whereInstalled = (context: StepContext): When =>
  neededK3s(context, context.host) ? { run: 'no', because: 'K3s is not installed there' } : { run: 'yes' };
