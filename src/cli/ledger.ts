import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Proof } from '../snapshot/index.js';

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
 * neither host nor bucket can be asked any more. A file that cannot be read or written only means that nothing is remembered.
 */
export class Ledger {
  readonly #file: string;

  constructor(
    state: string,
    private readonly cluster: string,
  ) {
    this.#file = join(state, 'proofs.json');
  }

  /** This cluster's proofs, newest first. */
  entries(): LedgerEntry[] {
    return this.#all().filter((one) => one.cluster === this.cluster);
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
    const others = this.#all().filter((one) => one.cluster !== entry.cluster || one.id !== entry.id);
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.#file}.new`, JSON.stringify([entry, ...others].slice(0, MOST)), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
    } catch {
      // Remembering is a help for later, never a reason to fail now.
    }
  }

  #all(): LedgerEntry[] {
    try {
      const parsed = z.array(entrySchema).safeParse(JSON.parse(readFileSync(this.#file, 'utf8')));
      return parsed.success ? parsed.data : [];
    } catch {
      return [];
    }
  }
}
