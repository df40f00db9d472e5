import { hash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { VERSION } from '../base/version.js';
import type { IncidentState } from '../incident/state.js';

/**
 * What a long record folds to at one of its entries, kept beside it so that opening reads only what came after. It is derived: damaged, of
 * another program or of another record it is passed over, and it may be deleted at any time. Nothing is believed for long on its word: the whole
 * chain is walked behind it (`RunRecord.verify`), and `audit verify` never looks at it.
 */
export interface Checkpoint {
  readonly seq: number;
  /** Hash of that entry. */
  readonly head: string;
  readonly state: IncidentState;
}

/** A record shorter than this is read whole, which takes no longer. */
export const CHECKPOINT_EVERY = 1_000;

const placeOf = (record: string): string => `${record}-fold`;

/** @param hashAt the hash of an entry of this record: a checkpoint of another one does not agree */
export function readCheckpoint(record: string, hashAt: (seq: number) => string | undefined): Checkpoint | undefined {
  try {
    const [digest = '', body = ''] = readFileSync(placeOf(record), 'utf8').split('\n');
    if (hash('sha256', body) !== digest) return undefined;
    const { program, seq, head, state } = JSON.parse(body) as Checkpoint & { program: string };
    return program === VERSION && hashAt(seq) === head ? { seq, head, state } : undefined;
  } catch {
    return undefined;
  }
}

/** Best effort: without one the next start takes a moment longer. */
export function writeCheckpoint(record: string, checkpoint: Checkpoint): void {
  const place = placeOf(record);
  const body = JSON.stringify({ program: VERSION, ...checkpoint });
  try {
    writeFileSync(`${place}.part`, `${hash('sha256', body)}\n${body}\n`, { mode: 0o600 });
    renameSync(`${place}.part`, place);
  } catch {
    removeCheckpoint(record);
  }
}

export function removeCheckpoint(record: string): void {
  for (const place of [placeOf(record), `${placeOf(record)}.part`]) rmSync(place, { force: true });
}
