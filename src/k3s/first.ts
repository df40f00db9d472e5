import { stringify } from 'yaml';
import { parseFlags } from './config.js';
import { MASKED, OF_ONE_HOST } from './install.js';

/** Settings for a first server that is a new machine, from what the snapshot's Nodes say their servers were started with (facts 1.11, 3.2). */

/** What all servers must have alike, or K3s refuses one that joins (facts 3.7). */
const CRITICAL: readonly string[] = [
  'cluster-cidr',
  'service-cidr',
  'cluster-dns',
  'cluster-domain',
  'disable-cloud-controller',
  'disable-helm-controller',
  'disable-network-policy',
  'secrets-encryption',
  'secrets-encryption-provider',
  'embedded-registry',
  'flannel-backend',
  'flannel-ipv6-masq',
  'flannel-external-ip',
  'egress-selector-mode',
  'supervisor-metrics',
];

/** A setting as a config file has it: given more than once it is a list. */
type Value = string | readonly string[];

/** `k3s.io/node-args` as settings: `["server", "--tls-san", "a", "--tls-san", "b"]`, secrets already shown as `********`. */
function settingsOf(args: readonly string[]): Map<string, Value> {
  const settings = new Map<string, Value>();
  for (const { name, value } of parseFlags(args.slice(args[0] === 'server' ? 1 : 0))) {
    if (name === '') continue;
    const before = settings.get(name);
    settings.set(name, before === undefined ? value : [before, value].flat());
  }
  return settings;
}

const isMasked = (value: Value): boolean => [value].flat().some((one) => MASKED.test(one));

export interface FirstSettings {
  /** A config file without token, name and secrets. */
  readonly text: string;
  /** Settings whose value the Node does not tell. */
  readonly masked: readonly string[];
  /** It named its address: the new one names its own. */
  readonly namesAddress: boolean;
}

/** What a first server is to be started with, less what belongs to one host. `nodeIp`: the new server's own address. */
export function firstSettings(args: readonly string[]): FirstSettings {
  const own = new Set<string>(OF_ONE_HOST);
  const all = settingsOf(args);
  const kept = [...all].filter(([name]) => !own.has(name));
  return {
    text: kept.every(([, value]) => isMasked(value))
      ? ''
      : stringify(Object.fromEntries(kept.filter(([, value]) => !isMasked(value)))),
    masked: kept.filter(([, value]) => isMasked(value)).map(([name]) => name),
    namesAddress: all.has('node-ip'),
  };
}

/** The settings that all servers must have alike, by name; `disable` counts for servicelb only (facts 3.7). */
export function criticalSettings(settings: Iterable<readonly [string, Value]>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of settings) {
    const text = [value].flat().flatMap((one) => one.split(','));
    if (CRITICAL.includes(name) && text.join() !== 'false') found[name] = text.join();
    if (name === 'disable' && text.includes('servicelb')) found['disable servicelb'] = 'true';
  }
  return found;
}

export const criticalArguments = (args: readonly string[]): Record<string, string> =>
  criticalSettings(settingsOf(args));

/** In which of them two servers differ, in words. */
export function criticalDifferences(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => a[name] !== b[name])
    .sort()
    .map((name) => `${name}: ${a[name] ?? 'not set'} against ${b[name] ?? 'not set'}`);
}
