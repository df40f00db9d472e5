import type { JournalLine } from '../../src/incident/journal.js';
import type { JournalView } from '../../src/store/view.js';
import { filterText } from '../journal/filter.js';
import { locate, type Mark } from '../journal/find.js';
import { cursorOf, isStack, journalRows, type Row } from '../journal/rows.js';
import { cut, type Line, labelled, pad, type Segment, seg, spread, type Tone } from '../line.js';
import { GLYPH } from '../symbols.js';

/** All journals merged by time, as far as the filter lets them through. */

const LETTER: Record<JournalLine['severity'], { letter: string; tone: Tone }> = {
  debug: { letter: 'D', tone: 'dim' },
  info: { letter: ' ', tone: 'dim' },
  warning: { letter: 'W', tone: 'warn' },
  error: { letter: 'E', tone: 'bad' },
};

/** The rows around the cursor, or the last ones while the end is followed. */
export function journalLines(
  all: readonly JournalLine[],
  view: JournalView,
  width: number,
  height: number,
  focused: boolean,
): Line[] {
  const { rows, problem } = journalRows(all, view.filter);
  const warning = problem === undefined ? [] : labelled('', problem, width, 0, 'warn');
  const room = Math.max(1, height - warning.length);
  if (rows.length === 0) {
    const filter = filterText(view.filter);
    return [
      ...warning,
      [
        seg(
          all.length === 0 || filter === ''
            ? 'No line has come yet.'
            : `None of ${all.length.toLocaleString('en')} lines passes: ${filter}  (esc shows all)`,
          'dim',
        ),
      ],
    ];
  }
  const cursor = cursorOf(rows, view, all);
  const following = view.at === undefined;
  const from = following
    ? Math.max(0, rows.length - room)
    : Math.max(0, Math.min(cursor - Math.floor(room / 2), rows.length - room));
  const part = rows.slice(from, from + room);
  const found = locate(
    view.search,
    part.map((row) => row.line.text),
  );
  return [
    ...warning,
    ...part.map((row, index) => {
      const line = drawn(row, typeof found === 'string' ? undefined : found[index], width);
      const here = from + index === cursor && focused && !following;
      return here ? line.map((one) => ({ ...one, inverse: true })) : line;
    }),
  ];
}

function drawn({ line, first, count }: Row, mark: Mark | undefined, width: number): Line {
  const { letter, tone } = LETTER[line.severity];
  const unit = line.unit.startsWith('blackstart-') ? line.unit.replace(/^blackstart-[\d-]+-[0-9a-f]+-/, '') : line.unit;
  const right = [
    ...(count === 1 ? [] : [seg(` ×${count.toLocaleString('en')}`, 'accent')]),
    ...(line.symptoms[0] === undefined ? [] : [seg(` ${GLYPH.known} ${line.symptoms[0]} `, 'warn')]),
  ];
  return spread(
    [
      seg(`${timeOf(line, width > 100)} `, 'dim'),
      seg(`${pad(line.host, 9)} `, 'accent'),
      seg(`${pad(unit, width > 100 ? 12 : 6)} `, 'dim'),
      seg(`${letter} `, tone),
      ...(count > 1 && isStack(first.text)
        ? [seg(cut(`stacks of goroutines: ${first.text.trim()}`, width), 'dim')]
        : marked(line.text, mark, width, line.severity === 'info' ? 'plain' : tone)),
    ],
    right,
    width,
  );
}

const timeOf = (line: JournalLine, long: boolean): string => new Date(line.at).toISOString().slice(11, long ? 23 : 19);

/** The text with what was searched made to stand out; a match far to the right is brought into view. */
function marked(text: string, mark: Mark | undefined, width: number, tone: Tone): Segment[] {
  if (mark === undefined) return [seg(cut(text, width), tone)];
  const [from, to] = mark;
  const begin = from > width - 40 ? from - 20 : 0;
  return [
    seg(begin > 0 ? `…${text.slice(begin, from)}` : text.slice(0, from), tone),
    { text: text.slice(from, Math.max(to, from + 1)), tone: 'accent', inverse: true },
    seg(cut(text.slice(Math.max(to, from + 1)), width), tone),
  ];
}

/** What the pane's edge says of what is shown. */
export function journalTitle(all: readonly JournalLine[], view: JournalView): string {
  const filter = filterText(view.filter);
  const shown = filter === '' ? 'all nodes' : filter;
  const search = view.search === '' ? '' : ` · search ${view.search}`;
  if (view.at === undefined) return `Journal · ${shown}${search} · following`;
  const { rows } = journalRows(all, view.filter);
  const place = rows.length === 0 ? '' : ` ${cursorOf(rows, view, all) + 1}/${rows.length}`;
  return `Journal · ${shown}${search} · still${place}`;
}

interface Counted {
  readonly symptoms: readonly string[];
  readonly errors: number;
}

const counted = new WeakMap<readonly JournalLine[], Counted>();

/** Made once for the same lines: pane, footer and keys ask for it in the same moment. */
function countsOf(all: readonly JournalLine[]): Counted {
  const known = counted.get(all);
  if (known !== undefined) return known;
  const seen = new Set<string>();
  let errors = 0;
  for (let index = all.length - 1; index >= 0; index--) {
    const line = all[index];
    if (line?.severity === 'error') errors += 1;
    for (const id of line?.symptoms ?? []) seen.add(id);
  }
  const counts = { symptoms: [...seen], errors };
  counted.set(all, counts);
  return counts;
}

/** Distinct symptoms in the journal, the latest first. */
export const symptomsSeen = (all: readonly JournalLine[]): readonly string[] => countsOf(all).symptoms;

export function journalCounts(all: readonly JournalLine[]): string {
  const { symptoms, errors } = countsOf(all);
  const known = symptoms.length;
  const text = known === 0 ? 'no known symptom' : `${known} known symptom${known === 1 ? '' : 's'}: i`;
  return `${text} · ${errors === 0 ? 'no errors' : `${errors} errors`}`;
}

/** One line of the journal as text, for copying and saving. */
export const plainLine = (line: JournalLine): string =>
  `${new Date(line.at).toISOString()} ${line.host} ${line.unit} ${line.severity} ${line.text}`;
