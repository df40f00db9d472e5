import { hash as hashOnce } from 'node:crypto';

/** The hash chain over a record: each event's hash covers its own text and the hash before it. */

export const CHAIN_START = '0'.repeat(64);

export function linkHash(previous: string, seq: number, body: string): string {
  // In one call: a long record is walked several times faster than with a hash object for each entry.
  return hashOnce('sha256', `${previous}\n${seq}\n${body}`);
}

export interface Row {
  readonly seq: number;
  readonly body: string;
  readonly hash: string;
}

export type ChainVerdict =
  | { readonly ok: true; readonly events: number; readonly head: string }
  | { readonly ok: false; readonly seq: number; readonly why: string };

/**
 * Walks a chain from its start, or from an entry on.
 * @param expected how many events there must be and the last hash, where they are kept elsewhere: finds a cut-off end
 * @param from how many entries there are before the rows, and the hash of the last of them
 */
export function verifyChain(
  rows: Iterable<Row>,
  expected?: { events: number; head: string },
  from = { events: 0, head: CHAIN_START },
): ChainVerdict {
  let { head, events: count } = from;
  for (const row of rows) {
    if (row.seq !== count + 1) return { ok: false, seq: count + 1, why: 'this entry is missing' };
    const hash = linkHash(head, row.seq, row.body);
    if (hash !== row.hash) return { ok: false, seq: row.seq, why: 'this entry was changed' };
    head = hash;
    count += 1;
  }
  if (expected !== undefined && (expected.events !== count || expected.head !== head)) {
    return {
      ok: false,
      seq: count + 1,
      why: `the end is missing: ${expected.events} entries were written, ${count} are here`,
    };
  }
  return { ok: true, events: count, head };
}
