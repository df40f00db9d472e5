import { look } from '../../src/incident/command.js';
import type { GateCheck, StepContext } from '../../src/incident/step.js';
import { diskFree, diskUsed, diskUsedBelow } from '../../src/k3s/ask.js';
import { parseDf, parseSizes } from '../../src/k3s/listing.js';
import { roomNeeded } from './deliver.js';
import { provenBackup } from './fetch.js';
import { neededK3s, pathsOf, primaryName } from './hosts.js';
import { at, bytes, failed, silence, yes } from './judge.js';
import { k3sVersionOn } from './source.js';

/** What gates check just before they are confirmed. Evidence carries nothing that ages. */

/** A check that asks nothing: its answer is in the facts and in what the run has learned. */
export const factCheck = (title: string, host: string, judge: GateCheck['question']['judge']): GateCheck => ({
  title,
  host,
  question: { ask: () => [], judge },
});

/** The token each host will start with against the one that opened the snapshot: with another one it loops (R25). */
export const tokenCheck = (host: string): GateCheck =>
  factCheck('starts with the token that opens the snapshot', host, (_answers, context) => {
    const opened = provenBackup(context)?.tokenHash;
    const service = context.facts(host).service;
    if (service?.tokenHash === undefined)
      return yes(['no token configured: it uses server/token of the restored data']);
    return service.tokenHash === opened
      ? yes([`token ${opened}, from ${service.tokenFrom ?? 'its configuration'}`])
      : failed([
          `it would start with token ${service.tokenHash} from ${service.tokenFrom ?? 'its configuration'}, the snapshot needs ${opened ?? 'another'}`,
        ]);
  });

/** A peer with another cluster's CA cannot join; its certificates have to go aside first (facts 1.10). */
export const caCheck = (host: string): GateCheck =>
  factCheck('has the CA of the restored cluster', host, (_answers, context) => {
    const restored = provenBackup(context)?.caHash;
    const own = context.facts(host).caHash;
    if (restored === undefined || restored === null || own === undefined || own === restored)
      return yes(['same CA, or none yet']);
    const { tls, cred } = pathsOf(context, host);
    return failed([
      `its server-ca.crt is ${own.slice(0, 12)}, the backup holds ${restored.slice(0, 12)}: move ${tls} and ${cred} aside there, then open the gate again`,
    ]);
  });

const minorOf = (version: string): number => Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? 0);

/**
 * The version of K3s on a host when it is an older minor than the snapshot's nodes ran: K3s restores such a snapshot without a word (R24), and
 * what a newer one wrote is not supported there. Typed at the gate, it is the operator's word that this is meant.
 */
export function olderK3s(context: StepContext, host: string): string | undefined {
  const installed = k3sVersionOn(context, host);
  const newest = Math.max(0, ...(provenBackup(context)?.nodes.map((node) => minorOf(node.version)) ?? []));
  return newest > 0 && minorOf(installed) > 0 && minorOf(installed) < newest ? installed : undefined;
}

/** What an older K3s risks, for the gate; empty where it is not older. */
export function olderRisk(context: StepContext, host: string): string {
  const older = olderK3s(context, host);
  if (older === undefined) return '';
  return `; K3s ${older} of ${host} is OLDER than the snapshot's (${provenBackup(context)?.k3sVersion ?? 'a later minor'}) and may not understand it: better install that first; typing ${older} accepts it`;
}

export const versionCheck = (host: string): GateCheck =>
  factCheck('K3s is not older than the snapshot', host, (_answers, context) => {
    const installed = k3sVersionOn(context, host);
    const snapshot = provenBackup(context)?.k3sVersion;
    const older = olderK3s(context, host) === undefined ? '' : 'OLDER: ';
    const there = neededK3s(context, host) ? 'to be installed' : 'installed';
    return yes([`${older}${there} ${installed || 'unknown'}, snapshot of ${snapshot ?? 'an unknown version'}`]);
  });

/** Room a restore takes on the server it is done on; a reset that keeps the data copies them once while it runs (R17). */
export const RESTORES = (context: StepContext): number => roomNeeded(provenBackup(context)?.bytes ?? 0);
export const KEEPS_DATA = (context: StepContext): number =>
  (context.facts(primaryName(context)).data?.etcdBytes ?? 0) * 1.1 + 200e6;

/** Room for the safety copy, and on the primary for the reset, seen before anything stops (R17). */
export function roomCheck(host: string, forReset: (context: StepContext) => number = RESTORES): GateCheck {
  return {
    title: 'has room for the copies',
    host,
    question: {
      ask: (context) => [
        look(diskFree(pathsOf(context, host).dataDir)),
        look(diskFree('/var/lib')),
        look(diskUsed(pathsOf(context, host).etcd)),
        look(diskUsedBelow(pathsOf(context, host).db)),
      ],
      judge: (answers, context) => {
        const quiet = silence(answers);
        if (quiet !== undefined) return quiet;
        const [own, system] = [0, 1].map((index) => parseDf(at(answers, index).stdout)[0]);
        // A new machine has no data directory yet.
        const free = [own ?? system, system];
        const safety = Number(/^(\d+)/.exec(at(answers, 2).stdout)?.[1] ?? 0) * 1.1 + 50e6;
        const restore = host === primaryName(context) ? forReset(context) : 0;
        const together = free[0]?.target === free[1]?.target;
        const short = [
          [free[0], together ? restore + safety : restore],
          [free[1], safety],
        ] as const;
        const lacking = short.find(([disk, needed]) => disk !== undefined && disk.available < needed);
        if (lacking === undefined) return yes(['room for the safety copy and the reset']);
        const sizes = parseSizes(at(answers, 3).stdout);
        const aside = (context.facts(host).data?.aside ?? []).map(
          ({ name }) => `${name} (${bytes(sizes.get(`${pathsOf(context, host).db}/${name}`) ?? 0)})`,
        );
        const could = aside.length > 0 ? `; older databases that could go: ${aside.join(', ')}` : '';
        return failed([
          `${bytes(lacking[0]?.available ?? 0)} free on ${lacking[0]?.target ?? '/'}, ${bytes(lacking[1])} needed${could}`,
        ]);
      },
    },
  };
}

/** K3s renames db/etcd itself; a mount point cannot be renamed. */
export const mountCheck = (host: string): GateCheck =>
  factCheck('db/etcd can be renamed', host, (_answers, context) =>
    context.facts(host).data?.mountPoint === true
      ? failed([`${pathsOf(context, host).etcd} is a mount point: unmount it or move its content, then try again`])
      : yes(['not a mount point']),
  );
