import stringWidth from 'string-width';

/**
 * Lines of styled text, made by pure functions and only drawn by components: a table test can read them, and nothing is
 * measured or wrapped by the renderer.
 */

export type Tone = 'plain' | 'dim' | 'accent' | 'good' | 'warn' | 'bad' | 'strong';

export interface Segment {
  readonly text: string;
  readonly tone?: Tone;
  /** Drawn as the cursor's place. */
  readonly inverse?: boolean;
}

export type Line = readonly Segment[];

export const seg = (text: string, tone: Tone = 'plain'): Segment => ({ text, tone });
export const line = (...segments: (Segment | string)[]): Line =>
  segments.map((one) => (typeof one === 'string' ? { text: one } : one));
export const blank: Line = [];

/** Printable ASCII, Latin-1 without the soft hyphen, and what we draw with: one column each, whatever stands beside it. */
const NARROW = /^[\x20-\x7e\xa1-\xac\xae-\xff\u2010-\u2015\u2018-\u201f\u2026\u2500-\u257f]*$/;
const measured = new Map<string, number>();
const MOST_MEASURED = 4_000;
const LONGEST_MEASURED = 400;

/** Columns of a text on a terminal. Nearly all of it is narrow; the rest is segmented into graphemes, which costs, and is remembered. */
export function widthOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  const known = measured.get(text);
  if (known !== undefined) return known;
  const width = stringWidth(text);
  if (measured.size >= MOST_MEASURED) measured.clear();
  if (text.length <= LONGEST_MEASURED) measured.set(text, width);
  return width;
}

export const lineText = (one: Line): string => one.map((segment) => segment.text).join('');
export const lineWidth = (one: Line): number => one.reduce((sum, segment) => sum + widthOf(segment.text), 0);

/** At most `width` columns; what is cut ends in `…`. Never cuts a wide character in two. */
export function cut(text: string, width: number): string {
  if (width <= 0) return '';
  // What lies far beyond the edge need not be looked at.
  const head = text.length > width * 4 ? text.slice(0, width * 4) : text;
  if (NARROW.test(head)) return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
  if (widthOf(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const size = widthOf(segment);
    if (used + size > width - 1) break;
    kept += segment;
    used += size;
  }
  return `${kept}…`;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

export function pad(text: string, width: number): string {
  const short = cut(text, width);
  return short + ' '.repeat(Math.max(0, width - widthOf(short)));
}

/** Exactly `width` columns. */
export function exactly(one: Line, width: number): Line {
  const segments: Segment[] = [];
  let left = width;
  for (const segment of one) {
    if (left <= 0) break;
    const text = cut(segment.text, left);
    segments.push({ ...segment, text });
    left -= widthOf(text);
  }
  if (left > 0) segments.push({ text: ' '.repeat(left) });
  return segments;
}

/** Left part and right part on one line of exactly `width`; the left gives way. */
export function spread(left: Line, right: Line, width: number): Line {
  const rightWidth = Math.min(lineWidth(right), width);
  return [...exactly(left, width - rightWidth), ...exactly(right, rightWidth)];
}

/** As much of a word as fits, by whole characters; at least one, so that wrapping always goes on. */
function headOf(word: string, width: number): string {
  let head = '';
  for (const { segment } of graphemes.segment(word)) {
    if (head !== '' && widthOf(head) + widthOf(segment) > width) break;
    head += segment;
  }
  return head;
}

/** Text broken into lines of at most `width` at spaces; a word longer than that is cut in pieces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    for (let rest = word; rest !== ''; ) {
      const room = current === '' ? width : width - widthOf(current) - 1;
      if (widthOf(rest) <= room) {
        current = current === '' ? rest : `${current} ${rest}`;
        rest = '';
      } else if (current !== '') {
        lines.push(current);
        current = '';
      } else {
        const head = headOf(rest, width);
        lines.push(head);
        rest = rest.slice(head.length);
      }
    }
  }
  if (current !== '') lines.push(current);
  return lines;
}

/** A label in its own column and wrapped text beside it. */
export function labelled(label: string, text: string, width: number, labelWidth: number, tone: Tone = 'plain'): Line[] {
  return wrap(text, Math.max(8, width - labelWidth)).map((part, index) =>
    line(seg(pad(index === 0 ? label : '', labelWidth), 'dim'), seg(part, tone)),
  );
}

/** The part of a list that shows a cursor, `height` lines of it. */
export function windowOf<Item>(
  items: readonly Item[],
  cursor: number,
  height: number,
): { items: readonly Item[]; from: number } {
  const from = Math.max(0, Math.min(cursor - Math.floor(height / 2), items.length - height));
  return { items: items.slice(from, from + height), from };
}
