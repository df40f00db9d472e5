import { preRestore } from '../../scenarios/pre-restore.js';
import type { Attention, CheckedFact, GateView } from '../incident/attention.js';
import type { AnyEvent, IncidentEvent } from '../incident/event.js';
import type { Intents, ReplayControl, Result } from '../incident/intents.js';
import type { JournalLine } from '../incident/journal.js';
import { planOf } from '../incident/plan.js';
import type { IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';
import { undoScenario } from '../incident/undo.js';
import { eventText, type Frame, Tape, type TapeMark } from '../record/tape.js';
import { decide, waiting } from '../runner/decide.js';
import { gateView } from '../runner/gate.js';
import { KEPT_LINES } from '../store/journal-ring.js';
import { type ConsoleStore, createConsoleStore } from '../store/store.js';
import { entriesFor, lookUp } from './symptoms.js';
import { scenarios, triageView } from './views.js';

/** The console fed by a record: events up to a time → fold → store. There is no runner and no host here: nothing can act. */

export const SPEEDS: readonly number[] = [0.25, 0.5, 1, 2, 5, 10, 20, 60, 300];
/** Where nothing happened for long, no more of it than this is waited for, milliseconds of the person's time. */
const LONGEST_WAIT_MS = 3_000;
const NOT_HERE = 'This is a replay: nothing can be done here.';

export class Replay {
  readonly store: ConsoleStore;
  readonly #tape: Tape;
  #lines: readonly JournalLine[] = [];
  #at: number;
  /** The time that is shown, milliseconds since the epoch. */
  #time: number;
  #playing = true;
  #speed: number;
  #shownLines = -1;

  /** @param events begin with an opened run */
  constructor(events: readonly AnyEvent[], state: IncidentState, speed: number) {
    this.#tape = new Tape(events);
    this.#speed = speed;
    this.#at = 1;
    this.#time = this.#tape.timeOf(1);
    this.store = createConsoleStore(state.cluster, 'REPLAY', this.#time);
    this.store.setState({ entries: entriesFor(state.cluster), openedAt: state.openedAt });
    this.#show();
  }

  /** The last entry that is known: more are read after it while the run goes on. */
  get last(): number {
    return this.#tape.length;
  }

  get ended(): boolean {
    return this.#tape.event(this.last)?.type === 'run-ended' || this.#tape.frame(this.last)?.state.ended !== undefined;
  }

  add(events: readonly AnyEvent[]): void {
    if (events.length === 0) return;
    this.#tape.add(events);
    this.#show();
  }

  /** Journals in the order of their times; `at` by our clock. */
  journals(lines: readonly JournalLine[]): void {
    this.#lines = [...lines].sort((a, b) => a.at - b.at || a.id - b.id).map((line, id) => ({ ...line, id }));
    this.#shownLines = -1;
    this.#show();
  }

  /** Time of the person passes, milliseconds. */
  pass(ms: number): void {
    if (!this.#playing) return;
    if (this.#at >= this.last) {
      if (this.ended) this.#playing = false;
      return this.#show();
    }
    const next = this.#tape.timeOf(this.#at + 1);
    this.#time = Math.max(this.#time + ms * this.#speed, next - LONGEST_WAIT_MS * this.#speed);
    while (this.#at < this.last && this.#tape.timeOf(this.#at + 1) <= this.#time) this.#at += 1;
    if (this.#at === this.last) this.#time = this.#tape.timeOf(this.#at);
    this.#show();
  }

  readonly control = (what: ReplayControl): Result => {
    let refused: Result;
    switch (what.do) {
      case 'play':
        // At the end of a run that has ended it begins anew.
        if (!this.#playing && this.#at === this.last && this.ended) this.#go(1);
        this.#playing = !this.#playing;
        break;
      case 'faster':
      case 'slower': {
        const at = SPEEDS.findIndex((speed) => speed >= this.#speed) + (what.do === 'faster' ? 1 : -1);
        this.#speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))] ?? 1;
        break;
      }
      case 'start':
        this.#go(1);
        break;
      case 'end':
        this.#go(this.last);
        break;
      case 'seek':
        this.#playing = false;
        refused = this.#seek(what.to, what.by);
        break;
    }
    this.#show();
    return refused;
  };

  #seek(kind: TapeMark, by: 1 | -1): Result {
    const to = this.#tape.seek(this.#at, kind, by);
    if (to === this.#at) return `There is no ${kind} ${by > 0 ? 'after' : 'before'} this one.`;
    this.#go(to);
    return undefined;
  }

  #go(position: number): void {
    this.#at = position;
    this.#time = this.#tape.timeOf(position);
  }

  #show(): void {
    const frame = this.#tape.frame(this.#at);
    const event = this.#tape.event(this.#at);
    if (frame === undefined || event === undefined) return;
    const { state } = frame;
    const scenario = this.#scenario(state);
    this.#showJournal();
    this.store.setState({
      now: this.#time,
      incident: state,
      scenario,
      plan: scenario === undefined ? [] : planOf(scenario, state),
      attention: scenario === undefined ? { kind: 'none' } : this.#attention(scenario, state),
      live: liveOf(frame, this.#time),
      triage: triageView(state.cluster, state.facts, { newest: undefined, now: this.#time }),
      checklist: checklistOf(state),
      backups: { state: 'listed', rows: [], remarks: ['A record does not keep the catalogue of backups.'] },
      replay: {
        playing: this.#playing,
        speed: this.#speed,
        at: this.#at,
        of: this.last,
        event: eventText(event),
      },
    });
  }

  #showJournal(): void {
    let to = Math.max(0, this.#shownLines);
    while (to > 0 && (this.#lines[to - 1]?.at ?? 0) > this.#time) to -= 1;
    while (to < this.#lines.length && (this.#lines[to]?.at ?? 0) <= this.#time) to += 1;
    if (to === this.#shownLines) return;
    this.#shownLines = to;
    this.store.setState({ journal: this.#lines.slice(Math.max(0, to - KEPT_LINES), to) });
  }

  /** The scenario in force; the plan of an undoing is made of what was done when it began. */
  #scenario(state: IncidentState): Scenario | undefined {
    const chosen = state.scenario === undefined ? undefined : scenarios.get(state.scenario);
    if (chosen === undefined || state.undoing === undefined) return chosen;
    for (let at = this.#at; at > 0; at--) {
      if (this.#tape.event(at)?.type === 'undo-begun')
        return undoScenario(chosen, this.#tape.frame(at)?.state ?? state);
    }
    return undoScenario(chosen, state);
  }

  #attention(scenario: Scenario, state: IncidentState): Attention {
    const attention = waiting(decide(scenario, state));
    if (attention.kind !== 'gate') return attention;
    for (let at = this.#at; at > 0; at--) {
      const event = this.#tape.event(at) as IncidentEvent;
      if (event.type === 'gate-answered') break;
      if (event.type === 'gate-shown' && event.gate === attention.gate)
        return { ...attention, open: shownGate(scenario, state, event) };
    }
    return attention;
  }
}

/** A gate as it was shown: what it says comes from the scenario, its facts and what was to be typed from the record. */
function shownGate(
  scenario: Scenario,
  state: IncidentState,
  shown: Extract<IncidentEvent, { type: 'gate-shown' }>,
): GateView {
  const { typed: _typed, ...view } = gateView(scenario, state, shown.gate);
  const facts = shown.facts.map((line): CheckedFact => {
    const [, bad, title = line, host = '', text = ''] = /^(NOT OK|ok) (.*?) \(([^)]*)\): (.*)$/s.exec(line) ?? [];
    return { ok: bad !== 'NOT OK', title, host, text };
  });
  return { ...view, ...(shown.typed === null ? {} : { typed: shown.typed }), facts, changed: [] };
}

/** What was known of each host then: it held until the next change. */
const liveOf = ({ state, seen }: Frame, now: number): ReturnType<ConsoleStore['getState']>['live'] =>
  Object.fromEntries(
    Object.entries(state.facts).map(([host, facts]) => [host, { facts, seenAt: now, changedAt: seen[host] ?? now }]),
  );

const checklistOf = ({ ticks }: IncidentState): ReturnType<ConsoleStore['getState']>['checklist'] =>
  preRestore.map(({ id, title }) => {
    const tick = ticks[id];
    return tick === undefined
      ? { id, title, status: 'unmet', how: 'seen', evidence: 'not ticked at this time' }
      : { id, title, status: 'met', how: tick.how, evidence: tick.evidence, at: tick.at };
  });

/** Every intent is refused but winding, looking things up and leaving. */
export function replayIntents(replay: Replay, leave: () => void): Intents {
  const no = (): string => NOT_HERE;
  const later = async (): Promise<string> => NOT_HERE;
  return {
    chooseScenario: no,
    choose: no,
    attest: no,
    tick: no,
    copyData: no,
    begin: no,
    verify: no,
    pause: no,
    openGate: later,
    confirmGate: async () => 'refused',
    cancelGate: no,
    approve: later,
    breakGlass: no,
    answer: no,
    skip: no,
    undo: no,
    stop: no,
    acceptHostKeys: later,
    retryHost: no,
    listBackups: no,
    giveSecret: () => undefined,
    writeReport: later,
    saveText: later,
    lookup: lookUp,
    tickMaintenance: no,
    replay: replay.control,
    leave,
  };
}
