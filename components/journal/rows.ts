import type { JournalLine } from '../../src/incident/journal.js';
import type { JournalFilter, JournalView } from '../../src/store/view.js';
import { type LineTest, lineTest } from './filter.js';

/** What the pane shows of the journal: the lines its filter lets through, repeated ones folded with a count. */

export interface Row {
  /** The latest of those folded into it. */
  readonly line: JournalLine;
  readonly first: JournalLine;
  readonly count: number;
}

/** A line is folded into one of this many rows above it: several hosts say the same thing in turns. */
const LOOK_BACK = 8;

interface Building {
  line: JournalLine;
  first: JournalLine;
  count: number;
  key: number;
}

/** Oldest first. A repeated line stands where it came first, with its latest text. */
export function foldLines(lines: readonly JournalLine[]): readonly Row[] {
  const keys = keysOf(lines);
  const rows: Building[] = [];
  for (const [index, line] of lines.entries()) {
    const key = keys[index] ?? 0;
    let at = rows.length - 1;
    const end = Math.max(0, rows.length - LOOK_BACK);
    while (at >= end && rows[at]?.key !== key) at -= 1;
    const same = at >= end ? rows[at] : undefined;
    if (same === undefined) rows.push({ line, first: line, count: 1, key });
    else {
      same.line = line;
      same.count += 1;
    }
  }
  return rows;
}

/** What makes two lines the same, as a number: ten thousand of them are compared at every redraw. */
const NUMBERS = new Map<string, number>();
const MOST_NUMBERS = 50_000;
let next = 1;
let last: { lines: readonly JournalLine[]; keys: Int32Array } = { lines: [], keys: new Int32Array(0) };

/** Those of the lines that were there the last time are taken over: only what came since is looked at. */
function keysOf(lines: readonly JournalLine[]): Int32Array {
  if (NUMBERS.size > MOST_NUMBERS) {
    NUMBERS.clear();
    last = { lines: [], keys: new Int32Array(0) };
  }
  const keys = new Int32Array(lines.length);
  const from = lines[0] === undefined ? -1 : last.lines.indexOf(lines[0]);
  let index = 0;
  if (from >= 0) {
    while (index < lines.length && last.lines[from + index] === lines[index]) index += 1;
    keys.set(last.keys.subarray(from, from + index));
  }
  for (; index < lines.length; index += 1) {
    const line = lines[index];
    if (line !== undefined) keys[index] = keyOf(line);
  }
  last = { lines, keys };
  return keys;
}

function keyOf(line: JournalLine): number {
  const text = foldText(line);
  const key = NUMBERS.get(text) ?? next++;
  NUMBERS.set(text, key);
  return key;
}

/** The same but for numbers that count, measure or name an attempt; names and addresses stay. */
function foldText(line: JournalLine): string {
  const text = isStack(line.text)
    ? 'stack'
    : line.text.replace(/\b\d+(?:\.\d+)?(?:ms|µs|us|s|m)\b|\b\d{4,}\b|\b[0-9a-f]{8,}\b/g, '#');
  return `${line.host} ${line.unit} ${line.severity} ${text}`;
}

/**
 * A line of the stacks a Go program prints when it dies, hundreds at a time (R13): folded into one whatever they say. Told without
 * a pattern that could run away on a hostile line.
 */
export function isStack(text: string): boolean {
  if (/^goroutine \d|^created by \S/.test(text)) return true;
  if (/^\s{1,8}\/\S{1,300}\.(?:go|s):\d/.test(text)) return true;
  const open = text.indexOf('(');
  const called = text.slice(0, Math.max(0, open));
  return (
    text.endsWith(')') && !called.includes(' ') && (called.startsWith('runtime.') || /^[\w.-]{1,100}\//.test(called))
  );
}

export interface Rows {
  /** The lines the filter lets through. */
  readonly lines: readonly JournalLine[];
  readonly rows: readonly Row[];
  /** Why the filter's regular expression is not tried any more. */
  readonly problem: string | undefined;
}

let tested: { filter: JournalFilter; test: LineTest } | undefined;
let drawn: { lines: readonly JournalLine[]; filter: JournalFilter; rows: Rows } | undefined;

/** The rows for a filter; made once for the same lines, since pane and keys ask for them in the same moment. */
export function journalRows(lines: readonly JournalLine[], filter: JournalFilter): Rows {
  if (drawn?.lines === lines && drawn.filter === filter) return drawn.rows;
  if (tested?.filter !== filter) tested = { filter, test: lineTest(filter) };
  const shown = tested.test.shown(lines);
  drawn = { lines, filter, rows: { lines: shown, rows: foldLines(shown), problem: tested.test.problem } };
  return drawn.rows;
}

/** Where the cursor stands; the last row while the end is followed. A line that is gone or filtered out leaves it at the nearest in time. */
export function cursorOf(rows: readonly Row[], view: JournalView, lines: readonly JournalLine[]): number {
  if (view.at === undefined) return rows.length - 1;
  const exact = rows.findIndex((row) => row.first.id === view.at);
  if (exact >= 0) return exact;
  const line = lines.find((one) => one.id === view.at);
  if (line === undefined) return 0;
  const after = rows.findIndex((row) => row.first.at >= line.at);
  return after < 0 ? rows.length - 1 : after;
}
