import { createStore, type StoreApi } from 'zustand/vanilla';
import type { Vacancy } from '../incident/acting.js';
import type { Attention, Progress } from '../incident/attention.js';
import type { Cluster } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';
import type { UnknownKey } from '../incident/host-key.js';
import type { JournalLine, SymptomEntry } from '../incident/journal.js';
import type { PlannedPhase } from '../incident/plan.js';
import type { IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';
import { appendLines } from './journal-ring.js';

/** The read model the screen draws from. It sends nothing and knows no host. */

export interface LiveHost {
  readonly facts: HostFacts;
  /** When it was looked at, milliseconds since the epoch. */
  readonly seenAt: number;
  /** When a fact that matters last changed, milliseconds since the epoch. */
  readonly changedAt: number;
}

export interface ScenarioOption {
  readonly id: string;
  readonly title: string;
  readonly when: string;
  /** Why it does not fit now, or undefined. */
  readonly against?: string;
  readonly recommended: boolean;
  /** What it would lose, where that is known. */
  readonly loses?: string;
}

export interface TriageView {
  /** One status word for the header, e.g. `QUORUM LOST`. */
  readonly word: string;
  readonly healthy: boolean;
  readonly evidence: readonly string[];
  /** What nobody knows yet. */
  readonly unknown: readonly string[];
  /** What to do where no scenario is needed, or before one is chosen. */
  readonly advice?: string;
  readonly options: readonly ScenarioOption[];
}

export interface BackupRow {
  readonly name: string;
  /** `daily`, `weekly`, `k3s`, `local`, … */
  readonly kind: string;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  readonly bytes: number;
  readonly source: string;
  /** Gap in the schedule, size that stands out: said in a few words. */
  readonly remark?: string;
}

export type BackupsView =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly what: string; readonly next: string }
  | { readonly state: 'listed'; readonly rows: readonly BackupRow[]; readonly remarks: readonly string[] };

export interface ChecklistRow {
  readonly id: string;
  readonly title: string;
  readonly status: 'met' | 'unmet' | 'checking' | 'word-needed';
  /** Seen by a probe, or the operator's word. */
  readonly how: 'seen' | 'word';
  readonly evidence: string;
  /** When the evidence was seen, milliseconds since the epoch. */
  readonly at?: number;
}

export interface MaintenanceRow {
  readonly id: string;
  readonly title: string;
  readonly every: 'weekly' | 'monthly' | 'quarterly';
  readonly state: 'done' | 'overdue' | 'wrong';
  readonly last: { readonly at: number; readonly by: string; readonly words: string } | undefined;
  /** What is seen of it now. */
  readonly seen: string | undefined;
  readonly how: string;
}

export interface SecretQuestion {
  readonly id: string;
  readonly text: string;
}

/** Where a replay stands. */
export interface ReplayView {
  readonly playing: boolean;
  readonly speed: number;
  /** Position in the record, from 1, and how many entries there are. */
  readonly at: number;
  readonly of: number;
  /** The entry it stands at, in a few words. */
  readonly event: string;
}

export interface ConsoleState {
  readonly cluster: Cluster;
  readonly mode: 'LIVE' | 'DRILL' | 'OBSERVE' | 'REPLAY';
  /** When this console was opened, milliseconds since the epoch. */
  readonly openedAt: number;
  /** Shared clock tick, milliseconds since the epoch; moves once a second. */
  readonly now: number;
  readonly incident: IncidentState | undefined;
  readonly scenario: Scenario | undefined;
  readonly plan: readonly PlannedPhase[];
  /** What still has to be chosen or attested before the plan can begin. */
  readonly missing: readonly string[];
  readonly attention: Attention;
  /** By `step@host`. */
  readonly progress: ReadonlyMap<string, Progress>;
  readonly live: Readonly<Record<string, LiveHost>>;
  readonly triage: TriageView;
  readonly backups: BackupsView;
  readonly checklist: readonly ChecklistRow[];
  /** The maintenance lists; empty for a practice cluster. */
  readonly maintenance: readonly MaintenanceRow[];
  /** The verification is being run just now; what it found is in the incident. */
  readonly verifying: boolean;
  readonly journal: readonly JournalLine[];
  /** Usual seconds of the scenario's steps, from drills on this machine; empty without any. */
  readonly estimates: ReadonlyMap<string, number>;
  /** The catalogue by id. */
  readonly entries: ReadonlyMap<string, SymptomEntry>;
  readonly unknownKeys: readonly UnknownKey[];
  readonly secretQuestion: SecretQuestion | undefined;
  /** Something about the record or the program the operator must know; shown in the header. */
  readonly warning: string | undefined;
  /** Why this console only looks although it could act: who acts instead. */
  readonly observing: string | undefined;
  /** Set where nobody acts any more and this console can go on in their place. */
  readonly vacant: Vacancy | undefined;
  /** Set when another operator's run was found unfinished and resumed. */
  readonly resumed: string | undefined;
  /** Entries of the record, and the hash of the last: whoever wrote it down sees later whether anything was changed. */
  readonly chain: { readonly events: number; readonly head: string } | undefined;
  /** Set where a record is shown, not a cluster. */
  readonly replay: ReplayView | undefined;
}

export type ConsoleStore = StoreApi<ConsoleState>;

export function createConsoleStore(cluster: Cluster, mode: ConsoleState['mode'], now: number): ConsoleStore {
  return createStore<ConsoleState>(() => ({
    cluster,
    mode,
    openedAt: now,
    now,
    incident: undefined,
    scenario: undefined,
    plan: [],
    missing: [],
    attention: { kind: 'none' },
    progress: new Map(),
    live: {},
    triage: { word: 'LOOKING', healthy: false, evidence: [], unknown: [], options: [] },
    backups: { state: 'loading' },
    checklist: [],
    maintenance: [],
    verifying: false,
    journal: [],
    estimates: new Map(),
    entries: new Map(),
    unknownKeys: [],
    secretQuestion: undefined,
    warning: undefined,
    observing: undefined,
    vacant: undefined,
    resumed: undefined,
    chain: undefined,
    replay: undefined,
  }));
}

/** Adds journal lines in one redraw. */
export function addJournal(store: ConsoleStore, lines: readonly JournalLine[]): void {
  if (lines.length > 0) store.setState((state) => ({ journal: appendLines(state.journal, lines) }));
}

/** Notes a look at a host. */
export function noteLook(store: ConsoleStore, host: string, facts: HostFacts, changed: boolean, now: number): void {
  store.setState((state) => ({
    live: {
      ...state.live,
      [host]: { facts, seenAt: now, changedAt: changed ? now : (state.live[host]?.changedAt ?? now) },
    },
  }));
}
