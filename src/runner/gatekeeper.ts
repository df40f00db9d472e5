import type { Attention, CheckedFact, GateView } from '../incident/attention.js';
import type { Payload } from '../incident/event.js';
import { contextOf, type IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';
import { checkFacts, factLine } from './asking.js';
import { gateChecks, gateView } from './gate.js';
import type { Ports } from './ports.js';
import { Refused } from './refused.js';
import { type Right, TAKE_OVER } from './right.js';

export type GateAnswer = 'confirmed' | 'changed' | 'mistyped' | 'blocked';

/** What a gatekeeper needs of the run it stands in. */
export interface Gated {
  readonly ports: Ports;
  readonly signal: AbortSignal;
  readonly right: Right;
  state(): IncidentState;
  scenario(): Scenario;
  attention(): Attention;
  attend(attention: Attention): void;
  append(payload: Payload): void;
  /** The gate is open: the run may go on. */
  confirmed(): void;
}

/** Opens, confirms and cancels the gate that waits. Facts are asked when it is shown and again when it is confirmed. */
export class Gatekeeper {
  readonly #run: Gated;

  constructor(run: Gated) {
    this.#run = run;
  }

  async open(): Promise<GateView> {
    const { gate } = this.#waiting();
    this.#run.attend({ kind: 'gate', gate, checking: true });
    const ensured = await this.#run.right.ensure();
    if (ensured.kind === 'refused') throw new Refused(ensured.reason);
    if (ensured.kind === 'gate') return this.#showTakeOver(gate, ensured.view);
    return this.#show(gate, []);
  }

  async confirm(typed: string | undefined): Promise<GateAnswer> {
    const { gate, open } = this.#waiting();
    if (open === undefined) throw new Refused('The gate is not open.');
    if (open.typed !== undefined && typed !== open.typed) return 'mistyped';
    if (open.facts.some((fact) => !fact.ok)) return 'blocked';
    this.#run.attend({ kind: 'gate', gate, open, checking: true });
    if (open.id === TAKE_OVER) return this.#takeOver(gate, open);
    const facts = await this.#check(gate);
    const before = new Set(open.facts.map(factLine));
    const changed = facts.map(factLine).filter((line) => !before.has(line));
    if (changed.length > 0) {
      this.#run.append({ type: 'gate-answered', gate, answer: 'changed', hosts: [], facts: changed });
      await this.#show(gate, changed);
      return 'changed';
    }
    this.#run.append({
      type: 'gate-answered',
      gate,
      answer: 'confirmed',
      hosts: open.hosts,
      facts: facts.map(factLine),
    });
    this.#run.confirmed();
    return 'confirmed';
  }

  cancel(): void {
    const { gate, open } = this.#waiting();
    if (open === undefined) return;
    this.#run.append({ type: 'gate-answered', gate: open.id, answer: 'cancelled', hosts: [], facts: [] });
    this.#run.attend({ kind: 'gate', gate, checking: false });
  }

  /** Stands before the gate that waits, until it is clear who acts; what waits is opened after it, anew. */
  #showTakeOver(gate: string, view: GateView): GateView {
    this.#run.append({ type: 'gate-shown', gate: view.id, typed: view.typed ?? null, facts: view.facts.map(factLine) });
    this.#run.attend({ kind: 'gate', gate, open: view, checking: false });
    return view;
  }

  async #takeOver(gate: string, open: GateView): Promise<GateAnswer> {
    const taken = await this.#run.right.takeOver();
    if (taken !== 'ours') {
      this.#run.append({ type: 'gate-answered', gate: open.id, answer: 'changed', hosts: [], facts: [taken.what] });
      this.#showTakeOver(gate, { ...taken.changed, changed: [taken.what] });
      return 'changed';
    }
    this.#run.append({
      type: 'gate-answered',
      gate: open.id,
      answer: 'confirmed',
      hosts: open.hosts,
      facts: open.facts.map(factLine),
    });
    this.#run.confirmed();
    return 'confirmed';
  }

  async #show(gate: string, changed: readonly string[]): Promise<GateView> {
    const facts = await this.#check(gate);
    const open: GateView = { ...gateView(this.#run.scenario(), this.#run.state(), gate), facts, changed };
    this.#run.append({ type: 'gate-shown', gate, typed: open.typed ?? null, facts: facts.map(factLine) });
    this.#run.attend({ kind: 'gate', gate, open, checking: false });
    return open;
  }

  #check(gate: string): Promise<CheckedFact[]> {
    const { ports, signal } = this.#run;
    const checks = gateChecks(this.#run.scenario(), this.#run.state(), gate);
    return checkFacts(ports, checks, (host) => contextOf(this.#run.state(), host, this.#attempt(host), true), signal);
  }

  /** Checks look at what the latest attempts on a host left. */
  #attempt(host: string): number {
    const cells = Object.values(this.#run.state().cells).filter((cell) => cell.host === host);
    return Math.max(1, ...cells.map((cell) => cell.attempt));
  }

  #waiting(): Extract<Attention, { kind: 'gate' }> {
    const attention = this.#run.attention();
    if (attention.kind !== 'gate') throw new Refused('No gate waits now.');
    return attention;
  }
}
