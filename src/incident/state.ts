import type { Without } from './acting.js';
import type { Cluster } from './cluster.js';
import type { Command } from './command.js';
import type { CommandText, Outcome, Trouble } from './event.js';
import { type HostFacts, unseen } from './facts.js';
import type { Json, JsonObject } from './json.js';
import { type Choices, HERE, type StepContext } from './step.js';
import type { Verification } from './verification.js';

/** A command of a cell and what became of it. `sent` without `returned` is in doubt for whoever comes after. */
export interface SentCommand {
  readonly index: number;
  readonly command: CommandText;
  readonly at: number;
  readonly returned?: {
    readonly ok: boolean;
    readonly code: number | null;
    readonly ms: number;
    readonly excerpt: string;
    /** The connection was lost before the exit code: it may have run. */
    readonly doubt: boolean;
    readonly result?: Json;
  };
}

export type CellStatus = 'waiting' | 'begun' | 'running' | Outcome;

/** One step on one host. */
export interface Cell {
  readonly step: string;
  readonly host: string;
  readonly attempt: number;
  readonly status: CellStatus;
  /** Milliseconds since the epoch. */
  readonly begunAt?: number;
  readonly endedAt?: number;
  /** What this attempt sends; undefined until its first command is about to be sent. */
  readonly commands?: readonly Command[];
  readonly sent: readonly SentCommand[];
  /** About to be sent, and not known to be. */
  readonly announced?: SentCommand;
  readonly lastAnswer?: 'yes' | 'no' | 'failed' | 'unknown';
  /** It was asked before running and the answer was no: it may run. */
  readonly clear: boolean;
  readonly evidence: readonly string[];
  readonly learned: JsonObject;
  readonly trouble?: Trouble;
  readonly skipReason?: string;
  /** It stands behind a gate: what passes before its first command is not its own time. */
  readonly gated: boolean;
  /** A deadline passed and waits for the operator. */
  readonly late: boolean;
  /** The deadline counts from here, milliseconds since the epoch; moves when the operator says wait. */
  readonly deadlineFrom?: number;
}

export interface GateState {
  readonly shownSeq: number;
  readonly confirmedSeq?: number;
  readonly confirmedAt?: number;
  /** Hosts it was confirmed for. */
  readonly hosts: readonly string[];
  readonly facts: readonly string[];
}

export interface CommandLine {
  readonly seq: number;
  readonly at: number;
  readonly step: string;
  /** Cell and position it belongs to. */
  readonly cell: string;
  readonly index: number;
  /** Where it was sent. */
  readonly host: string;
  readonly argv: readonly string[];
  readonly code?: number | null;
  readonly ms?: number;
}

export interface IncidentState {
  readonly runId: string;
  readonly cluster: Cluster;
  readonly mode: 'live' | 'drill';
  readonly operator: string;
  readonly machine: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
  readonly lastAt: number;
  readonly lastSeq: number;
  readonly scenario?: string;
  readonly choices: Choices;
  readonly attested: Readonly<
    Record<string, { readonly words: string; readonly as: 'off' | 'left-out'; readonly at: number }>
  >;
  readonly facts: Readonly<Record<string, HostFacts>>;
  readonly ticks: Readonly<
    Record<string, { readonly how: 'seen' | 'word'; readonly evidence: string; readonly at: number }>
  >;
  readonly begun: boolean;
  readonly begunAt?: number;
  readonly paused: boolean;
  readonly undoing?: { readonly reason: string; readonly at: number };
  readonly cells: Readonly<Record<string, Cell>>;
  readonly gates: Readonly<Record<string, GateState>>;
  /** Gates confirmed before this event are void: something failed, or another process or person took over. */
  readonly gatesVoidBefore: number;
  readonly commands: readonly CommandLine[];
  /** Servers that carry our lock, and those that could not; undefined before anything acted. */
  readonly lock?: { readonly on: readonly string[]; readonly without: readonly Without[] };
  /** Servers that carry journal and papers of this run. */
  readonly papers?: { readonly on: readonly string[]; readonly without: readonly Without[] };
  readonly resumes: number;
  /** The latest verification. */
  readonly verification?: Verification;
  /** Second persons' consent to gates, and gates opened without it. */
  readonly approvals: readonly {
    readonly gate: string;
    readonly by: string | null;
    readonly without: string | null;
    readonly at: number;
  }[];
  readonly notes: readonly { readonly at: number; readonly text: string }[];
  /** Events of types this program does not know. */
  readonly unknown: number;
  readonly ended?: {
    readonly outcome: 'recovered' | 'undone' | 'stopped' | 'failed';
    readonly summary: string;
    readonly at: number;
  };
}

/**
 * How long a step worked on a host, milliseconds: from its first command, since the time before a gate is the operator's; a step that
 * only waits or looks counts from its beginning. undefined while it has not begun to work.
 */
export function cellSpan(cell: Cell | undefined, now: number): number | undefined {
  if (cell === undefined) return undefined;
  const from =
    cell.sent.length > 0 ? Math.min(...cell.sent.map((one) => one.at)) : cell.gated ? undefined : cell.begunAt;
  return from === undefined ? undefined : Math.max(0, (cell.endedAt ?? now) - from);
}

export const cellKey = (step: string, host: string): string => `${step}@${host}`;

export const isSettled = (cell: Cell | undefined): boolean =>
  cell !== undefined && (cell.status === 'done' || cell.status === 'already' || cell.status === 'skipped');

/** A gate counts only for the hosts it showed, and only while nothing failed and nobody took over since it was confirmed. */
export function gateOpen(state: IncidentState, gate: string, host: string): boolean {
  const known = state.gates[gate];
  return known?.confirmedSeq !== undefined && known.confirmedSeq > state.gatesVoidBefore && known.hosts.includes(host);
}

/** Thrown when a run asks for something that no step has learned: a mistake in a scenario. */
export class NotLearned extends Error {}

/**
 * What a step is made from.
 * @param preview unknown facts become `<words>` instead of an error
 */
export function contextOf(state: IncidentState, host: string, attempt = 1, preview = false): StepContext {
  const known = (step: string, key: string, on = host): Json | undefined =>
    state.cells[cellKey(step, on)]?.learned[key] ??
    (on === HERE ? undefined : state.cells[cellKey(step, HERE)]?.learned[key]);
  return {
    runId: state.runId,
    cluster: state.cluster,
    host,
    attempt,
    choices: state.choices,
    facts: (name) => state.facts[name] ?? unseen,
    known,
    learned: (step, key, on) => {
      const value = known(step, key, on);
      if (value !== undefined) return value;
      if (preview) return `<${key}, from ${step}>`;
      throw new NotLearned(`step ${step} has not learned ${key} on ${on ?? host}`);
    },
    endedAt: (step, on = host) => {
      const at = state.cells[cellKey(step, on)]?.endedAt;
      return at === undefined ? undefined : Math.floor(at / 1000);
    },
  };
}
