import { locate, makeMatcher } from './match.js';
import type { Symptom } from './types.js';

/** An entry that answers a search, and the part of a text by which it was found. */
export interface Found {
  readonly symptom: Symptom;
  /** `id` and `pattern` are certain; `fragment` is a piece of a known line; `words` are a guess. */
  readonly by: 'id' | 'pattern' | 'fragment' | 'words';
  /** What was looked at: the line that was pasted, the example line, or the entry's own words. */
  readonly text: string;
  /** Start and end of the parts of `text` that matched, in order, not overlapping. */
  readonly marks: readonly (readonly [number, number])[];
  /** Only to rank the results of one search. */
  readonly score: number;
}

export type Search = (query: string) => readonly Found[];

/** Words that say nothing about which entry is meant. */
const STOP = new Set(
  'a an and are as at be by do does for from how i if in into is it its my no not of on or our that the then there this to was what when which why will with k3s level msg error info'.split(
    ' ',
  ),
);
/** A piece of a message shorter than this is looked up as words. */
const FRAGMENT = 8;
/** How much more a word counts in some fields than in others. */
const WEIGHTS = { title: 4, words: 4, example: 2, means: 1, doThis: 1, notThis: 2 } as const;
type Field = keyof typeof WEIGHTS;
const FIELDS = Object.keys(WEIGHTS) as readonly Field[];

interface Indexed {
  readonly symptom: Symptom;
  /** Weight of each word in the entry. */
  readonly weights: ReadonlyMap<string, number>;
}

/**
 * Answers from a pasted line, a fragment of one, an id or plain words: an exact id first, then what matches as a line, then pieces of known
 * lines, then words by how rare they are.
 */
export function makeSearch(symptoms: readonly Symptom[]): Search {
  const match = makeMatcher(symptoms);
  const byId = new Map(symptoms.map((one) => [one.id.toLowerCase(), one]));
  const indexed = symptoms.map(index);
  const rarity = rarityOf(indexed);
  return (query) => {
    const wanted = query.trim();
    if (wanted === '') return [];
    const exact = byId.get(wanted.toLowerCase().replace(/^#/, ''));
    if (exact !== undefined)
      return [{ symptom: exact, by: 'id', text: exact.id, marks: [[0, exact.id.length]], score: 1 }];
    const found = new Map<string, Found>();
    const add = (one: Found): void => {
      if (!found.has(one.symptom.id)) found.set(one.symptom.id, one);
    };
    match(wanted).forEach((id, order) => {
      const symptom = byId.get(id);
      const part = symptom === undefined ? undefined : locate(symptom, wanted);
      if (symptom !== undefined && part !== undefined)
        add({ symptom, by: 'pattern', text: wanted, marks: [part], score: 1000 - order });
    });
    for (const symptom of symptoms) {
      const piece = fragmentIn(symptom, wanted);
      if (piece !== undefined) add(piece);
    }
    // A line that is known is an answer; words of it would only find more of the same.
    if (found.size === 0) for (const one of byWords(indexed, rarity, wanted)) add(one);
    return [...found.values()].sort((a, b) => b.score - a.score);
  };
}

function fragmentIn(symptom: Symptom, wanted: string): Found | undefined {
  if (wanted.length < FRAGMENT) return undefined;
  const lower = wanted.toLowerCase();
  const own = [symptom.title, ...(symptom.words ?? []), symptom.example, ...(symptom.also ?? [])];
  for (const [order, text] of own.entries()) {
    const at = text.toLowerCase().indexOf(lower);
    if (at < 0) continue;
    // Within what the pattern itself says it is certain; elsewhere in the line it may be chance.
    const part = locate(symptom, text);
    const inside = part !== undefined && at < part[1] && at + lower.length > part[0];
    const score = (inside || order === 0 ? 500 : 300) + (100 * lower.length) / text.length;
    return { symptom, by: 'fragment', text, marks: [[at, at + wanted.length]], score };
  }
  return undefined;
}

function index(symptom: Symptom): Indexed {
  const weights = new Map<string, number>();
  for (const field of FIELDS) {
    for (const word of new Set(wordsOf(textOf(symptom, field))))
      weights.set(word, (weights.get(word) ?? 0) + WEIGHTS[field]);
  }
  return { symptom, weights };
}

function textOf(symptom: Symptom, field: Field): string {
  if (field === 'words') return (symptom.words ?? []).join('; ');
  if (field === 'example') return [symptom.example, ...(symptom.also ?? [])].join(' ');
  return symptom[field] ?? '';
}

const wordsOf = (text: string): string[] =>
  (text.toLowerCase().match(/[a-z][a-z0-9]+|\d{3,}/g) ?? []).filter((word) => !STOP.has(word)).map(stem);

/** Only what makes plural and singular, and *restart* and *restarting*, the same. */
const stem = (word: string): string => (word.length > 4 ? word.replace(/(?:ing|ed|es|s)$/, '') : word);

function rarityOf(all: readonly Indexed[]): (word: string) => number {
  const counts = new Map<string, number>();
  for (const { weights } of all) for (const word of weights.keys()) counts.set(word, (counts.get(word) ?? 0) + 1);
  return (word) => Math.log(1 + all.length / (counts.get(word) ?? 1));
}

function byWords(all: readonly Indexed[], rarity: (word: string) => number, wanted: string): readonly Found[] {
  const words = [...new Set(wordsOf(wanted))];
  if (words.length === 0) return [];
  const results: Found[] = [];
  for (const { symptom, weights } of all) {
    const hits = words.filter((word) => weights.has(word));
    // Of many words most must be there: one of eight is chance.
    if (hits.length === 0 || hits.length * 2 < words.length) continue;
    const score = hits.reduce((sum, word) => sum + (weights.get(word) ?? 0) * rarity(word), 0);
    const { text, marks } = shown(symptom, hits);
    results.push({ symptom, by: 'words', text, marks, score: (score * hits.length) / words.length / 10 });
  }
  const best = Math.max(0, ...results.map((one) => one.score));
  return results.filter((one) => one.score > best / 3);
}

/** The field with most of the words, and where they stand in it. */
function shown(symptom: Symptom, hits: readonly string[]): Pick<Found, 'text' | 'marks'> {
  let best: Pick<Found, 'text' | 'marks'> = { text: symptom.title, marks: [] };
  for (const field of FIELDS) {
    const text = textOf(symptom, field);
    const marks = [...text.matchAll(/[a-z][a-z0-9]+|\d{3,}/gi)]
      .filter((part) => hits.includes(stem(part[0].toLowerCase())))
      .map((part): readonly [number, number] => [part.index, part.index + part[0].length]);
    if (marks.length > best.marks.length) best = { text, marks };
  }
  return best;
}
