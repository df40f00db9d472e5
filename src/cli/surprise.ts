import { FAULTS, type FaultName } from '../practice/faults.js';

/** What a surprise drill may be: one thing that is wrong with the cluster, and often one more that gets in the way. */
const INCIDENTS: readonly (readonly FaultName[])[] = [
  [],
  ['dead-server'],
  ['lost-quorum'],
  ['damaged-survivor'],
  ['two-survivors'],
  ['dead-member'],
  ['stopped-member'],
  ['damaged-member'],
  ['wiped-member'],
];
const COMPLICATIONS: readonly (readonly FaultName[])[] = [
  [],
  [],
  ['truncated-backup'],
  ['dropped-connections'],
  ['slow-disk'],
  ['sudo-password'],
  ['slow-bucket'],
  ['throttled-bucket'],
];

/** The faults of a seed; the same seed gives the same surprise. */
export function surpriseOf(seed: number): FaultName[] {
  const pick = <Item>(items: readonly Item[], salt: number): Item | undefined => items[mix(seed + salt) % items.length];
  return [...(pick(INCIDENTS, 1) ?? []), ...(pick(COMPLICATIONS, 2) ?? [])];
}

/** What it was, told when it is over. */
export function toldAtTheEnd(faults: readonly string[]): string {
  if (faults.length === 0) return 'the databases of all three servers were damaged';
  return faults.map((name) => `${name} (${FAULTS.find((one) => one.name === name)?.description ?? ''})`).join(' and ');
}

/** Neighbouring seeds must not be neighbouring surprises (the finaliser of MurmurHash3). */
function mix(seed: number): number {
  let hash = seed | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
