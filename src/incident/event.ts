import type { Holder, Without } from './acting.js';
import type { Cluster } from './cluster.js';
import type { Command } from './command.js';
import type { HostFacts } from './facts.js';
import type { Json, JsonObject } from './json.js';
import type { ChoiceKey } from './step.js';
import type { VerificationRow } from './verification.js';

/**
 * Everything that happens to an incident. The record keeps these, the fold makes the state of them.
 * A type unknown to this program (a newer one wrote it) is kept and shown, never a reason to refuse a record.
 */
export interface Stamp {
  /** Position in the run, from 1. */
  readonly seq: number;
  /** UTC, ISO 8601 with milliseconds. */
  readonly at: string;
  /** Monotonic milliseconds of the process that wrote it. */
  readonly mono: number;
}

/** A command as it is kept: argument list as sent, secrets never in it. */
export interface CommandText {
  readonly kind: 'exec' | 'put' | 'task';
  readonly host: string;
  /** For people: the argument list, or what is put where. */
  readonly argv: readonly string[];
  readonly root: boolean;
  readonly again: 'harmless' | 'never';
}

/** Why a step or a question cannot go on, as the operator reads it. */
export interface Trouble {
  readonly what: string;
  readonly left?: string;
  readonly next: string;
  readonly lookup?: readonly string[];
  /** The scenario that has to go on from here. */
  readonly handOver?: string;
  /** A choice that gets round it, taken with one key. */
  readonly offer?: Offer;
}

/** What to choose instead, and what is known of it. */
export interface Offer {
  readonly key: ChoiceKey;
  readonly value: string;
  readonly because: string;
}

export type Outcome = 'done' | 'already' | 'failed' | 'skipped' | 'doubt' | 'undone';

export type Payload =
  | {
      readonly type: 'run-opened';
      readonly runId: string;
      readonly cluster: Cluster;
      readonly operator: string;
      readonly machine: string;
      readonly version: string;
      readonly mode: 'live' | 'drill';
    }
  | {
      readonly type: 'run-resumed';
      readonly operator: string;
      readonly machine: string;
      readonly version: string;
      /** From the journal on the servers, which may end before the record that was lost. */
      readonly tookOver?: boolean;
    }
  | { readonly type: 'scenario-chosen'; readonly scenario: string }
  | {
      readonly type: 'chosen';
      readonly key: ChoiceKey;
      readonly value: string;
      /** By what was seen, not by a person. */
      readonly suggested?: boolean;
    }
  | { readonly type: 'attested'; readonly host: string; readonly words: string; readonly as: 'off' | 'left-out' }
  /** A host that was attested to be off or left out answers again: it takes part from here on. */
  | { readonly type: 'host-came-back'; readonly host: string }
  | { readonly type: 'host-seen'; readonly host: string; readonly facts: HostFacts }
  | { readonly type: 'ticked'; readonly item: string; readonly how: 'seen' | 'word'; readonly evidence: string }
  | { readonly type: 'plan-begun' }
  | { readonly type: 'paused'; readonly on: boolean }
  | {
      readonly type: 'step-begun';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      /** It stands behind a gate. */
      readonly gated: boolean;
      /** What the step remembers of the time before it; the first attempt's counts. */
      readonly learned: JsonObject;
    }
  /** What an attempt sends, fixed before its first command: facts may change while it is under way, its commands may not. */
  | {
      readonly type: 'commands-fixed';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      readonly commands: readonly Command[];
    }
  | {
      readonly type: 'asked';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      readonly answer: 'yes' | 'no' | 'failed' | 'unknown';
      readonly evidence: readonly string[];
    }
  | {
      readonly type: 'gate-shown';
      readonly gate: string;
      readonly typed: string | null;
      readonly facts: readonly string[];
    }
  | {
      readonly type: 'gate-answered';
      readonly gate: string;
      readonly answer: 'confirmed' | 'cancelled' | 'changed';
      /** Hosts that were shown and confirmed; one that comes later needs the gate again. */
      readonly hosts: readonly string[];
      readonly facts: readonly string[];
    }
  /** About to be sent: it stands on the servers first. Our own record knows whether it was; who takes over must count it as sent. */
  | {
      readonly type: 'announced';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      readonly index: number;
      readonly command: CommandText;
    }
  | {
      readonly type: 'sent';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      readonly index: number;
      readonly command: CommandText;
    }
  | {
      readonly type: 'returned';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      readonly index: number;
      readonly ok: boolean;
      readonly code: number | null;
      readonly ms: number;
      readonly digest: string;
      readonly excerpt: string;
      readonly doubt: boolean;
      readonly result?: Json;
    }
  | {
      readonly type: 'step-ended';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      readonly outcome: Outcome;
      readonly evidence: readonly string[];
      readonly learned: JsonObject;
      readonly trouble?: Trouble;
    }
  | {
      readonly type: 'deadline';
      readonly step: string;
      readonly host: string;
      readonly attempt: number;
      readonly waitedMs: number;
    }
  | {
      readonly type: 'answered';
      readonly step: string;
      readonly host: string;
      readonly choice: 'wait' | 'give-up' | 'retry' | 'look-again';
    }
  | { readonly type: 'step-skipped'; readonly step: string; readonly host: string; readonly reason: string }
  | { readonly type: 'undo-begun'; readonly reason: string }
  /** This console has the right to act: the lock stands on these servers. `from`: whose it was, where a person broke it. */
  | {
      readonly type: 'lock-taken';
      readonly on: readonly string[];
      readonly without: readonly Without[];
      readonly from?: Pick<Holder, 'operator' | 'machine' | 'run' | 'lastSign'>;
    }
  | { readonly type: 'lock-lost'; readonly operator: string; readonly machine: string; readonly run: string }
  /** Where journal and papers of this run stand, when that changes. */
  | { readonly type: 'papers-kept'; readonly on: readonly string[]; readonly without: readonly Without[] }
  /** A second person consented to what a gate showed, or it goes on without one, for a reason. */
  | {
      readonly type: 'approved';
      readonly gate: string;
      readonly challenge: string;
      readonly by: string | null;
      readonly without: string | null;
    }
  | { readonly type: 'note'; readonly text: string }
  /** The verification was run; its rows replace those of an earlier one. */
  | { readonly type: 'verified'; readonly rows: readonly VerificationRow[] }
  | {
      readonly type: 'run-ended';
      readonly outcome: 'recovered' | 'undone' | 'stopped' | 'failed';
      readonly summary: string;
    };

export type IncidentEvent = Stamp & Payload;

/** What a program that does not know the type sees. */
export type AnyEvent = IncidentEvent | (Stamp & { readonly type: string });
