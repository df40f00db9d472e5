import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, ProblemError } from '../base/problem.js';
import { minute } from '../incident/times.js';
import type { FaultName } from '../practice/faults.js';
import { COPY } from '../practice/read-copy.js';
import { liveObjects, type NamedToken, type Proof, tokenHash } from '../snapshot/index.js';

/** A drill on a copy of a real backup: what is handed to the practice cluster, and what is different there. */

/** The practice cluster keeps the copy in memory: as it is, encrypted in its bucket, and where it is restored. */
export const MOST_COPY = 256e6;

/** Faults that bring a backup or a database of their own. */
const OWN_DATA: readonly FaultName[] = [
  'foreign-backup',
  'damaged-backup',
  'truncated-backup',
  'survivor-behind',
  'earlier-attempt',
];

export function copyFits(scenario: string, faults: readonly string[]): void {
  const usage = (what: string, next: string): never => {
    throw new ProblemError({ id: 'usage', what, next }, EXIT.usage);
  };
  const own = faults.find((name) => OWN_DATA.some((one) => one === name));
  if (own !== undefined)
    usage(`--from does not go with the fault ${own}, which has data of its own.`, 'Leave one of the two out.');
  if (scenario === 'restore-elsewhere')
    usage(
      '--from lets the practice cluster stand for the cluster of the backup; restore-elsewhere needs another one.',
      'Example: blackstart drill --from snapshot.db --token-file token',
    );
}

export interface ProvenCopy {
  readonly name: string;
  readonly proof: Proof;
  /** The spooled snapshot. */
  readonly file: string;
  readonly tokens: readonly NamedToken[];
}

/** Why a proven backup cannot be drilled with, as a problem; undefined where it can. */
export function notForDrill({ name, proof, tokens }: Omit<ProvenCopy, 'file'>): ProblemError | undefined {
  const no = (id: string, what: string, next: string): ProblemError =>
    new ProblemError({ id, what, left: 'Nothing was started; what was fetched is removed.', next }, EXIT.no);
  const fatal = proof.problems.find((one) => one.severity === 'fatal' && one.id !== 'token-wrong');
  if (fatal !== undefined) return no(fatal.id, `${name} is not restorable: ${fatal.message}`, fatal.remedy);
  if (!proof.token.opens || tokenOf(proof, tokens) === undefined)
    return no(
      'token-needed',
      `No token at hand opens ${name}; it is filed under ${proof.token.expectedHash ?? 'none'}.`,
      'Give the server token of that cluster: --token-file FILE. Without it no restore ends, in a drill as in earnest.',
    );
  if (proof.totalSize > MOST_COPY)
    return no(
      'too-large',
      `${name} has ${Math.round(proof.totalSize / 1e6)} MB; a drill holds at most ${MOST_COPY / 1e6} MB, in memory.`,
      'Rehearse with it on a separate cluster (restore-elsewhere), or drill with the recorded backups.',
    );
  return undefined;
}

const tokenOf = (proof: Proof, tokens: readonly NamedToken[]): NamedToken | undefined =>
  tokens.find((one) => tokenHash(one.token) === proof.token.expectedHash);

/**
 * Writes what the practice cluster reads when it starts. The token goes through a file that only this user can read, never on a command line;
 * the caller removes the directory.
 */
export async function writeCopy(dir: string, copy: ProvenCopy, signal: AbortSignal): Promise<void> {
  const { proof, file, tokens } = copy;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): void => writeFileSync(join(dir, name), text, { mode: 0o600 });
  const objects = await liveObjects(file, signal);
  write(COPY.objects, objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}\n`).join(''));
  write(COPY.token, tokenOf(proof, tokens)?.token.reveal() ?? '');
  write(
    COPY.about,
    JSON.stringify({
      revision: proof.revision ?? 0,
      index: Number(proof.consistentIndex ?? 0),
      takenAt: proof.takenAt === null ? Date.now() : Date.parse(proof.takenAt),
      servers: proof.nodes.filter((node) => node.args?.[0] === 'server').map((node) => node.name),
    }),
  );
  copyFileSync(file, join(dir, COPY.snapshot));
  chmodSync(join(dir, COPY.snapshot), 0o600);
}

const count = (objects: Readonly<Record<string, number>>): number =>
  Object.values(objects).reduce((sum, one) => sum + one, 0);

/** Said before the drill begins, and kept in its report. */
export function differences({ name, proof }: Pick<ProvenCopy, 'name' | 'proof'>): string[] {
  const names = proof.nodes.map((node) => node.name);
  const taken = proof.takenAt === null ? '' : `, taken ${minute(Date.parse(proof.takenAt))}`;
  return [
    `Drill on a copy of ${name}${taken}: revision ${(proof.revision ?? 0).toLocaleString('en')}, ${count(proof.objects).toLocaleString('en')} objects. What is different from the real cluster:`,
    `nodes: node-1 to node-5 here, three servers and two agents; the backup knows ${names.length === 0 ? 'none' : names.join(', ')}. Of those, Nodes that are not here come back as Nodes without a host.`,
    `versions: K3s here behaves as v1.35.0; the backup’s nodes ran ${proof.k3sVersion ?? 'an unknown version'}.`,
    'network: there is no pod network, no load balancer and no virtual address; host addresses are others, and nothing outside is reached.',
    'storage: claims count as bound and no volume is mounted. Their data is in no snapshot.',
    'images: no container of the backup is started. Pods stay Pending, and what the verification says of pods and DNS does not hold for the real cluster.',
    'data: nothing was written after the backup, so nothing is lost that a real restore would lose.',
    'time: waits are those of a small lab cluster. Download, copy, reset and start take longer with real disks and links.',
    'secrets: the Secrets of the backup and its token are on this machine only, in memory and in files that only you can read; they are removed when the drill ends.',
  ];
}
