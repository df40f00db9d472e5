import { typedPattern } from '../../base/pattern.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import type { JournalLine } from '../../incident/journal.js';
import { lineText } from '../../journal/excerpts.js';
import { readSpool, spoolBeside, spooled } from '../../journal/spool.js';
import { err, json, out } from '../output.js';
import { runOf } from '../recorded.js';

export interface JournalOptions {
  readonly grep?: string;
  readonly host?: string;
  readonly level: string;
  readonly json: boolean;
}

const LEVELS: readonly string[] = ['debug', 'info', 'warning', 'error'];

/** Searches the journals kept beside a record. Times are those of the hosts' own clocks. */
export async function journalCommand(id: string | undefined, options: JournalOptions): Promise<number> {
  const least = LEVELS.indexOf(options.level);
  if (least < 0) throw usage(`There is no level ${options.level}.`, `One of: ${LEVELS.join(', ')}.`);
  const fits = matcher(options.grep);
  const run = runOf(id);
  const directory = spoolBeside(run.path);
  const { pieces, missing } = spooled(directory);
  if (pieces.length === 0) err(`No journals are kept beside ${run.id}.`);
  if (missing > 0) err(`${missing} pieces after the first gave way to newer ones: lines are missing there.`);
  const found: JournalLine[] = [];
  let count = 0;
  const show = (lines: readonly JournalLine[]): void => {
    const fitting = fits(lines);
    count += fitting.length;
    if (options.json) found.push(...fitting);
    else for (const line of fitting) out(lineText(line));
  };
  let batch: JournalLine[] = [];
  for await (const line of readSpool(directory)) {
    if (LEVELS.indexOf(line.severity) < least || (options.host !== undefined && line.host !== options.host)) continue;
    if (batch.push(line) < BATCH) continue;
    show(batch);
    batch = [];
  }
  show(batch);
  if (options.json) json({ run: run.id, missing, lines: found.map(({ id: _id, ...line }) => line) });
  return count > 0 ? EXIT.ok : EXIT.no;
}

const BATCH = 500;

type Matcher = (lines: readonly JournalLine[]) => readonly JournalLine[];

function matcher(wanted: string | undefined): Matcher {
  if (wanted === undefined) return (lines) => lines;
  const expression = /^\/(.+)\/$/.exec(wanted)?.[1];
  if (expression === undefined) {
    const text = wanted.toLowerCase();
    return (lines) => lines.filter((line) => lineText(line).toLowerCase().includes(text));
  }
  const pattern = typedPattern(expression);
  if (typeof pattern === 'string') throw usage(pattern, 'Plain text needs no slashes.');
  return (lines) => {
    const places = pattern.locate(lines.map(lineText));
    if (pattern.problem !== undefined) throw usage(pattern.problem, 'Or search for plain text.');
    return lines.filter((_line, at) => places[at] !== undefined);
  };
}

const usage = (what: string, next: string): ProblemError => new ProblemError({ id: 'usage', what, next }, EXIT.usage);
