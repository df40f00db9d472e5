import { findStep } from '../../src/incident/plan.js';
import { cellKey } from '../../src/incident/state.js';
import { HERE } from '../../src/incident/step.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled, line, seg, wrap } from '../line.js';
import { clockSpan } from '../words.js';

/** One choice at a failure, safest first. */
export interface TroubleChoice {
  readonly key: string;
  readonly label: string;
  readonly because: string;
}

/** What failed, what it left behind, and the choices: never a bare exit code. */
export const troubleLines = (state: ConsoleState, width: number): Line[] => [
  ...troubleFacts(state, width),
  ...choiceLines(state, width),
];

/** What failed, what it left behind, and what to do next. */
export function troubleFacts(state: ConsoleState, width: number): Line[] {
  const { attention, incident, scenario } = state;
  if (attention.kind !== 'trouble' || incident === undefined)
    return [line(seg('Nothing needs a decision now.', 'dim'))];
  const cell = incident.cells[cellKey(attention.step, attention.host)];
  const step = scenario === undefined ? undefined : findStep(scenario, attention.step);
  const waited = cell?.deadlineFrom === undefined ? '' : clockSpan(state.now - cell.deadlineFrom);
  const what =
    attention.why === 'late'
      ? `${step?.title ?? attention.step} takes longer than usual: ${waited}, expected ${clockSpan(step?.expectMs ?? 0)}. Nothing was stopped.`
      : (cell?.trouble?.what ?? `${step?.title ?? attention.step} ${attention.why}`);
  return [
    ...labelled(
      'step',
      `${step?.title ?? attention.step}${attention.host === HERE ? '' : ` on ${attention.host}`}`,
      width,
      9,
      'strong',
    ),
    ...labelled(
      attention.why === 'late' ? 'late' : attention.why === 'doubt' ? 'in doubt' : 'failed',
      what,
      width,
      9,
      attention.why === 'late' ? 'warn' : 'bad',
    ),
    ...(cell?.trouble?.left === undefined ? [] : labelled('left', cell.trouble.left, width, 9)),
    ...(cell?.trouble === undefined ? [] : labelled('next', cell.trouble.next, width, 9, 'accent')),
    ...(cell?.evidence ?? [])
      .filter((text) => text !== what)
      .slice(0, 6)
      .flatMap((text, index) => labelled(index === 0 ? 'seen' : '', text, width, 9, 'dim')),
    [],
    ...(cell?.trouble?.lookup === undefined || cell.trouble.lookup.length === 0
      ? []
      : [line(seg(' i  ', 'accent'), seg('explain'.padEnd(12)), seg('what is known of this', 'dim'))]),
    line(seg(' C  ', 'accent'), seg('call'.padEnd(12)), seg('whom to call, and what to tell them', 'dim')),
  ];
}

/** The choices, safest first, each with its letter. */
const choiceLines = (state: ConsoleState, width: number): Line[] =>
  troubleChoices(state).flatMap((choice) => {
    const [first = '', ...rest] = wrap(choice.because, Math.max(20, width - 16));
    return [
      line(seg(` ${choice.key}  `, 'accent'), seg(choice.label.padEnd(12)), seg(first, 'dim')),
      ...rest.map((text) => line(seg(' '.repeat(16)), seg(text, 'dim'))),
    ];
  });

export function troubleChoices(state: ConsoleState): TroubleChoice[] {
  const { attention, incident, scenario } = state;
  if (attention.kind !== 'trouble' || incident === undefined) return [];
  const step = scenario === undefined ? undefined : findStep(scenario, attention.step);
  const look: TroubleChoice = { key: 'l', label: 'look', because: 'at the journal; nothing changes' };
  const undo: TroubleChoice = { key: 'u', label: 'undo', because: 'put back what this run has changed, behind a gate' };
  const skip: TroubleChoice[] =
    step?.skippable === undefined ? [] : [{ key: 's', label: 'skip', because: step.skippable }];
  const stop: TroubleChoice = {
    key: 'x',
    label: 'stop here',
    because: 'leave everything as it is now; the report says what is next',
  };
  if (attention.why === 'late') {
    return [
      { key: 'w', label: 'go on waiting', because: 'it may still come' },
      look,
      { key: 'g', label: 'give up', because: 'the step counts as failed; nothing is killed' },
      ...skip,
      stop,
    ];
  }
  const again: TroubleChoice[] =
    attention.why === 'doubt'
      ? [
          { key: 'a', label: 'look again', because: 'asks the host once more, sends nothing' },
          { key: 'r', label: 'retry', because: 'a new attempt' },
        ]
      : [
          {
            key: 'r',
            label: 'retry',
            because:
              step?.effect === 'destroy'
                ? 'a new attempt, behind its gate again'
                : 'safe to repeat; asks first whether it is done',
          },
        ];
  const trouble = incident.cells[cellKey(attention.step, attention.host)]?.trouble;
  const over: TroubleChoice[] =
    trouble?.handOver === undefined
      ? []
      : [
          {
            key: 'h',
            label: 'go on',
            because: `as ${trouble.handOver}, in this run: what is stopped, held and saved stays`,
          },
        ];
  const choose: TroubleChoice[] =
    step?.dependsOn?.includes('primary') === true
      ? [{ key: 'p', label: 'server', because: 'choose another one: the steps made from it are done again' }]
      : [];
  if (trouble?.offer !== undefined)
    again.unshift({ key: 'n', label: 'next best', because: `${trouble.offer.value}: ${trouble.offer.because}` });
  // Before the plan began nothing was changed: there is nothing to undo or to stop.
  return incident.begun
    ? [look, ...over, ...choose, ...again, undo, ...skip, stop]
    : [look, ...choose, ...again, ...skip];
}
