import { join } from 'node:path';
import { z } from 'zod';
import type { Proof } from '../snapshot/index.js';
import { JsonBook } from './json-book.js';

/** What is remembered of a backup that was proven on this machine. No secret: hashes and ids only. */
const entrySchema = z.object({
  cluster: z.string(),
  id: z.string(),
  /** Bytes as stored: another file under the same name has another size. */
  size: z.number(),
  tokenHash: z.string().nullable(),
  caHash: z.string().nullable(),
  clusterUid: z.string().nullable(),
  /** Whether it was shown to be of this cluster. */
  own: z.boolean(),
  /** Milliseconds since the epoch. */
  provenAt: z.number(),
});

export type LedgerEntry = z.infer<typeof entrySchema>;

/** Enough for the runbook's retention of several clusters; older proofs fall out. */
const MOST = 500;

/**
 * Proofs of earlier days, in one small file of the state directory: they tell whose cluster this is and which token opens which backup when
 * neither host nor bucket can be asked any more.
 */
export class Ledger {
  readonly #book: JsonBook<LedgerEntry>;

  constructor(
    state: string,
    private readonly cluster: string,
  ) {
    this.#book = new JsonBook(join(state, 'proofs.json'), entrySchema, MOST);
  }

  /** This cluster's proofs, newest first. */
  entries(): LedgerEntry[] {
    return this.#book.all().filter((one) => one.cluster === this.cluster);
  }

  /** UID and CAs of this cluster, as earlier proofs showed them. */
  identity(): { readonly clusterUid: string | undefined; readonly caHashes: readonly string[] } {
    const own = this.entries().filter((one) => one.own);
    const clusterUid = own.find((one) => one.clusterUid !== null)?.clusterUid ?? undefined;
    return { clusterUid, caHashes: [...new Set(own.flatMap((one) => one.caHash ?? []))] };
  }

  add(backup: { readonly id: string; readonly size: number }, proof: Proof, now: number): void {
    const entry: LedgerEntry = {
      cluster: this.cluster,
      id: backup.id,
      size: backup.size,
      tokenHash: proof.token.expectedHash,
      caHash: proof.caHash,
      clusterUid: proof.clusterUid,
      own: proof.identity.verdict === 'this-cluster',
      provenAt: now,
    };
    this.#book.add(entry, (one) => one.cluster === entry.cluster && one.id === entry.id);
  }
}
