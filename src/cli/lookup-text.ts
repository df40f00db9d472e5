import { inertLine } from '../base/inert.js';
import { fillNames, type Names } from '../lookup/fill.js';
import type { Found } from '../lookup/search.js';
import type { Symptom } from '../lookup/types.js';

/** Entries of the catalogue as lines for a person. */

/** How much of a long line is shown on either side of what matched. */
const AROUND = 60;
const LABEL = 9;

/** One entry, wrapped; `shown` says under a label of its own where it was found. */
export function entryLines(
  symptom: Symptom,
  shown: { readonly label: string; readonly text: string } | undefined,
  width: number,
  names: Names = {},
): string[] {
  const row = (label: string, text: string): string[] => wrapped(text, width - LABEL - 2, label);
  const versions = [
    ...(symptom.since === undefined ? [] : [`since ${symptom.since}`]),
    ...(symptom.until === undefined ? [] : [`until ${symptom.until}`]),
  ];
  return [
    `${symptom.id}  ${symptom.title}${symptom.severity === 'info' ? '' : `  (${symptom.severity})`}`,
    ...(shown === undefined ? [] : [`  ${shown.label.padEnd(LABEL)}${shown.text}`]),
    ...row('means', fillNames(symptom.means, names)),
    ...row('do', fillNames(symptom.doThis, names)),
    ...(symptom.notThis === undefined ? [] : row('do not', fillNames(symptom.notThis, names))),
    ...(symptom.steps === undefined ? [] : row('steps', symptom.steps.join(', '))),
    ...(versions.length === 0 ? [] : row('K3s', versions.join('; '))),
    ...row('source', symptom.source),
  ];
}

/** The text of a result on one inert line, `»…«` around what matched, cut to its surroundings. */
export function marked({ text, marks }: Pick<Found, 'text' | 'marks'>): string {
  const [first, last] = [marks[0], marks.at(-1)];
  if (first === undefined || last === undefined) return inertLine(text, 2 * AROUND);
  const from = Math.max(0, first[0] - AROUND);
  const to = Math.min(text.length, last[1] + AROUND);
  let line = from > 0 ? '…' : '';
  let at = from;
  for (const [start, end] of marks) {
    line += `${text.slice(at, start)}»${text.slice(start, end)}«`;
    at = end;
  }
  // Made inert as a whole: an escape sequence may begin in one part and end in the next.
  return inertLine(`${line}${text.slice(at, to)}${to < text.length ? '…' : ''}`, 2_000);
}

function wrapped(text: string, width: number, label: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((one, index) => `  ${(index === 0 ? label : '').padEnd(LABEL)}${one}`);
}
