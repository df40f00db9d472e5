import type { ConsoleState } from '../../src/store/store.js';
import type { ViewState } from '../../src/store/view.js';
import { overdueText } from '../dialogs/maintenance.js';
import { exactly, type Line, labelled, pad, seg } from '../line.js';
import { GLYPH } from '../symbols.js';

/** What fits: the scenarios with the evidence, the choices, and what is still missing. */
export function triageLines(state: ConsoleState, width: number, cursor: number, focused: boolean): Line[] {
  const { triage, incident, missing } = state;
  const chosen = incident?.scenario;
  const options = triage.options.flatMap((option, index): Line[] => {
    const word = option.recommended
      ? seg(`${GLYPH.done} recommended`, 'good')
      : option.against === undefined
        ? seg(triage.word === 'LOOKING' ? 'not known yet' : 'possible', 'dim')
        : seg(`${GLYPH.failed} not now`, 'warn');
    const mark = option.id === chosen ? GLYPH.running : ' ';
    const row = exactly(
      [
        seg(`${mark} ${index + 1}  `, 'accent'),
        seg(pad(option.title, 18), option.id === chosen ? 'accent' : 'strong'),
        word,
      ],
      width,
    );
    const marked =
      focused && option.id !== chosen && index === cursor ? row.map((one) => ({ ...one, inverse: true })) : row;
    const lost = option.loses === undefined || option.against !== undefined ? '' : ` Loses ${option.loses}.`;
    // Once one is chosen the others only keep their place: what is chosen and what is missing must be seen.
    if (chosen !== undefined && option.id !== chosen) return [marked];
    return [marked, ...labelled('', `${option.against ?? option.when}${lost}`, width, 5, 'dim')];
  });
  const why = [
    ...(triage.advice === undefined ? [] : labelled('do', triage.advice, width, 9, 'accent')),
    ...labelled('why', triage.evidence[0] ?? 'looking at the hosts', width, 9),
    ...triage.evidence.slice(1).flatMap((text) => labelled('', text, width, 9)),
    ...triage.unknown.flatMap((text, index) => labelled(index === 0 ? 'unknown' : '', text, width, 9, 'warn')),
  ];
  const open = missing.flatMap((text) => labelled('missing', text, width, 9, 'warn'));
  return [...options, ...choiceLines(state, width), ...open, [], ...why, ...overdue(state, width)];
}

const WORD = { primary: 'on', target: 'failed', way: 'way', snapshot: 'from', gone: 'nodes' } as const;

/** Only where nothing is on: at 03:00 it would be noise. */
function overdue(state: ConsoleState, width: number): Line[] {
  const text = state.triage.healthy ? overdueText(state) : undefined;
  return text === undefined ? [] : [[], ...labelled('upkeep', text, width, 9, 'warn')];
}

function choiceLines(state: ConsoleState, width: number): Line[] {
  const { incident, scenario } = state;
  if (incident?.scenario === undefined)
    return [
      [],
      ...labelled(
        '',
        state.triage.word === 'LOOKING'
          ? 'Hosts are still being looked at: a scenario can be chosen when they are known.'
          : 'Press enter on a scenario, or its number: that only chooses, nothing is changed.',
        width,
        0,
        'dim',
      ),
    ];
  const { choices } = incident;
  return [
    [],
    ...(scenario?.asks ?? [])
      .filter((one) => one.optional !== true)
      .flatMap(({ key, press, title, label = WORD[key] }) => {
        const value = choices[key];
        const by = choices.suggested?.includes(key) === true ? ' (suggested)' : '';
        return labelled(
          label,
          typeof value === 'string' ? `${value}${by}` : `not chosen: ${title.toLowerCase()} (${press})`,
          width,
          9,
          value === undefined ? 'warn' : 'plain',
        );
      }),
    ...(scenario?.backup === 'restored'
      ? labelled(
          'from',
          choices.snapshot ?? 'no backup chosen (b)',
          width,
          9,
          choices.snapshot === undefined ? 'warn' : 'plain',
        )
      : []),
    ...[...choices.fenced, ...choices.left].flatMap((host) =>
      labelled('without', `${host}: ${incident.attested[host]?.words ?? ''}`, width, 9, 'warn'),
    ),
  ];
}

/**
 * Where the cursor stands among the scenarios: on the chosen one, else on the one that fits, until somebody moves it. Made from what is drawn in
 * this very moment, so that enter never chooses what only came first.
 */
export function optionCursor(state: ConsoleState, view: ViewState): number {
  const { options } = state.triage;
  if (view.cursor.plan >= 0) return Math.min(view.cursor.plan, Math.max(0, options.length - 1));
  const chosen = options.findIndex((option) => option.id === state.incident?.scenario);
  const fits = options.findIndex((option) => option.recommended);
  const possible = options.findIndex((option) => option.against === undefined);
  return [chosen, fits, possible].find((at) => at >= 0) ?? 0;
}
