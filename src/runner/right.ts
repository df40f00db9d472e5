import {
  type Holder,
  holderText,
  isoClock,
  isStale,
  type Readiness,
  type RightPort,
  silence,
} from '../incident/acting.js';
import type { GateView } from '../incident/attention.js';
import type { Payload } from '../incident/event.js';
import type { IncidentState } from '../incident/state.js';

/** The gate at which a person acts in place of another; it belongs to no scenario. */
export const TAKE_OVER = 'take-over';

/** Whom a run was taken over from, where no lock tells it any more. */
export interface Previous {
  readonly operator: string;
  readonly machine: string;
  readonly run: string;
  /** ISO 8601, by whatever clock saw it. */
  readonly lastSign: string;
  /** Of their lock, where they were at work when it was taken over: it is known that they are. */
  readonly id?: string;
}

export interface RightOptions {
  readonly port: RightPort | undefined;
  /** Set where the run itself was taken over: then the gate stands even where nobody holds a lock. */
  readonly previous?: Previous;
  state(): IncidentState;
  append(payload: Payload): void;
  /** Somebody else acts: this console only looks from here on. */
  observe(reason: string): void;
}

export type Ensured =
  | { readonly kind: 'ours' }
  | { readonly kind: 'gate'; readonly view: GateView }
  | { readonly kind: 'refused'; readonly reason: string };

/** The right to act: taken when the first gate is opened, lost for good when somebody else takes it. */
export class Right {
  readonly #options: RightOptions;
  #previous: Previous | undefined;
  #holder: Holder | undefined;
  #ours = false;

  constructor(options: RightOptions) {
    this.#options = options;
    this.#previous = options.previous;
  }

  /** Before a gate is opened: takes the right, or says what stands in the way. */
  async ensure(): Promise<Ensured> {
    const { port } = this.#options;
    if (port === undefined || this.#ours) return { kind: 'ours' };
    const taken = await port.take();
    if (taken.kind === 'elsewhere') {
      const when = taken.lastSign === '' ? '' : `, last at ${isoClock(taken.lastSign)}`;
      return this.#refuse(
        `${taken.operator} on ${taken.machine} has gone on with this run${when}. This console only looks. To go on yourself: blackstart take-over.`,
      );
    }
    if (taken.kind === 'held') {
      if (!isStale(taken.by) && this.#previous === undefined) return this.#refuse(busy(taken.by));
      this.#holder = taken.by;
      return { kind: 'gate', view: this.#gate(taken.by) };
    }
    if (this.#previous !== undefined) return { kind: 'gate', view: this.#gate(this.#previous) };
    this.#note(taken.on, taken.without, undefined);
    return { kind: 'ours' };
  }

  /** The take-over gate was answered rightly. Its facts are looked at once more. */
  async takeOver(): Promise<'ours' | { readonly changed: GateView; readonly what: string }> {
    const { port } = this.#options;
    if (port === undefined) return 'ours';
    const shown = this.#holder;
    const now = await port.take();
    if (now.kind === 'held' && (now.by.id !== shown?.id || isStale(now.by) !== isStale(shown))) {
      this.#holder = now.by;
      return { changed: this.#gate(now.by), what: factText(now.by) };
    }
    const taken = now.kind === 'held' ? await port.takeFrom(now.by) : now;
    if (taken.kind !== 'ours') {
      if (taken.kind === 'held') this.#holder = taken.by;
      const by = taken.kind === 'held' ? taken.by : { ...taken, run: this.#options.state().runId };
      return { changed: this.#gate(by), what: factText(by) };
    }
    this.#note(taken.on, taken.without, shown ?? this.#previous);
    return 'ours';
  }

  /** Just before something is sent. False: it was lost, nothing may be sent. */
  async ready(how: Readiness): Promise<boolean> {
    const by = await this.#options.port?.ready(how);
    if (by === undefined) return true;
    this.lost(by);
    return false;
  }

  lost(by: Holder): void {
    if (!this.#ours) return;
    this.#ours = false;
    this.#options.append({ type: 'lock-lost', operator: by.operator, machine: by.machine, run: by.run });
    this.#options.observe(`${holderText(by)} has taken over: this console only looks.`);
  }

  #refuse(reason: string): Ensured {
    this.#options.observe(reason);
    return { kind: 'refused', reason };
  }

  #note(on: readonly string[], without: readonly { host: string; why: string }[], from: Previous | undefined): void {
    this.#ours = true;
    this.#previous = undefined;
    this.#holder = undefined;
    this.#options.append({
      type: 'lock-taken',
      on,
      without,
      ...(from === undefined
        ? {}
        : { from: { operator: from.operator, machine: from.machine, run: from.run, lastSign: from.lastSign } }),
    });
  }

  #gate(by: Previous | Holder): GateView {
    const { cluster, runId } = this.#options.state();
    const alive = 'silentFor' in by && !isStale(by);
    const same = by.run === runId;
    return {
      id: TAKE_OVER,
      title: `Act in place of ${by.operator} on ${by.machine}`,
      effect: 'destroy',
      typed: cluster.name,
      hosts: cluster.hosts.filter((host) => host.role === 'server').map((host) => host.name),
      steps: [],
      does: same
        ? `goes on with run ${by.run}, which ${by.operator} on ${by.machine} carried out; their console can then only look`
        : `breaks the lock of run ${by.run}, which ${by.operator} on ${by.machine} carried out, and carries out ${runId} instead${alive ? '' : '. To go on with their run leave this and use: blackstart take-over'}`,
      loses: alive
        ? `${by.operator} is at work right now: what they are about to do is refused. Call them first`
        : 'nothing on the cluster; if they still work somewhere out of reach, two people act at once. Call them first',
      keeps: 'their papers and journal, and everything on the cluster as it is',
      undo: 'they can take over again the same way',
      losses: [],
      commands: [],
      facts: [{ title: 'last sign of life', host: 'on' in by ? by.on : 'journal', ok: true, text: factText(by) }],
      changed: [],
    };
  }
}

const busy = (by: Holder): string =>
  `${holderText(by)} acts on this cluster, last sign of life ${silence(by.silentFor)} ago. This console only looks.`;

function factText(by: Previous | Holder): string {
  const sign =
    by.lastSign === ''
      ? 'last sign of life unknown'
      : `last sign of life ${by.lastSign.slice(0, 10)} ${isoClock(by.lastSign)}`;
  const alive = 'silentFor' in by && !isStale(by);
  return `${by.operator} on ${by.machine}, run ${by.run}, ${alive ? 'at work just now' : sign}`;
}
