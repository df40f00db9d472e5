import { type TypedPattern, typedPattern } from '../../src/base/pattern.js';
import type { JournalLine } from '../../src/incident/journal.js';
import { type JournalFilter, noFilter } from '../../src/store/view.js';

/** Which lines of the journal are shown: read from what a person types, written back as it would be typed, tried on lines. */

export const LEVELS: readonly JournalFilter['level'][] = ['debug', 'info', 'warning', 'error'];

/** Said where it is asked for. */
export const FILTER_HELP = 'node:NAME unit:NAME level:warning, words, "a phrase", -word, /a regular expression/';

const PART = /(-?)(?:\/((?:[^/\\]|\\.)+)\/(?=\s|$)|"([^"]+)"|(\S+))/g;

/** @returns the filter, or why it is none, as a sentence */
export function parseFilter(text: string): JournalFilter | string {
  let filter = noFilter;
  for (const [, minus, pattern, phrase, bare = ''] of text.matchAll(PART)) {
    if (pattern !== undefined) {
      if (minus === '-' || filter.pattern !== undefined) return 'One regular expression, and none with a minus.';
      const tried = typedPattern(pattern);
      if (typeof tried === 'string') return tried;
      filter = { ...filter, pattern };
      continue;
    }
    const [, key, value = ''] = /^(node|host|unit|level):(.*)$/i.exec(phrase === undefined ? bare : '') ?? [];
    const names = value.split(',').filter((one) => one !== '');
    if (key === undefined) {
      const side = minus === '-' ? 'without' : 'words';
      filter = { ...filter, [side]: [...filter[side], phrase ?? bare] };
    } else if (names.length === 0 || minus === '-') return `${key}: needs a name behind it.`;
    else if (key.toLowerCase() === 'unit') filter = { ...filter, units: [...filter.units, ...names] };
    else if (key.toLowerCase() === 'level') {
      const level = LEVELS.find((one) => one.startsWith(value.toLowerCase()));
      if (level === undefined) return `There is no level ${value}. One of: ${LEVELS.join(', ')}.`;
      filter = { ...filter, level };
    } else filter = { ...filter, hosts: [...filter.hosts, ...names] };
  }
  return filter;
}

/** As a person would type it; empty where nothing is left out. */
export function filterText(filter: JournalFilter): string {
  const word = (text: string): string => (/\s/.test(text) ? `"${text}"` : text);
  return [
    ...(filter.hosts.length === 0 ? [] : [`node:${filter.hosts.join(',')}`]),
    ...(filter.units.length === 0 ? [] : [`unit:${filter.units.join(',')}`]),
    ...(filter.level === noFilter.level ? [] : [`level:${filter.level}`]),
    ...filter.words.map(word),
    ...filter.without.map((one) => `-${word(one)}`),
    ...(filter.pattern === undefined ? [] : [`/${filter.pattern}/`]),
  ].join(' ');
}

export interface LineTest {
  /** Why its regular expression is not tried any more. */
  readonly problem: string | undefined;
  shown(lines: readonly JournalLine[]): readonly JournalLine[];
}

/** Makes the test of a filter; what a regular expression said of a line is remembered, so that a redraw tries only new lines. */
export function lineTest(filter: JournalFilter): LineTest {
  const least = LEVELS.indexOf(filter.level);
  const words = filter.words.map((one) => one.toLowerCase());
  const without = filter.without.map((one) => one.toLowerCase());
  const plain = (one: JournalLine): boolean => {
    if (LEVELS.indexOf(one.severity) < least) return false;
    if (filter.hosts.length > 0 && !filter.hosts.includes(one.host)) return false;
    // Transient units carry run and attempt in their names: a piece of one is enough.
    if (filter.units.length > 0 && !filter.units.some((unit) => one.unit.includes(unit))) return false;
    if (words.length + without.length === 0) return true;
    const text = `${one.text} ${one.host} ${one.unit}`.toLowerCase();
    return words.every((word) => text.includes(word)) && !without.some((word) => text.includes(word));
  };
  const pattern = filter.pattern === undefined ? undefined : typedPattern(filter.pattern);
  const matches = typeof pattern === 'object' ? remembering(pattern) : undefined;
  return {
    get problem() {
      return typeof pattern === 'string' ? pattern : pattern?.problem;
    },
    shown: (lines) => {
      const some = lines.filter(plain);
      return matches === undefined ? some : matches(some);
    },
  };
}

function remembering(pattern: TypedPattern): (lines: readonly JournalLine[]) => readonly JournalLine[] {
  const known = new WeakMap<JournalLine, boolean>();
  return (lines) => {
    const fresh = lines.filter((one) => !known.has(one));
    const found = pattern.locate(fresh.map((one) => one.text));
    for (const [index, one] of fresh.entries()) known.set(one, found[index] !== undefined);
    // Given up: rather everything than nothing.
    return pattern.problem === undefined ? lines.filter((one) => known.get(one) === true) : lines;
  };
}
