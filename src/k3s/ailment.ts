/** What keeps one server down and can be put right without a new member. Pure. */

/** What is seen of a server, as far as a cause shows in it. */
export interface Seen {
  readonly lastFatal?: string;
  readonly diskFree?: number;
  readonly clockOffsetMs?: number;
}

export interface Ailment {
  readonly id: 'disk' | 'clock' | 'newer-files' | 'node-password' | 'certificates';
  /** What is wrong, as a clause after the server's name. */
  readonly what: string;
  readonly remedy: string;
  /** Somebody has to do it on the machine: no plan can. */
  readonly byHand: boolean;
  /** Files that are in the way (facts 4.3 row 40). */
  readonly files?: readonly string[];
}

/** Free space is told in steps of 100 MB. */
const FULL = 200e6;
/** What certificates and leases do not bear; etcd itself complains from one second on (row 47). */
const CLOCK_MS = 60_000;

/** Absolute paths without anything a path of K3s does not have: the text comes from a node. */
const PATH = /^\/[\w./-]+$/;

export function ailments({ lastFatal = '', diskFree, clockOffsetMs = 0 }: Seen): Ailment[] {
  const found: Ailment[] = [];
  const clockOff = Math.abs(clockOffsetMs) > CLOCK_MS;
  // Row 60; the disk itself says it earlier than K3s does.
  if (/no space left on device/.test(lastFatal) || (diskFree ?? FULL) < FULL)
    found.push({
      id: 'disk',
      what: `its disk is full${diskFree === undefined ? '' : ` (about ${Math.round(diskFree / 1e6)} MB free)`}`,
      remedy: 'free space there (old etcd-old-* directories, container images, journals), then start it',
      byHand: true,
    });
  if (clockOff)
    found.push({
      id: 'clock',
      what: `its clock is ${Math.round(clockOffsetMs / 1000)} s off this machine’s`,
      remedy: 'set it (chronyc makestep, or timedatectl set-time), then start it',
      byHand: true,
    });
  else if (/x509: certificate has expired or is not yet valid/.test(lastFatal))
    // Row 42: K3s renews its certificates at a start when they are near their end or past it.
    found.push({
      id: 'certificates',
      what: 'a certificate it meets has expired or is not valid yet',
      remedy:
        'a start renews its own; if it stays so, look at the clocks of the other servers and at k3s certificate check',
      byHand: false,
    });
  const newer = /((?:\/\S+?(?:, )?)+) newer than datastore and could cause a cluster outage/.exec(lastFatal)?.[1];
  const files = newer?.split(', ').filter((path) => PATH.test(path) && !path.split('/').includes('..')) ?? [];
  if (files.length > 0)
    found.push({
      id: 'newer-files',
      what: `${files.join(', ')} is newer than what the cluster keeps, and K3s refuses to overwrite it`,
      remedy: 'move it aside and start: it is made anew from the datastore',
      byHand: false,
      files,
    });
  // Row 49; deleting the Secret alone heals it (R38).
  if (/Node password rejected/.test(lastFatal))
    found.push({
      id: 'node-password',
      what: 'the cluster keeps another password for its Node and refuses its kubelet',
      remedy: 'forget the kept one (its Secret), and it registers again',
      byHand: false,
    });
  return found;
}
