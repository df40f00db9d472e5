import { itemStatuses, preRestore } from '../../scenarios/pre-restore.js';
import { EXIT, type ExitCode } from '../base/problem.js';
import { namesOf } from '../incident/cluster.js';
import { knownToBeOn } from '../incident/facts.js';
import type { Intents } from '../incident/intents.js';
import { findStep, isOver, planOf } from '../incident/plan.js';
import { type Cell, cellSpan } from '../incident/state.js';
import { HERE } from '../incident/step.js';
import { duration } from '../incident/times.js';
import type { Session } from './session.js';

/** Plays the operator on the practice cluster: the third sender of the same intents. Never on anything else. */

export interface AutoResult {
  readonly scenario: string;
  readonly seed: number;
  readonly recovered: boolean;
  readonly seconds: number;
  readonly steps: readonly {
    readonly id: string;
    readonly host: string;
    readonly outcome: string;
    readonly seconds: number;
  }[];
  /** Why it did not recover. */
  readonly why?: string;
}

export interface AutoOptions {
  readonly session: Session;
  readonly intents: Intents;
  readonly scenario: string;
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function playDrill(options: AutoOptions): Promise<{ result: AutoResult; exit: ExitCode }> {
  if (!options.session.cluster.drill) throw new Error('--auto plays the practice cluster only');
  const began = Date.now();
  const why = await new AutoOperator(options).play();
  const { runner } = options.session;
  const recovered = why === undefined && runner.state.ended?.outcome === 'recovered';
  const cells = Object.values(runner.state.cells).filter((cell) => cell.endedAt !== undefined);
  const result: AutoResult = {
    scenario: options.scenario,
    seed: options.seed,
    recovered,
    seconds: (Date.now() - began) / 1000,
    steps: cells.map((cell) => ({
      id: cell.step,
      host: cell.host,
      outcome: cell.status,
      seconds: tookMs(cell) / 1000,
    })),
    ...(why === undefined ? {} : { why }),
  };
  if (!recovered && runner.observing !== undefined) return { result, exit: EXIT.locked };
  return { result, exit: recovered ? EXIT.ok : EXIT.no };
}

const tookMs = (cell: Cell): number => cellSpan(cell, cell.endedAt ?? 0) ?? 0;

/** How often a step that failed is tried again before the drill is given up. */
const RETRIES = 1;
/** A question that hung is asked again after a minute. */
const SLOW_MS = 75_000;

class AutoOperator {
  readonly #options: AutoOptions;
  readonly #said = new Set<string>();
  readonly #retried = new Map<string, number>();
  readonly #attested = new Set<string>();

  constructor(options: AutoOptions) {
    this.#options = options;
  }

  /** Resolves with the reason when it cannot go on. */
  async play(): Promise<string | undefined> {
    const { session, intents, scenario, signal } = this.#options;
    if (session.runner.observing !== undefined) return session.runner.observing;
    const unlisten = session.runner.listen(() => this.#sayNews());
    try {
      await this.#until(
        () => Object.keys(session.store.getState().live).length === session.cluster.hosts.length,
        'every host to be looked at',
      );
      await this.#until(() => session.store.getState().backups.state !== 'loading', 'the catalogue');
      await this.#attestSilent();
      const refused = intents.chooseScenario(scenario);
      if (refused !== undefined) return refused;
      const unproven = await this.#proven();
      if (unproven !== undefined) return unproven;
      for (const item of preRestore)
        if (item.needsWord) intents.tick(item.id, 'practice cluster: nothing runs on it that matters');
      await this.#until(() => this.#lookedEarly(), 'what is looked at before the plan begins');
      await this.#until(() => !session.sudo.asking, 'what sudo says');
      await this.#until(
        () => itemStatuses(session.checklistSeen()).every((one) => one.underWay !== true),
        'the checklist',
      );
      for (const { item, met, evidence } of itemStatuses(session.checklistSeen()))
        if (!met) intents.tick(item.id, `practice cluster: ${evidence}`);
      const notBegun = await this.#begin();
      if (notBegun !== undefined) return notBegun;
      while (session.runner.state.ended === undefined) {
        signal.throwIfAborted();
        if (session.runner.observing !== undefined) return session.runner.observing;
        const why = await this.#attend();
        if (why !== undefined) return why;
        await pause(50);
      }
      await this.#until(() => !session.store.getState().verifying, 'the verification');
      this.#sayVerification();
      return undefined;
    } finally {
      unlisten();
    }
  }

  /** A host that was silent when it was attested may answer again: its attestation is lifted, and the plan waits for what is seen of it. */
  async #begin(): Promise<string | undefined> {
    const { session, intents } = this.#options;
    const refused = intents.begin();
    const back = [...this.#attested].filter((name) => session.runner.state.attested[name] === undefined);
    if (refused === undefined || back.length === 0) return refused;
    await this.#until(
      () => back.every((name) => session.runner.state.facts[name]?.reachable === true),
      `${back.join(', ')}, back again, to be looked at`,
    );
    return intents.begin();
  }

  /** Whether the steps that look ahead have ended: a choice may be suggested from what they saw. */
  #lookedEarly(): boolean {
    const { scenario, state } = this.#options.session.runner;
    const looking = scenario === undefined ? [] : planOf(scenario, state).flatMap((phase) => phase.steps);
    return looking
      .filter((planned) => planned.step.early === true)
      .flatMap((planned) => planned.hosts)
      .every(
        (one) => isOver(one) || one.when.run !== 'yes' || one.cell?.status === 'failed' || one.cell?.status === 'doubt',
      );
  }

  /** Why there is no proof, where the scenario needs one. */
  async #proven(): Promise<string | undefined> {
    const { runner } = this.#options.session;
    if (runner.scenario?.backup !== 'restored') return undefined;
    const { backups } = this.#options.session.store.getState();
    if (backups.state === 'failed') return `${backups.what} ${backups.next}`;
    await this.#until(() => this.#proof() !== 'running', 'the proof');
    return this.#proof() === 'failed' ? runner.state.cells[`fetch@${HERE}`]?.trouble?.what : undefined;
  }

  async #attend(): Promise<string | undefined> {
    const { session, intents, say } = this.#options;
    const { attention } = session.runner;
    if (attention.kind === 'none') return undefined;
    if (attention.kind === 'trouble') return this.#trouble(attention.step, attention.host, attention.why);
    const refused = await intents.openGate();
    // What was in the air came back done while the facts were asked: the gate waits no longer.
    if (refused !== undefined) return session.runner.attention.kind === 'gate' ? refused : undefined;
    const view = session.runner.attention.kind === 'gate' ? session.runner.attention.open : undefined;
    if (view === undefined) return undefined;
    const answer = await intents.confirmGate(view.typed);
    if (answer === 'blocked')
      return `gate ${view.id} is blocked: ${view.facts
        .filter((fact) => !fact.ok)
        .map((fact) => fact.text)
        .join('; ')}`;
    if (answer === 'confirmed')
      say(`     gate: ${view.title}${view.typed === undefined ? '' : ` (typed ${view.typed})`}`);
    return undefined;
  }

  async #trouble(step: string, host: string, why: 'failed' | 'doubt' | 'late'): Promise<string | undefined> {
    const { session, intents, say } = this.#options;
    const cell = session.runner.state.cells[`${step}@${host}`];
    const what = cell?.trouble?.what ?? cell?.evidence.join('; ') ?? why;
    const tried = this.#retried.get(`${step}@${host}`) ?? 0;
    const other = cell?.trouble?.handOver;
    if (other !== undefined) {
      say(`     ${what}: going on as ${other}`);
      return intents.chooseScenario(other) ?? (await this.#proven());
    }
    // Killed between writing that something is sent and sending it, nobody knows: looked at once more, then a person who sees that it is not there says so.
    const most = why === 'doubt' ? RETRIES + 1 : RETRIES;
    if (why === 'late' || tried >= most) return `${step} on ${host} ${why}: ${what}`;
    this.#retried.set(`${step}@${host}`, tried + 1);
    say(`     ${step} on ${host} ${why}: ${what}; trying once more`);
    return intents.answer(step, host, why === 'doubt' && tried === 0 ? 'look-again' : 'retry');
  }

  /** Hosts that do not answer are attested to be off: in a drill that is known. One that is only slow is waited for, and left out in the end. */
  async #attestSilent(): Promise<void> {
    const { session, intents, signal } = this.#options;
    const names = [...namesOf(session.cluster, 'server'), ...namesOf(session.cluster, 'agent')];
    const slow = (name: string): boolean => knownToBeOn(session.runner.state.facts[name]) !== undefined;
    for (const until = Date.now() + SLOW_MS; names.some(slow) && Date.now() < until; ) {
      signal.throwIfAborted();
      await pause(50);
    }
    for (const name of names) {
      if (session.runner.state.facts[name]?.reachable === true) continue;
      if (slow(name)) intents.attest(name, 'practice: it is too slow to be looked at', 'left-out');
      else intents.attest(name, 'practice: this host is dead on purpose', 'off');
      this.#attested.add(name);
    }
  }

  #proof(): 'running' | 'done' | 'failed' {
    const cell = this.#options.session.runner.state.cells[`fetch@${HERE}`];
    if (cell?.status === 'done' || cell?.status === 'already') return 'done';
    return cell?.status === 'failed' || cell?.status === 'doubt' ? 'failed' : 'running';
  }

  #sayNews(): void {
    const { session, say } = this.#options;
    const { scenario, state } = session.runner;
    for (const cell of Object.values(state.cells)) {
      const key = `${cell.step}@${cell.host}#${cell.attempt}:${cell.status}`;
      if (cell.endedAt === undefined || this.#said.has(key)) continue;
      this.#said.add(key);
      const title = scenario === undefined ? cell.step : (findStep(scenario, cell.step)?.title ?? cell.step);
      say(
        `${duration(tookMs(cell)).padStart(9)}  ${cell.status.padEnd(7)} ${cell.host.padEnd(8)} ${title}: ${cell.trouble?.what ?? cell.evidence.join('; ')}`,
      );
    }
  }

  #sayVerification(): void {
    const { session, say } = this.#options;
    for (const row of session.runner.state.verification?.rows ?? [])
      say(`  ${row.result.padEnd(8)} ${row.title}: ${row.seen}${row.next === undefined ? '' : `. ${row.next}`}`);
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const until = Date.now() + 120_000;
    while (!condition()) {
      this.#options.signal.throwIfAborted();
      if (Date.now() > until) throw new Error(`waited two minutes for ${what}`);
      await pause(50);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
