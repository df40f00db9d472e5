import type { Holder, Without } from '../incident/acting.js';
import type { Attention, GateView, Progress } from '../incident/attention.js';
import type { IncidentEvent, Payload, Trouble } from '../incident/event.js';
import { type HostFacts, knownToBeOn } from '../incident/facts.js';
import { fold } from '../incident/fold.js';
import { cellKey, contextOf, type IncidentState, isSettled } from '../incident/state.js';
import { type ChoiceKey, HERE, type Scenario, type Step } from '../incident/step.js';
import { undoScenario } from '../incident/undo.js';
import type { VerificationRow } from '../incident/verification.js';
import {
  answerRefused,
  askedOtherwise,
  judgedAnew,
  lockedBy,
  lostFiles,
  mayHandOver,
  staleCells,
  suggestions,
} from './choices.js';
import { Engine } from './engine.js';
import { type GateAnswer, Gatekeeper } from './gatekeeper.js';
import type { Ports } from './ports.js';
import { Refused } from './refused.js';
import { type Previous, Right } from './right.js';

export { Refused } from './refused.js';

export interface RunnerOptions {
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly ports: Ports;
  /** Looks only: every intent that acts is refused. */
  readonly observe?: boolean;
  /** The run was begun by somebody else: a gate says so before anything is sent. */
  readonly previous?: Previous;
}

export type Listener = (state: IncidentState, event: IncidentEvent | undefined) => void;

/**
 * Carries a plan out: decides from the record what comes next, records before it sends, and asks before it believes.
 * One at a time per incident; everything it knows beyond the record is what this very process has in the air.
 */
export class Runner {
  #state: IncidentState;
  #attention: Attention = { kind: 'none' };
  readonly #listeners = new Set<Listener>();
  readonly #abort = new AbortController();
  readonly #undoPlans = new Map<string, Scenario>();
  readonly #gates: Gatekeeper;
  readonly #right: Right;
  /** Why this console only looks, or undefined when it may act. */
  #observing: string | undefined;
  /** What is shown is another console's run: nothing is recorded here. */
  #following = false;
  readonly #engine: Engine;

  private constructor(
    private readonly options: RunnerOptions,
    state: IncidentState,
  ) {
    this.#state = state;
    if (options.observe === true) this.#observing = 'This console observes only. Start it without --observe to act.';
    this.#right = new Right({
      port: options.ports.right,
      ...(options.previous === undefined ? {} : { previous: options.previous }),
      state: () => this.#state,
      append: (payload) => this.#append(payload),
      observe: (reason) => this.observe(reason),
    });
    this.#engine = new Engine({
      ports: options.ports,
      right: this.#right,
      signal: this.#abort.signal,
      state: () => this.#state,
      scenario: () => this.scenario,
      stopped: () => this.#observing !== undefined,
      attention: () => this.#attention,
      attend: (attention) => this.#attend(attention),
      append: (payload) => this.#append(payload),
      suggest: (scenario) => this.#suggest(scenario),
      moved: () => this.#tell(undefined),
    });
    this.#gates = new Gatekeeper({
      right: this.#right,
      ports: options.ports,
      signal: this.#abort.signal,
      state: () => this.#state,
      scenario: () => this.#scenarioNow(),
      attention: () => this.#attention,
      attend: (attention) => this.#attend(attention),
      append: (payload) => this.#append(payload),
      confirmed: () => {
        this.#attention = { kind: 'none' };
        this.pump();
      },
    });
  }

  /** Opens a new incident. */
  static open(options: RunnerOptions, opening: Extract<Payload, { type: 'run-opened' }>): Runner {
    const state = fold(undefined, options.ports.record.append(opening));
    if (state === undefined) throw new Error('an opening event opens');
    return new Runner(options, state);
  }

  /** Goes on with a recorded incident: nothing is in the air, every gate is void. */
  static resume(
    options: RunnerOptions,
    before: IncidentState,
    resumed: Extract<Payload, { type: 'run-resumed' }>,
  ): Runner {
    const payload = options.previous === undefined ? resumed : { ...resumed, tookOver: true };
    const state = fold(before, options.ports.record.append(payload)) ?? before;
    const runner = new Runner(options, state);
    runner.#fetchAgain();
    runner.pump();
    return runner;
  }

  get state(): IncidentState {
    return this.#state;
  }

  get attention(): Attention {
    return this.#attention;
  }

  /** Progress of what is under way, by `step@host`; not recorded. */
  get progress(): ReadonlyMap<string, Progress> {
    return this.#engine.progress;
  }

  /** The chosen scenario, also while it is being undone. */
  get chosen(): Scenario | undefined {
    return this.#state.scenario === undefined ? undefined : this.options.scenarios.get(this.#state.scenario);
  }

  /** The scenario in force: the chosen one, or its undoing. */
  get scenario(): Scenario | undefined {
    const { chosen } = this;
    if (chosen === undefined || this.#state.undoing === undefined) return chosen;
    const key = String(this.#state.undoing.at);
    let plan = this.#undoPlans.get(key);
    if (plan === undefined) {
      plan = undoScenario(chosen, this.#state);
      this.#undoPlans.set(key, plan);
    }
    return plan;
  }

  /** Why this console only looks. */
  get observing(): string | undefined {
    return this.#observing;
  }

  /** From here on this console only looks: somebody else acts. What is in the air comes back, nothing new is sent. */
  observe(reason: string): void {
    this.#observing = reason;
    this.#attend({ kind: 'none' });
  }

  /** Somebody else has taken the lock. */
  lost(by: Holder): void {
    this.#right.lost(by);
  }

  /** Shows another console's run, as its record tells it. */
  follow(state: IncidentState): void {
    if (this.#observing === undefined) return;
    this.#following = true;
    this.#state = state;
    const { scenario } = this;
    if (scenario === undefined) this.#tell(undefined);
    else this.#engine.show(scenario);
    this.#tell(undefined);
  }

  /** Where journal and papers on the servers stand now. */
  kept(on: readonly string[], without: readonly Without[]): void {
    this.#append({ type: 'papers-kept', on, without });
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Adds a host's facts when they differ from those known. Allowed while observing: it sends nothing. */
  seen(host: string, facts: HostFacts): void {
    if (this.#following || JSON.stringify(this.#state.facts[host]) === JSON.stringify(facts)) return;
    this.#append({ type: 'host-seen', host, facts });
    const { fenced, left } = this.#state.choices;
    const out = fenced.includes(host) || left.includes(host);
    // The first thing that happens to a server that comes back is that it is held: it may run the old cluster.
    if (facts.reachable && out && this.#state.ended === undefined) {
      this.#append({ type: 'host-came-back', host });
      for (const cell of judgedAnew(this.#steps(), this.#state))
        this.#append({ type: 'answered', step: cell.step, host: cell.host, choice: 'retry' });
    }
    this.pump();
  }

  chooseScenario(scenario: string): void {
    this.#mustBeMine();
    this.#mustBeOpen();
    const chosen = this.options.scenarios.get(scenario);
    if (chosen === undefined) throw new Refused(`There is no scenario ${scenario}.`);
    if (this.#state.scenario === scenario) return;
    if (this.#state.begun) mayHandOver(this.scenario, this.#state, scenario);
    const again = this.#state.begun ? [] : askedOtherwise(this.options.scenarios.values(), chosen, this.#state);
    this.#append({ type: 'scenario-chosen', scenario });
    for (const cell of again) this.#append({ type: 'answered', step: cell.step, host: HERE, choice: 'retry' });
    this.pump();
  }

  choose(key: ChoiceKey, value: string): void {
    this.#mustBeMine();
    this.#mustBeOpen();
    if (this.#state.choices[key] === value && this.#state.choices.suggested?.includes(key) !== true) return;
    const locked = lockedBy(this.#steps(), this.#state, key);
    if (locked !== undefined) throw new Refused(locked);
    this.#choose(key, value, false);
    this.pump();
  }

  #choose(key: ChoiceKey, value: string, suggested: boolean): void {
    const same = this.#state.choices[key] === value;
    this.#append({ type: 'chosen', key, value, ...(suggested ? { suggested } : {}) });
    if (same) return;
    for (const cell of staleCells(this.#steps(), this.#state, key)) {
      this.#append({ type: 'answered', step: cell.step, host: cell.host, choice: 'retry' });
    }
  }

  /** Choices nobody made by hand follow what is seen. */
  #suggest(scenario: Scenario): void {
    if (this.#state.ended !== undefined) return;
    const wanted = scenario.suggests?.(contextOf(this.#state, HERE, 1, true)) ?? {};
    for (const [key, value] of suggestions(this.#steps(), this.#state, wanted)) this.#choose(key, value, true);
  }

  attest(host: string, words: string, as: 'off' | 'left-out'): void {
    this.#mayAct();
    if (words.trim() === '') throw new Refused('Say in a few words how you know.');
    const on = as === 'off' ? knownToBeOn(this.#state.facts[host]) : undefined;
    if (on !== undefined)
      throw new Refused(
        `It takes logins, so it is on: ${on} Power it off first, or leave it out with a reason. A server that still runs makes a second cluster.`,
      );
    this.#append({ type: 'attested', host, words, as });
    this.pump();
  }

  tick(item: string, how: 'seen' | 'word', evidence: string): void {
    this.#mustBeMine();
    this.#append({ type: 'ticked', item, how, evidence });
  }

  /** Keeps what a verification found. */
  verified(rows: readonly VerificationRow[]): void {
    this.#append({ type: 'verified', rows });
  }

  note(text: string): void {
    this.#mustBeMine();
    this.#append({ type: 'note', text });
  }

  /** @throws Refused with what is still missing before the plan may begin */
  mayBegin(): void {
    this.#mayAct();
    const missing = this.#scenarioNow().missing(contextOf(this.#state, HERE, 1, true));
    if (missing.length > 0) throw new Refused(missing.join(' '));
  }

  /** Starts carrying the plan out; the first gate follows. */
  begin(): void {
    this.mayBegin();
    if (!this.#state.begun) this.#append({ type: 'plan-begun' });
    this.pump();
  }

  pause(on: boolean): void {
    this.#mustBeMine();
    this.#mustBeOpen();
    if (!this.#state.begun) throw new Refused('Nothing has begun: there is nothing to pause.');
    this.#append({ type: 'paused', on });
    this.pump();
  }

  /** Shows the waiting gate: asks everything it depends on, then records what is shown. */
  openGate(): Promise<GateView> {
    this.#mayAct();
    return this.#gates.open();
  }

  /** Confirms an open gate. Facts are asked again; if one changed, the gate opens again with the change marked. */
  confirmGate(typed: string | undefined): Promise<GateAnswer> {
    this.#mayAct();
    return this.#gates.confirm(typed);
  }

  /** The second person's code for the gate that is open. @throws Refused */
  approve(code: string): Promise<void> {
    this.#mayAct();
    return this.#gates.approve(code);
  }

  /** Goes on without the second person, for a reason that stands in the record. @throws Refused */
  breakGlass(reason: string): void {
    this.#mayAct();
    this.#gates.breakGlass(reason);
  }

  cancelGate(): void {
    this.#gates.cancel();
  }

  /** The operator's word on a step that is late, failed or in doubt. */
  answer(step: string, host: string, choice: 'wait' | 'give-up' | 'retry' | 'look-again'): void {
    this.#mayAct();
    const cell = this.#state.cells[cellKey(step, host)];
    if (cell === undefined) throw new Refused(`Step ${step} has not begun on ${host}.`);
    const not = answerRefused(cell, choice);
    if (not !== undefined) throw new Refused(not);
    this.#append({ type: 'answered', step, host, choice });
    if (choice === 'retry') this.#fetchAgain();
    if (choice === 'give-up') {
      const trouble: Trouble = {
        what: `Given up waiting: ${cell.evidence.join('; ') || 'nothing was seen'}`,
        next: 'Look at the journal, then undo, retry or stop here.',
      };
      this.#append({
        type: 'step-ended',
        step,
        host,
        attempt: cell.attempt,
        outcome: 'failed',
        evidence: cell.evidence,
        learned: {},
        trouble,
      });
    }
    this.pump();
  }

  skip(step: string, host: string, reason: string): void {
    this.#mayAct();
    const found = this.#steps().find((one) => one.id === step);
    if (found?.skippable === undefined) throw new Refused('This step cannot be skipped: later steps rely on it.');
    if (isSettled(this.#state.cells[cellKey(step, host)]))
      throw new Refused('It is over already: there is nothing to skip.');
    if (reason.trim() === '') throw new Refused('Say why it is skipped.');
    this.#append({ type: 'step-skipped', step, host, reason });
    this.pump();
  }

  /** Begins to undo; one gate stands before all of it. */
  undo(reason: string): void {
    this.#mayAct();
    if (this.#state.undoing !== undefined) throw new Refused('It is being undone already.');
    const chosen = this.scenario;
    if (chosen === undefined || !this.#state.begun) throw new Refused('Nothing has been done yet.');
    const barrier = Object.values(this.#state.cells).some(
      (cell) => cell.step === chosen.pointOfNoReturn && cell.sent.length > 0 && cell.status !== 'undone',
    );
    if (barrier) {
      const title = this.#steps().find((step) => step.id === chosen.pointOfNoReturn)?.title ?? chosen.pointOfNoReturn;
      throw new Refused(`The point of no return is passed: "${title}" has been run.`);
    }
    if (this.#engine.sends() > 0) throw new Refused('A command is under way. Wait until it has ended, then undo.');
    this.#append({ type: 'undo-begun', reason });
    this.pump();
  }

  stop(summary: string): void {
    if (this.#state.ended === undefined) this.#append({ type: 'run-ended', outcome: 'stopped', summary });
  }

  /** Lets go: nothing new starts; what runs on nodes goes on without us. Resolves when this process has nothing in the air. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('closing'));
    await this.#engine.settled();
  }

  /** Does everything that can be done now without a person. */
  pump(): void {
    this.#engine.pump();
  }

  #scenarioNow(): Scenario {
    const scenario = this.scenario;
    if (scenario === undefined) throw new Refused('Choose a scenario first.');
    return scenario;
  }

  /** A run that goes on, or a step that is tried again, may miss what lay on this machine. */
  #fetchAgain(): void {
    const { scenario } = this;
    const { holds } = this.options.ports;
    if (scenario === undefined || holds === undefined || this.#state.ended !== undefined) return;
    for (const { step, host } of lostFiles(scenario, this.#state, holds))
      this.#append({ type: 'answered', step, host, choice: 'retry' });
  }

  #steps(): Step[] {
    return this.scenario?.phases.flatMap((phase) => phase.steps) ?? [];
  }

  #mayAct(): void {
    if (this.#observing !== undefined) throw new Refused(this.#observing);
    if (this.#state.ended !== undefined) throw new Refused('This run has ended.');
  }

  #attend(attention: Attention): void {
    this.#attention = attention;
    this.#tell(undefined);
  }

  #mustBeOpen(): void {
    if (this.#state.ended !== undefined) throw new Refused('This run has ended.');
  }

  /** @throws Refused while another console's run is shown: what is wanted here would be lost */
  #mustBeMine(): void {
    if (this.#following && this.#observing !== undefined) throw new Refused(this.#observing);
  }

  #append(payload: Payload): void {
    const event = this.options.ports.record.append(payload);
    // What comes back late belongs to our record, not to the run that is shown.
    if (this.#following) return;
    const next = fold(this.#state, event);
    if (next !== undefined) this.#state = next;
    this.#tell(event);
  }

  #tell(event: IncidentEvent | undefined): void {
    for (const listener of this.#listeners) listener(this.#state, event);
  }
}
