import type { Attention, Progress } from '../incident/attention.js';
import type { Payload } from '../incident/event.js';
import { cellKey, contextOf, type IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';
import { type Decision, decide, waiting } from './decide.js';
import { perform } from './perform.js';
import type { Ports } from './ports.js';
import type { Right } from './right.js';

export interface EngineOptions {
  readonly ports: Ports;
  readonly right: Right;
  readonly signal: AbortSignal;
  state(): IncidentState;
  scenario(): Scenario | undefined;
  /** Nothing new may be sent from here. */
  stopped(): boolean;
  attention(): Attention;
  attend(attention: Attention): void;
  append(payload: Payload): void;
  /** Choices nobody made by hand follow what is seen. */
  suggest(scenario: Scenario): void;
  /** Something changed that is not recorded. */
  moved(): void;
}

type Doing = Exclude<Decision, { do: 'gate' | 'attend' | 'finish' }>;

/** Does what was decided, each cell once at a time: what this very process has in the air, and nothing it could not decide again. */
export class Engine {
  /** Progress of what is under way, by `step@host`; not recorded. */
  readonly progress = new Map<string, Progress>();
  readonly #inFlight = new Map<string, Promise<void>>();
  #pumping = false;

  constructor(private readonly options: EngineOptions) {}

  /** Does everything that can be done now without a person. */
  pump(): void {
    const { options } = this;
    if (this.#pumping || options.signal.aborted || options.stopped()) return;
    this.#pumping = true;
    try {
      const scenario = options.scenario();
      if (scenario === undefined) return;
      // Beginning a step only writes, so one round after another until nothing new is decided.
      for (let round = 0; round < 100; round++) {
        options.suggest(scenario);
        const decisions = decide(scenario, options.state());
        this.#settleAttention(decisions);
        const fresh = decisions.filter((decision) => this.#start(scenario, decision));
        if (fresh.length === 0 || !fresh.some((decision) => decision.do === 'begin' || decision.do === 'fix')) return;
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** What a person would have to decide now, where nothing may be done from here. */
  show(scenario: Scenario): void {
    this.#settleAttention(decide(scenario, this.options.state()));
  }

  /** How many cells have a command in the air. */
  sends(): number {
    return Object.values(this.options.state().cells).filter(
      (cell) =>
        this.#inFlight.has(cellKey(cell.step, cell.host)) && cell.sent.some((one) => one.returned === undefined),
    ).length;
  }

  /** Resolves when this process has nothing in the air. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#inFlight.values());
  }

  #start(scenario: Scenario, decision: Decision): boolean {
    const { append, state } = this.options;
    if (decision.do === 'gate' || decision.do === 'attend') return false;
    if (decision.do === 'finish') {
      const undone = state().undoing !== undefined;
      append({
        type: 'run-ended',
        outcome: undone ? 'undone' : 'recovered',
        summary: undone ? 'Everything was put back.' : 'Every step is done.',
      });
      return true;
    }
    const key = cellKey(decision.step.id, decision.host);
    if (this.#inFlight.has(key)) return false;
    if (decision.do === 'begin') {
      const { step, host } = decision;
      const attempt = (state().cells[key]?.attempt ?? 0) + 1;
      const learned = step.remembers?.(contextOf(state(), host, attempt)) ?? {};
      append({ type: 'step-begun', step: step.id, host, attempt, gated: step.gate !== undefined, learned });
      return true;
    }
    if (decision.do === 'fix') {
      const { step, host, commands } = decision;
      append({ type: 'commands-fixed', step: step.id, host, attempt: state().cells[key]?.attempt ?? 1, commands });
      return true;
    }
    this.#inFlight.set(key, this.#perform(scenario, decision, key));
    return true;
  }

  #perform(scenario: Scenario, decision: Doing, key: string): Promise<void> {
    const { ports, right, signal, state, append, stopped, moved } = this.options;
    return perform(decision, {
      scenario,
      ports,
      signal,
      state,
      append: (payload) => {
        append(payload);
        this.pump();
      },
      ready: (how) => right.ready(how),
      stopped,
      progress: (progress) => {
        if (progress === undefined) this.progress.delete(key);
        else this.progress.set(key, progress);
        moved();
      },
    })
      .catch((error: unknown) => this.#broke(decision, error))
      .finally(() => {
        this.#inFlight.delete(key);
        this.pump();
      });
  }

  /** A mistake of ours in the middle of a step: it ends in doubt, visibly, instead of stopping everything. */
  #broke({ step, host }: Doing, error: unknown): void {
    const { ports, signal, state, append } = this.options;
    if (signal.aborted) return;
    const cell = state().cells[cellKey(step.id, host)];
    const what = error instanceof Error ? error.message : String(error);
    append({
      type: 'step-ended',
      step: step.id,
      host,
      attempt: cell?.attempt ?? 1,
      outcome: 'doubt',
      evidence: cell?.evidence ?? [],
      learned: {},
      trouble: {
        what: `blackstart itself failed here: ${ports.redact(what)}`,
        next: 'Look at the host, then look again, retry or stop here.',
      },
    });
  }

  #settleAttention(decisions: readonly Decision[]): void {
    const { attention, attend } = this.options;
    const next = waiting(decisions);
    const now = attention();
    if (next.kind === 'none' && now.kind === 'none') return;
    // A gate that is shown stays as it is shown.
    if (next.kind === 'gate' && now.kind === 'gate' && next.gate === now.gate) return;
    attend(next);
  }
}
