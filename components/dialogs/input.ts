import type { GateView } from '../../src/incident/attention.js';
import { freshGate, type GateInput } from './gate-input.js';

/** What is being typed into the dialog on top; nothing of it outlives the dialog. */
export interface DialogInput {
  readonly gate: GateInput;
  /** Which gate is drawn: the store may be ahead of the screen, and what nobody has seen cannot be answered. */
  readonly drawn: string | undefined;
  /** Free words: a reason, a search, an attestation, a secret. */
  readonly text: string;
  readonly cursor: number;
  readonly scroll: number;
  readonly remark: string | undefined;
}

/** Tells one showing of a gate from another: what it asks to be typed, what it is about, what was checked. */
export const gateKey = (gate: GateView | undefined): string | undefined =>
  gate && JSON.stringify([gate.id, gate.typed, gate.hosts, gate.facts, gate.changed, gate.approval]);

export const freshDialogInput = (now: number, gate?: GateView): DialogInput => ({
  gate: freshGate(
    now,
    gate === undefined || gate.changed.length === 0 ? undefined : 'Something changed since you read it. Read it again.',
  ),
  drawn: gateKey(gate),
  text: '',
  cursor: 0,
  scroll: 0,
  remark: undefined,
});
