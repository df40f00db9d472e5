import type { ProvenBackup } from '../../scenarios/steps/fetch.js';
import type { Backup } from '../backups/index.js';
import { EXIT, ProblemError } from '../base/problem.js';
import type { Proof } from '../snapshot/index.js';
import type { TokenSearch } from './tokens.js';

/**
 * Why a snapshot that was fetched must not be restored, as the operator reads it. Where it is for want of a token: which hash is needed,
 * which hosts could not be asked for it, and which backups a token at hand does open.
 */
export function refusal(
  id: string,
  proof: Proof,
  openable: readonly Backup[],
  search: TokenSearch | undefined,
): ProblemError {
  const fatal = proof.problems.filter((one) => one.severity === 'fatal');
  const token = fatal.some((one) => one.id === 'token-wrong');
  const silent = search?.silent.map((one) => one.host) ?? [];
  const advice = [
    token && openable.length > 0
      ? `A token at hand opens ${openable
          .slice(0, 3)
          .map((one) => one.id)
          .join(', ')}${openable.length > 3 ? ` and ${openable.length - 3} more` : ''}: choose one of these.`
      : '',
    fatal[0]?.remedy ?? 'Choose another backup: b.',
    token && silent.length > 0 ? `Not asked, because they do not answer: ${silent.join(', ')}.` : '',
  ];
  return new ProblemError(
    {
      id: fatal[0]?.id ?? 'not-restorable',
      what: `${id} is not restorable: ${fatal.map((one) => one.message).join(' ')}`,
      left: 'Nothing was changed on any server; the fetched file was removed.',
      next: advice.filter((one) => one !== '').join(' '),
    },
    EXIT.no,
  );
}

/** What a restore needs to know of a proof. */
export function provenBackup(name: string, file: string, proof: Proof): ProvenBackup {
  return {
    name,
    file,
    bytes: proof.format === 'zip' ? proof.totalSize + 32 : proof.bytes,
    fileSha256: proof.fileSha256 ?? '',
    revision: proof.revision ?? 0,
    takenAt: proof.takenAt === null ? null : Math.floor(Date.parse(proof.takenAt) / 1000),
    tokenHash: proof.token.expectedHash ?? '',
    caHash: proof.caHash,
    identity: proof.identity.verdict,
    clusterUid: proof.clusterUid,
    identityEvidence: proof.identity.evidence,
    nodes: proof.nodes.map((node) => ({
      name: node.name,
      version: node.kubeletVersion ?? '',
      ...(node.args === null ? {} : { args: node.args }),
    })),
    k3sVersion: proof.k3sVersion,
    objects: proof.objects,
    tried:
      proof.trial?.ok === true
        ? `trial restore with ${proof.trial.tool} ${proof.trial.version}: ok`
        : 'proven by structure',
    warnings: proof.problems.filter((one) => one.severity === 'warning').map((one) => one.message),
    wakes: wakesOf(proof),
  };
}

/** What will act as soon as the cluster wakes, in a few words each. */
export const wakesOf = (proof: Proof): string[] =>
  proof.wakes
    .slice(0, 50)
    .map((one) => `${one.kind.replace(/\..*/, '')} ${one.namespace === '' ? '' : `${one.namespace}/`}${one.name}`);
