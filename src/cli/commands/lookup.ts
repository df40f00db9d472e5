import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { symptoms } from '../../../scenarios/symptoms/index.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { locate, makeMatcher } from '../../lookup/match.js';
import { type Found, makeSearch } from '../../lookup/search.js';
import type { Symptom } from '../../lookup/types.js';
import { entryLines, marked } from '../lookup-text.js';
import { json, out } from '../output.js';

interface Options {
  readonly list: boolean;
  readonly json: boolean;
}

/** Results shown in full; what comes after is named in one line each. */
const IN_FULL = 3;
/** A line of a pasted journal is looked at this far. */
const LONGEST = 65_536;
const WORST: readonly Symptom['severity'][] = ['error', 'warning', 'info'];

/** What a line, an id or some words mean, without a cluster. Exit 0 when something is known, 1 when not. */
export async function lookupCommand(words: readonly string[], options: Options): Promise<number> {
  if (options.list) {
    if (options.json) json(symptoms);
    else for (const one of symptoms) out(`${one.id.padEnd(26)}${one.severity.padEnd(9)}${one.title}`);
    return EXIT.ok;
  }
  const query = words.join(' ').trim();
  if (query !== '' && query !== '-') return answer(query, options);
  if (query === '' && process.stdin.isTTY)
    throw new ProblemError(
      {
        id: 'usage',
        what: 'There is nothing to look up.',
        next: 'Give a line, an id or some words; or pipe a journal into it. All entries: blackstart lookup --list',
      },
      EXIT.usage,
    );
  return await pasted(process.stdin, options);
}

function answer(query: string, options: Options): number {
  const found = makeSearch(symptoms)(query);
  if (options.json) json(found.map(({ symptom, by, text, marks }) => ({ id: symptom.id, by, text, marks, symptom })));
  else if (found.length === 0) out('Nothing is known about that. All entries: blackstart lookup --list');
  else print(found);
  return found.length === 0 ? EXIT.no : EXIT.ok;
}

function print(found: readonly Found[]): void {
  found.slice(0, IN_FULL).forEach((one, index) => {
    if (index > 0) out('');
    for (const line of entryLines(
      one.symptom,
      one.by === 'id' ? undefined : { label: 'found in', text: marked(one) },
      width(),
    ))
      out(line);
  });
  const more = found.slice(IN_FULL);
  if (more.length > 0) out(`\nAlso possible:`);
  for (const { symptom } of more) out(`  ${symptom.id.padEnd(4)}${symptom.title}`);
}

interface Seen {
  readonly symptom: Symptom;
  readonly first: string;
  count: number;
}

/** Every line of a pasted journal matched; each symptom once, the worst first, with its count and its first line. */
async function pasted(input: Readable, options: Options): Promise<number> {
  const match = makeMatcher(symptoms);
  const byId = new Map(symptoms.map((one) => [one.id, one]));
  const seen = new Map<string, Seen>();
  const lines = createInterface({ input, crlfDelay: Infinity });
  let count = 0;
  let only = '';
  for await (const whole of lines) {
    const line = whole.slice(0, LONGEST);
    if (line.trim() === '') continue;
    if (++count === 1) only = line;
    for (const id of match(line)) {
      const before = seen.get(id);
      const symptom = byId.get(id);
      if (before !== undefined) before.count++;
      else if (symptom !== undefined) seen.set(id, { symptom, first: line, count: 1 });
    }
  }
  // A single line that is no message may be an id or a question.
  if (count === 1 && seen.size === 0) return answer(only, options);
  const found = [...seen.values()].sort(
    (a, b) => WORST.indexOf(a.symptom.severity) - WORST.indexOf(b.symptom.severity),
  );
  if (options.json) {
    json(found.map(({ symptom, first, count }) => ({ id: symptom.id, count, first, symptom })));
  } else if (found.length === 0) {
    out(`None of these ${count} lines is known.`);
  } else {
    out(`${count} lines, ${found.length} ${found.length === 1 ? 'symptom' : 'symptoms'}`);
    for (const one of found) {
      const part = locate(one.symptom, one.first);
      out('');
      const shown = marked({ text: one.first, marks: part === undefined ? [] : [part] });
      for (const line of entryLines(one.symptom, { label: 'seen', text: `${one.count} ×, first: ${shown}` }, width()))
        out(line);
    }
  }
  return found.length === 0 ? EXIT.no : EXIT.ok;
}

/** Pipes get lines of a fixed width, so that their text does not depend on where it was made. */
const width = (): number => Math.min(120, Math.max(60, process.stdout.columns ?? 100));
