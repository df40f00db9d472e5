import { challengeFor } from '../base/approval.js';
import {
  type Approval,
  type Attention,
  type CheckedFact,
  type GateView,
  needsApproval,
} from '../incident/attention.js';
import type { Payload } from '../incident/event.js';
import { contextOf, type IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';
import { checkFacts, factLine } from './asking.js';
import { gateChecks, gateView } from './gate.js';
import type { Ports } from './ports.js';
import { Refused } from './refused.js';
import { type Right, TAKE_OVER } from './right.js';

/** `cancelled`: it was closed again while its facts were being asked. */
export type GateAnswer = 'confirmed' | 'changed' | 'mistyped' | 'blocked' | 'cancelled';

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
  #opening: Promise<GateView> | undefined;

  constructor(run: Gated) {
    this.#run = run;
  }

  /** Opened again while it is being opened, it is opened once: what is shown is never replaced under the eyes of who reads it. */
  open(): Promise<GateView> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<GateView> {
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
    if (open.facts.some((fact) => !fact.ok) || needsApproval(open)) return 'blocked';
    this.#run.attend({ kind: 'gate', gate, open, checking: true });
    if (open.id === TAKE_OVER) return this.#takeOver(gate, open);
    const facts = await this.#check(gate);
    // Whoever presses esc meanwhile has not confirmed anything.
    const now = this.#run.attention();
    if (now.kind !== 'gate' || now.open !== open) return 'cancelled';
    const before = new Set(open.facts.map(factLine));
    const changed = facts.map(factLine).filter((line) => !before.has(line));
    if (acts(gateView(this.#run.scenario(), this.#run.state(), gate)) !== acts(open))
      changed.push('what is behind this gate is not what it was');
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

  /** The second person's code. @throws Refused when it is nobody's */
  async approve(code: string): Promise<void> {
    const { approval } = this.#pending();
    const by = await this.#run.ports.approver?.(approval.challenge, code);
    if (by === undefined)
      throw new Refused(
        `That is no code for ${approval.challenge}. They make it with: blackstart approve ${approval.challenge}`,
      );
    this.#settle({ ...approval, by });
  }

  /** Nobody can be reached: it goes on without them, and that stands in the record. */
  breakGlass(reason: string): void {
    const { approval } = this.#pending();
    if (reason.trim() === '') throw new Refused('Say why it cannot wait for the second person.');
    this.#settle({ ...approval, without: reason });
  }

  #pending(): { approval: Approval } {
    const { open } = this.#waiting();
    if (open?.approval === undefined || !needsApproval(open))
      throw new Refused('No gate waits for a second person now.');
    return { approval: open.approval };
  }

  #settle(approval: Approval): void {
    const { gate, open } = this.#waiting();
    // The gate may have been opened anew meanwhile, with other facts: then this consent is to something else.
    if (open?.approval?.challenge !== approval.challenge) throw new Refused('The gate shows something else by now.');
    const { challenge, by = null, without = null } = approval;
    this.#run.append({ type: 'approved', gate: open.id, challenge, by, without });
    this.#run.attend({ kind: 'gate', gate, open: { ...open, approval }, checking: false });
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
    // Something failed meanwhile, or somebody else acts: then there is nothing to show.
    if (this.#waiting().gate !== gate) throw new Refused('Something else waits by now.');
    const shown: GateView = { ...gateView(this.#run.scenario(), this.#run.state(), gate), facts, changed };
    const open = { ...shown, ...approvalOf(shown, this.#run.state()) };
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

/** What a confirmation is good for: these commands on these hosts. */
const acts = ({ typed, hosts, commands }: Omit<GateView, 'facts' | 'changed'>): string =>
  JSON.stringify([typed, hosts, commands]);

/** Only what destroys needs two; the challenge binds everything that is shown, and counts until something fails or changes hands. */
function approvalOf(gate: GateView, state: IncidentState): { approval?: Approval } {
  const asked = state.cluster.approvers ?? [];
  if (gate.effect !== 'destroy' || asked.length === 0) return {};
  const target = gate.typed ?? gate.hosts[0] ?? state.cluster.name;
  const binds = [state.runId, gate.id, target, gate.hosts, gate.steps, gate.facts.map(factLine), state.gatesVoidBefore];
  return { approval: { challenge: challengeFor(gate.id, target, binds), asked } };
}
