import type { JournalLine } from '../incident/journal.js';

/** How many lines the screen keeps; the spool on disk keeps more. */
export const KEPT_LINES = 10_000;

/**
 * Merges new lines by time into those kept, oldest first. Lines of several hosts arrive a little out of order;
 * only the end is looked at, so that a burst costs little.
 */
export function appendLines(kept: readonly JournalLine[], added: readonly JournalLine[]): readonly JournalLine[] {
  const sorted = [...added].sort(byTime);
  const first = sorted[0];
  if (first === undefined) return kept;
  let at = kept.length;
  while (at > 0 && byTime(kept[at - 1] ?? first, first) > 0) at -= 1;
  const tail = [...kept.slice(at), ...sorted].sort(byTime);
  const merged = [...kept.slice(0, at), ...tail];
  return merged.length > KEPT_LINES ? merged.slice(-KEPT_LINES) : merged;
}

const byTime = (a: JournalLine, b: JournalLine): number => a.at - b.at || a.id - b.id;
