import { namespaceOf, type Places } from './places.js';
import { CONSOLE_IP, type LabHost } from './plan.js';
import { must, run } from './sh.js';

/** The namespace of the program under test: a bridge with its address, nothing that leads out. */
export async function makeLabNamespace(places: Places): Promise<void> {
  const lab = places.labNamespace;
  await must(['ip', 'netns', 'add', lab]);
  await must(['ip', '-n', lab, 'link', 'set', 'lo', 'up']);
  await must(['ip', '-n', lab, 'link', 'add', 'br0', 'type', 'bridge']);
  await must(['ip', '-n', lab, 'addr', 'add', `${CONSOLE_IP}/24`, 'dev', 'br0']);
  await must(['ip', '-n', lab, 'link', 'set', 'br0', 'up']);
}

const cableOf = (host: LabHost): string => `v-${host.name}`;

/** A namespace for a host, with a cable into the bridge. */
export async function makeHostNamespace(places: Places, host: LabHost): Promise<void> {
  const own = namespaceOf(places, host.name);
  const lab = places.labNamespace;
  await must(['ip', 'netns', 'add', own]);
  await must(['ip', '-n', lab, 'link', 'add', cableOf(host), 'type', 'veth', 'peer', 'name', 'host0', 'netns', own]);
  await must(['ip', '-n', lab, 'link', 'set', cableOf(host), 'master', 'br0', 'up']);
  await must(['ip', '-n', own, 'link', 'set', 'lo', 'up']);
  await must(['ip', '-n', own, 'addr', 'add', `${host.ip}/24`, 'dev', 'host0']);
  await must(['ip', '-n', own, 'link', 'set', 'host0', 'up']);
}

/** Pulls or plugs the cable of a host. */
export async function setCable(places: Places, host: LabHost, state: 'up' | 'down'): Promise<void> {
  await must(['ip', '-n', places.labNamespace, 'link', 'set', cableOf(host), state]);
}

/** Delay and loss on every packet a host sends. Why not, where the kernel has no netem. */
export async function setWeather(
  places: Places,
  host: LabHost,
  weather: readonly string[],
): Promise<string | undefined> {
  const on = ['tc', '-n', namespaceOf(places, host.name), 'qdisc'];
  if (weather.length === 0) {
    await must([...on, 'del', 'dev', 'host0', 'root']);
    return undefined;
  }
  const set = await run([...on, 'replace', 'dev', 'host0', 'root', 'netem', ...weather]);
  return set.code === 0 ? undefined : set.stderr.trim();
}

export async function dropHostNamespace(places: Places, host: string): Promise<void> {
  // The kernel lets go of a namespace later than it says; the cable would be there still when the next lab plugs its own.
  await run(['ip', '-n', places.labNamespace, 'link', 'del', `v-${host}`]);
  await run(['ip', 'netns', 'del', namespaceOf(places, host)]);
}

/** Removes every namespace of a lab, also of one whose process was killed. */
export async function dropNamespaces(places: Places): Promise<void> {
  const { stdout } = await run(['ip', 'netns', 'list']);
  for (const line of stdout.split('\n')) {
    const name = line.split(' ')[0] ?? '';
    if (name.startsWith(`bl${places.id}-`)) await run(['ip', 'netns', 'del', name]);
  }
}
