import { contextOf } from '../../src/incident/state.js';
import { type Asked, type ChoiceKey, HERE } from '../../src/incident/step.js';
import type { ConsoleState } from '../../src/store/store.js';
import { exactly, type Line, line, pad, seg, wrap } from '../line.js';

/** One of the choices a scenario asks for: what there is, each with what is known of it. */

export interface Option {
  readonly value: string;
  readonly says: string;
}

export const askedNow = (state: ConsoleState): readonly Asked[] => state.scenario?.asks ?? [];

export function choiceOptions(state: ConsoleState, key: ChoiceKey): { title: string; options: readonly Option[] } {
  const asked = askedNow(state).find((one) => one.key === key);
  if (asked === undefined || state.incident === undefined) return { title: 'Nothing to choose', options: [] };
  return { title: asked.title, options: asked.options(contextOf(state.incident, HERE, 1, true)) };
}

const NAME = 18;

export function optionLines(options: readonly Option[], cursor: number, width: number): Line[] {
  const rows = options.flatMap((option, index) => {
    const [first = '', ...rest] = wrap(option.says, Math.max(10, width - NAME - 2));
    const head: Line = [seg(pad(option.value, NAME), 'strong'), seg(first, 'dim')];
    const shown = index === cursor ? exactly(head, width).map((one) => ({ ...one, inverse: true })) : head;
    return [shown, ...rest.map((text) => line(seg(' '.repeat(NAME)), seg(text, 'dim')))];
  });
  return [
    ...rows,
    [],
    line(seg(options.length === 0 ? 'nothing to choose from · esc back' : 'enter chooses · esc back', 'dim')),
  ];
}
