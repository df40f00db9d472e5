import { typedPattern } from '../../src/base/pattern.js';
import type { Row } from './rows.js';

/** Searching the rows of the journal: text, or `/a regular expression/`, forward and back, round the end. */

export type Mark = readonly [number, number];

/** Where the search matches in each text; a sentence where it cannot be tried. */
export function locate(search: string, texts: readonly string[]): readonly (Mark | undefined)[] | string {
  const source = /^\/(.+?)\/?$/.exec(search)?.[1];
  if (source !== undefined) {
    const pattern = typedPattern(source);
    if (typeof pattern === 'string') return pattern;
    const found = pattern.locate(texts);
    return pattern.problem ?? found;
  }
  const wanted = search.toLowerCase();
  return texts.map((text): Mark | undefined => {
    const at = wanted === '' ? -1 : text.toLowerCase().indexOf(wanted);
    return at < 0 ? undefined : [at, at + wanted.length];
  });
}

export interface Found {
  readonly index: number;
  /** The search went past the end and began again at the other one. */
  readonly wrapped: boolean;
}

/** The next row from `from` that is wanted, going up (-1) or down (1); undefined where none is. */
export function nextRow(
  rows: readonly Row[],
  from: number,
  direction: 1 | -1,
  wanted: (row: Row, index: number) => boolean,
): Found | undefined {
  for (let step = 1; step <= rows.length; step++) {
    const raw = from + step * direction;
    const index = ((raw % rows.length) + rows.length) % rows.length;
    const row = rows[index];
    if (row !== undefined && wanted(row, index)) return { index, wrapped: raw !== index };
  }
  return undefined;
}

/** The next row the search matches; a sentence where the search cannot be tried. */
export function nextMatch(
  rows: readonly Row[],
  search: string,
  from: number,
  direction: 1 | -1,
): Found | undefined | string {
  const marks = locate(
    search,
    rows.map((row) => row.line.text),
  );
  return typeof marks === 'string'
    ? marks
    : nextRow(rows, from, direction, (_row, index) => marks[index] !== undefined);
}
