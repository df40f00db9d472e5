import { freshGate, type GateInput } from './gate-input.js';

/** What is being typed into the dialog on top; nothing of it outlives the dialog. */
export interface DialogInput {
  readonly gate: GateInput;
  /** Free words: a reason, a search, an attestation, a secret. */
  readonly text: string;
  readonly cursor: number;
  readonly scroll: number;
  readonly remark: string | undefined;
}

export const freshDialogInput = (now: number): DialogInput => ({
  gate: freshGate(now),
  text: '',
  cursor: 0,
  scroll: 0,
  remark: undefined,
});
