import { LiteralScan } from './literal-scan.js';
import { shapeOf } from './shape.js';
import type { Symptom } from './types.js';

/** Ids of the symptoms a line shows, the most specific first; empty for most lines. */
export type Matcher = (line: string) => readonly string[];

const NOTHING: readonly string[] = Object.freeze([]);

interface Entry {
  readonly id: string;
  readonly pattern: RegExp;
  readonly least: number;
}

/**
 * One pass over each line whatever the number of patterns: the fixed texts of all patterns are looked for at once, and only a pattern whose
 * text was found is tried. Give it the raw line; wrappers of logrus and zap may hold the error in a field of its own.
 *
 * @throws Error for a pattern without fixed text or with a repetition that could run away (see `shapeOf`).
 */
export function makeMatcher(symptoms: readonly Symptom[]): Matcher {
  const entries: Entry[] = [];
  const texts: string[] = [];
  const owners: number[] = [];
  for (const { id, patterns } of symptoms) {
    for (const source of patterns) {
      const { literals, least } = shapeOf(source);
      for (const literal of literals) {
        texts.push(literal);
        owners.push(entries.length);
      }
      entries.push({ id, pattern: new RegExp(source), least });
    }
  }
  const scan = new LiteralScan(texts);
  // Which line last made an entry a candidate: cheaper than a set for each line.
  const seen = new Uint32Array(entries.length);
  let line = 0;
  let candidates: number[] = [];
  const hit = (text: number): void => {
    const owner = owners[text] as number;
    if (seen[owner] === line) return;
    seen[owner] = line;
    candidates.push(owner);
  };
  return (text) => {
    if (++line > 0xffff_fffe) {
      seen.fill(0);
      line = 1;
    }
    scan.scan(text, hit);
    if (candidates.length === 0) return NOTHING;
    // Equally specific ones stay in the order of the catalogue.
    const matched = candidates
      .sort((a, b) => a - b)
      .map((index) => entries[index] as Entry)
      .filter((entry) => entry.pattern.test(text))
      .sort((a, b) => b.least - a.least);
    candidates = [];
    return matched.length === 0 ? NOTHING : [...new Set(matched.map((entry) => entry.id))];
  };
}

/** Where in the line the symptom shows: start and end of the longest match of its patterns. */
export function locate(symptom: Symptom, line: string): readonly [number, number] | undefined {
  let best: readonly [number, number] | undefined;
  for (const source of symptom.patterns) {
    const match = new RegExp(source).exec(line);
    if (match === null) continue;
    if (best === undefined || match[0].length > best[1] - best[0]) best = [match.index, match.index + match[0].length];
  }
  return best;
}
