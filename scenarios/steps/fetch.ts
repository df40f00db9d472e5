import type { Answer } from '../../src/incident/command.js';
import type { JsonObject } from '../../src/incident/json.js';
import { type GateCheck, HERE, type Judgement, type Step, type StepContext } from '../../src/incident/step.js';
import { at, bytes, failed, minutes, no, seconds, yes } from './judge.js';

/** What the task of fetching and proving tells a restore. */
export interface ProvenBackup {
  readonly name: string;
  /** The spooled file on this machine. */
  readonly file: string;
  readonly bytes: number;
  /** sha256 of the whole file as it is delivered, trailer included. */
  readonly fileSha256: string;
  readonly revision: number;
  /** Seconds since the epoch. */
  readonly takenAt: number | null;
  readonly tokenHash: string;
  readonly caHash: string | null;
  readonly identity: 'this-cluster' | 'cannot-tell' | 'another-cluster';
  /** What speaks for it, in words. */
  readonly identityEvidence?: readonly string[];
  /** UID of kube-system. */
  readonly clusterUid?: string | null;
  readonly nodes: readonly { readonly name: string; readonly version: string; readonly args?: readonly string[] }[];
  /** The highest version any Node ran. */
  readonly k3sVersion?: string | null;
  readonly objects: Readonly<Record<string, number>>;
  /** Whether it was restored for trial, in words. */
  readonly tried?: string;
  readonly warnings: readonly string[];
  readonly wakes: readonly string[];
}

/** What is fetched, and what is known of the cluster to compare it with. */
export const fetchInput = (context: StepContext): JsonObject => {
  const installed = installedK3s(context);
  return {
    snapshot: context.choices.snapshot ?? '',
    nodes: context.cluster.hosts.map((host) => host.nodeName),
    caHashes: [...new Set(context.cluster.hosts.flatMap((host) => context.facts(host.name).caHash ?? []))],
    ...(installed === undefined ? {} : { installedK3s: installed }),
  };
};

/** The K3s that will restore: the primary's, or, while none is chosen, that of the first server that answers. */
function installedK3s(context: StepContext): string | undefined {
  const servers = context.cluster.hosts.filter((host) => host.role === 'server').map((host) => host.name);
  const { primary } = context.choices;
  for (const name of primary === undefined ? servers : [primary, ...servers]) {
    const version = context.facts(name).service?.version;
    if (version !== undefined && version !== '') return version;
  }
  return undefined;
}

/** The proof as learned in this run; undefined before. */
export function provenBackup(context: StepContext): ProvenBackup | undefined {
  const proof = context.known('fetch', 'proof', HERE);
  return proof === undefined ? undefined : (proof as unknown as ProvenBackup);
}

/** Whose snapshot it is, at the gate: another cluster's is refused, one that cannot be told is the operator's to compare. */
export const identityCheck: GateCheck = {
  title: 'the snapshot is of this cluster',
  host: HERE,
  question: {
    ask: () => [],
    judge: (_answers, context) => {
      const proof = provenBackup(context);
      const { same, others } = heldUids(context, proof?.clusterUid);
      const unlike =
        others.length === 0
          ? []
          : [`the data of ${others.join(', ')} is of another cluster (kube-system has another UID)`];
      const evidence = [...(proof?.identityEvidence ?? []), ...unlike];
      if (proof?.identity === 'another-cluster') return failed([`it is of another cluster: ${evidence.join('; ')}`]);
      if (same.length > 0) return yes([`kube-system has the same UID in the data of ${same.join(', ')}`, ...evidence]);
      if (proof?.identity === 'this-cluster') return yes(evidence);
      return yes([
        `cannot be told${evidence.length === 0 ? '' : `: only that ${evidence.join('; ')}`}. Compare its CA ${proof?.caHash?.slice(0, 12) ?? '(none named)'} with sha256sum of server/tls/server-ca.crt`,
      ]);
    },
  },
};

/**
 * Servers whose own data was read, by whether kube-system has the snapshot's UID there. Another one speaks against the server rather than
 * the snapshot: a server that lost its data begins a cluster of its own (R19).
 */
function heldUids(context: StepContext, uid: string | null | undefined): { same: string[]; others: string[] } {
  const held = context.cluster.hosts.flatMap(({ name }) => {
    const own = context.facts(name).data?.content?.clusterUid;
    return own === undefined || uid === undefined || uid === null ? [] : [{ name, same: own === uid }];
  });
  const names = (same: boolean): string[] => held.flatMap((one) => (one.same === same ? [one.name] : []));
  return { same: names(true), others: names(false) };
}

function judgeFetched(answers: readonly Answer[], elsewhere: boolean): Judgement {
  const answer = at(answers, 0);
  if (answer.code !== 0) return no('not proven in this run yet');
  const proof = JSON.parse(answer.stdout) as ProvenBackup & JsonObject;
  const another = proof.identity === 'another-cluster';
  if (another && !elsewhere) {
    return failed([`${proof.name} is a backup of another cluster: ${(proof.identityEvidence ?? []).join('; ')}`], {
      left: 'nothing was changed',
      next: 'Choose a backup of this cluster. Restoring another cluster here on purpose is a plan of its own: restore-elsewhere.',
    });
  }
  return yes(
    [
      `${bytes(proof.bytes)}, revision ${proof.revision.toLocaleString('en')}`,
      `token ${proof.tokenHash} opens it`,
      ...(another ? ['it is of another cluster, as meant'] : []),
      ...(proof.tried === undefined ? [] : [proof.tried]),
      ...proof.warnings,
    ],
    { proof, file: proof.file, bytes: proof.bytes, fileSha256: proof.fileSha256, tokenHash: proof.tokenHash },
  );
}

/**
 * Fetch, decrypt, spool and prove, begun as soon as a backup is chosen, while the operator reads the checklist.
 * K3s itself moves the live database before it looks at the snapshot's checksum; here nothing has been touched yet.
 */
export const fetchAndProve: Step = {
  id: 'fetch',
  title: 'Fetch, decrypt and prove the backup',
  runbook: 'Full restore, step 2: download and decrypt; "verify" there looks for SQLite, which an etcd snapshot is not',
  effect: 'observe',
  why: 'A damaged snapshot, a wrong passphrase or a wrong token is found out here, before anything stops.',
  early: true,
  dependsOn: ['snapshot'],
  when: (context) =>
    context.choices.snapshot === undefined ? { run: 'not-known-yet', because: 'no backup is chosen' } : { run: 'yes' },
  done: {
    ask: (context) => [{ kind: 'task', task: 'backup.have', input: fetchInput(context), again: 'harmless' }],
    judge: (answers) => judgeFetched(answers, false),
  },
  run: (context) => [{ kind: 'task', task: 'backup.fetch', input: fetchInput(context), again: 'harmless' }],
  pollMs: 500,
  expectMs: seconds(10),
  withinMs: minutes(30),
  undo: { none: 'nothing on any node was changed' },
  lookup: ['36', '74', '75'],
};

const elsewhereInput = (context: StepContext): JsonObject => ({ ...fetchInput(context), elsewhere: true });

/** The same for a cluster that is there to be overwritten with another one's backups: that it is of another cluster is the point. */
export const fetchFromElsewhere: Step = {
  ...fetchAndProve,
  done: {
    ask: (context) => [{ kind: 'task', task: 'backup.have', input: elsewhereInput(context), again: 'harmless' }],
    judge: (answers) => judgeFetched(answers, true),
  },
  run: (context) => [{ kind: 'task', task: 'backup.fetch', input: elsewhereInput(context), again: 'harmless' }],
};
