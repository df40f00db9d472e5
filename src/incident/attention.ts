import type { Command } from './command.js';
import type { Effect } from './step.js';

/** Why a run does not go on by itself, as the runner says it and the screen shows it. */
export type Attention =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'gate';
      readonly gate: string;
      /** What the gate shows, once it was opened. */
      readonly open?: GateView;
      /** Its facts are being asked just now. */
      readonly checking: boolean;
    }
  | {
      readonly kind: 'trouble';
      readonly step: string;
      readonly host: string;
      readonly why: 'failed' | 'doubt' | 'late';
    };

/** A gate's check as it is shown and compared: the verdict and what was seen, nothing that ages. */
export interface CheckedFact {
  readonly title: string;
  readonly host: string;
  readonly ok: boolean;
  readonly text: string;
}

export interface Approval {
  /** Said to the second person, who answers with a code. */
  readonly challenge: string;
  /** Whose code may open it. */
  readonly asked: readonly string[];
  readonly by?: string;
  /** Why it goes on without one. */
  readonly without?: string;
}

/** It waits for the second person. */
export const needsApproval = (gate: GateView | undefined): boolean =>
  gate?.approval !== undefined && gate.approval.by === undefined && gate.approval.without === undefined;

/** Everything a gate shows: what, where, with which words, and what was checked just now. */
export interface GateView {
  readonly id: string;
  readonly title: string;
  readonly effect: Effect;
  /** What has to be typed letter by letter; undefined: one confirming key. */
  readonly typed?: string;
  readonly hosts: readonly string[];
  readonly steps: readonly { readonly title: string; readonly hosts: readonly string[] }[];
  readonly does: string;
  readonly loses: string;
  /** What is lost by name; empty where nothing is or it is not known. */
  readonly losses: readonly string[];
  readonly keeps: string;
  readonly undo: string;
  readonly commands: readonly { readonly host: string; readonly command: Command }[];
  /** A second person is needed: what they are told, and what became of it. */
  readonly approval?: Approval;
  readonly facts: readonly CheckedFact[];
  /** Facts that differ from those shown before, so the gate was opened again. */
  readonly changed: readonly string[];
}

/** How far something long is. */
export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly bytesPerSecond: number;
  readonly secondsLeft?: number;
}
