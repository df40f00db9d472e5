import type { Cluster } from './cluster.js';
import type { Answer, Command, ExecCommand, TaskCommand } from './command.js';
import type { HostFacts } from './facts.js';
import type { Json, JsonObject } from './json.js';

/** Where a step acts when it acts on no host: this machine. */
export const HERE = 'here';

export type Effect = 'observe' | 'change' | 'destroy';

/**
 * yes: the postcondition holds. no: not (yet). failed: it cannot come true any more.
 * unknown: nobody can tell; that never leads to running.
 */
export type Judgement = {
  readonly answer: 'yes' | 'no' | 'failed' | 'unknown';
  /** What was seen, in short sentences. */
  readonly evidence: readonly string[];
  /** Facts for later steps and for undo. */
  readonly learned?: JsonObject;
  /** With `no`: it is under way, so a command in doubt did run. */
  readonly underWay?: boolean;
  /** With `failed` or `unknown`: what the operator should know of it. */
  readonly left?: string;
  readonly next?: string;
  /** Entries of the catalogue that explain a failure. */
  readonly lookup?: readonly string[];
  /** With `failed`: the scenario that has to go on from here. */
  readonly handOver?: string;
};

/** A question as data: what to ask and a pure judge of the answers. */
export interface Question {
  ask(context: StepContext): readonly (ExecCommand | TaskCommand)[];
  judge(answers: readonly Answer[], context: StepContext): Judgement;
}

/** What steps are made from: pure data, the same in preview, run and resume. */
export interface StepContext {
  readonly runId: string;
  readonly cluster: Cluster;
  /** The host this is about, or {@link HERE}. */
  readonly host: string;
  /** The number of this try, from 1. */
  readonly attempt: number;
  readonly choices: Choices;
  facts(host: string): HostFacts;
  /** What a step learned on a host. Before it is known: a placeholder in a preview, an error in a run. */
  learned(step: string, key: string, host?: string): Json;
  /** The same, undefined when not known. */
  known(step: string, key: string, host?: string): Json | undefined;
  /** When a step ended on a host, seconds since the epoch of that record. */
  endedAt(step: string, host?: string): number | undefined;
}

export type ChoiceKey = 'primary' | 'snapshot' | 'target' | 'way' | 'gone';

export interface Choices {
  readonly primary?: string;
  /** Name of the backup, as the catalogue has it. */
  readonly snapshot?: string;
  /** The server that is to be repaired, replaced or taken out. */
  readonly target?: string;
  /** How the target is dealt with. */
  readonly way?: string;
  /** What becomes of Nodes without a host: `delete`, or they are kept. */
  readonly gone?: string;
  /** Choices that nobody made by hand: they follow what is seen, until somebody chooses or something was done with them. */
  readonly suggested?: readonly ChoiceKey[];
  /** Servers that do not answer and that the operator attested to be off, or that are left out with a reason. */
  readonly fenced: readonly string[];
  /** Agents that do not answer and are left out. */
  readonly left: readonly string[];
}

export type Order = 'together' | 'one-by-one' | { readonly batches: number };

export type When =
  | { readonly run: 'yes' }
  | { readonly run: 'no'; readonly because: string }
  | { readonly run: 'not-known-yet'; readonly because: string };

export interface UndoPlan {
  readonly title: string;
  /** What exactly is put back, named at the gate: which of several databases, from where. */
  names?(context: StepContext): string;
  readonly effect: Effect;
  run(context: StepContext): readonly Command[];
  readonly done: Question;
}

export type Undo = { readonly none: string } | UndoPlan;

export interface Milestone {
  readonly title: string;
  readonly pattern: RegExp;
}

export interface Step {
  readonly id: string;
  readonly title: string;
  /** The line of the paper runbook it carries out. */
  readonly runbook: string;
  readonly effect: Effect;
  readonly why: string;
  /** Gate it stands behind; consecutive steps of one decision name the same one. Observing needs none. */
  readonly gate?: string;
  when?(context: StepContext): When;
  readonly done: Question;
  /** Absent: the step waits for its postcondition. */
  run?(context: StepContext): readonly Command[];
  /** Facts as they are before the first attempt changes them, for later steps and undo. */
  remembers?(context: StepContext): JsonObject;
  /** The postcondition must hold this long without a break, milliseconds. */
  readonly steadyMs?: number;
  readonly pollMs: number;
  /** What it usually takes, milliseconds. */
  readonly expectMs: number;
  /** After this long the operator is asked; nothing is killed. */
  readonly withinMs: number;
  /** Must stay true until one of these steps is begun on the same host; asked again at every gate before that. */
  readonly holdsUntil?: readonly string[];
  readonly undo: Undo;
  /** Choices it was made from: when one changes, this step is to be done again. */
  readonly dependsOn?: readonly ChoiceKey[];
  /** Choices that cannot change any more once something was sent by this step and not undone. */
  readonly fixes?: readonly ChoiceKey[];
  /** It judges all hosts together: when one comes back that was left out, it is judged anew. */
  readonly judgesAll?: boolean;
  /** An observing step that may begin in the background as soon as its inputs are known. */
  readonly early?: boolean;
  readonly milestones?: readonly Milestone[];
  readonly lookup: readonly string[];
  /** Why it can be skipped, or undefined when it cannot. */
  readonly skippable?: string;
}

export interface GateSpec {
  readonly id: string;
  readonly title: string;
  /** What is typed: the host's name, the cluster's, or nothing (one confirming key) for a change. */
  typed(context: StepContext): string | undefined;
  does(context: StepContext): string;
  loses(context: StepContext): string;
  /** What is lost by name, below everything else. */
  losses?(context: StepContext): readonly string[];
  keeps(context: StepContext): string;
  readonly undo: string;
  /** What must be true, and unchanged, when it is confirmed. Evidence must not carry ages or latencies. */
  checks?(context: StepContext): readonly GateCheck[];
}

export interface GateCheck {
  readonly title: string;
  readonly host: string;
  readonly question: Question;
}

/** The only loop: its steps over hosts together (a barrier after each step), one by one (all steps for one host, then the next), or in batches. */
export interface Phase {
  readonly id: string;
  readonly title: string;
  hosts(context: StepContext): readonly string[];
  order(context: StepContext): Order;
  readonly steps: readonly Step[];
  /** An earlier phase that it may run beside: it begins when that one may begin, and what comes after both waits for both. */
  readonly beside?: string;
}

/** A choice of the operator, in words. */
export interface Asked {
  readonly key: ChoiceKey;
  /** One key of the keyboard. */
  readonly press: string;
  readonly title: string;
  /** What stands before its value; by default a word for the key. */
  readonly label?: string;
  /** The plan goes on without it; it can be chosen while the plan runs, as soon as there are options. */
  readonly optional?: true;
  options(context: StepContext): readonly { readonly value: string; readonly says: string }[];
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** Said to the operator where it is chosen. */
  readonly when: string;
  readonly phases: readonly Phase[];
  readonly gates: readonly GateSpec[];
  /** The step after whose beginning undo no longer reaches back. */
  readonly pointOfNoReturn: string;
  /** What still has to be chosen or attested before the plan can begin, as sentences. */
  missing(context: StepContext): readonly string[];
  /** Whether it restores a backup, which then has to be chosen and proven; or only compares with one. */
  readonly backup: 'restored' | 'compared' | 'unused';
  /** Items of the pre-restore checklist that must be met before it begins; all of them where it is not said. */
  readonly checklist?: readonly string[];
  /** What the operator chooses besides the backup, with what there is to choose from. */
  readonly asks: readonly Asked[];
  /** What one would choose, from what is seen; made again after every event, and never over a choice made by hand. */
  suggests?(context: StepContext): Partial<Record<ChoiceKey, string>>;
  /** A scenario that can go on from here inside the same run, with holds, copies and undo kept, until this step has been sent. */
  readonly handsOver?: { readonly to: string; readonly until: string };
}
