import { type GateView, needsApproval } from '../../src/incident/attention.js';

/**
 * What keys mean at a gate, as a pure reducer. A gate is answered deliberately or not at all: nothing typed before it has been
 * on screen for half a second counts, nothing pasted, no two characters at once, and the key that opened it never confirms it.
 */
export interface GateInput {
  readonly typed: string;
  readonly commands: boolean;
  readonly scroll: number;
  readonly remark: string | undefined;
  /** Milliseconds since the epoch when what is shown now came on screen. */
  readonly shownAt: number;
}

export const DEAD_TIME_MS = 500;

/** A little more than the longest name the inventory allows (40), so that one letter too many shows as wrong instead of being dropped. */
const LONGEST_NAME = 48;

export const freshGate = (now: number, remark?: string): GateInput => ({
  typed: '',
  commands: false,
  scroll: 0,
  remark,
  shownAt: now,
});

export type GateStep = { readonly input: GateInput; readonly act?: 'confirm' | 'cancel' | 'code' | 'break-glass' };

/** @param press name of the key, or every character that came at once */
export function pressAtGate(state: GateInput, press: string, gate: GateView | undefined, now: number): GateStep {
  const stay = (change: Partial<GateInput>): GateStep => ({ input: { ...state, remark: undefined, ...change } });
  if (press === 'escape') return { input: state, act: 'cancel' };
  if (gate === undefined) return { input: state };
  if (press === 'tab') return stay({ commands: !state.commands, scroll: 0 });
  if (press === 'down' || press === 'pagedown') return stay({ scroll: state.scroll + (press === 'down' ? 1 : 10) });
  if (press === 'up' || press === 'pageup')
    return stay({ scroll: Math.max(0, state.scroll - (press === 'up' ? 1 : 10)) });
  if (now - state.shownAt < DEAD_TIME_MS) return stay({ remark: 'Too soon: read it first. Nothing was taken.' });
  if (gate.facts.some((fact) => !fact.ok)) return { input: state };
  // Nothing is typed before the second person has been asked, so letters are free.
  if (needsApproval(gate)) {
    if (press === 'c') return { input: state, act: 'code' };
    return press === 'b' ? { input: state, act: 'break-glass' } : { input: state };
  }
  if (gate.typed === undefined) return press === 'y' ? { input: state, act: 'confirm' } : { input: state };
  if (press === 'backspace') return stay({ typed: state.typed.slice(0, -1) });
  if (press === 'return') {
    if (state.typed === gate.typed) return { input: state, act: 'confirm' };
    return stay({
      typed: '',
      remark: state.typed === '' ? `Type ${gate.typed} first.` : `That was not ${gate.typed}. Nothing was done.`,
    });
  }
  if (press.length === 1 && press >= ' ' && press <= '~')
    return stay({ typed: (state.typed + press).slice(0, LONGEST_NAME) });
  return press.length > 1 && !/^(ctrl-.|left|right|home|end|shift-tab)$/.test(press)
    ? refusedPaste(state)
    : { input: state };
}

/** Pasted text, or characters that came too fast to be typed. */
export const refusedPaste = (state: GateInput): GateStep => ({
  input: { ...state, typed: '', remark: 'Pasted text is refused here: type it letter by letter.' },
});
