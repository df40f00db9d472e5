import { fullRestore } from '../../scenarios/full-restore.js';
import type { ProvenBackup } from '../../scenarios/steps/fetch.js';
import { suggestPrimary } from '../../scenarios/steps/fitness.js';
import { VirtualClock } from '../../src/base/clock.js';
import { papersFor } from '../../src/cli/papers-text.js';
import { scenarios } from '../../src/cli/views.js';
import { surveyHost } from '../../src/cluster/survey.js';
import { watchCluster } from '../../src/cluster/watch.js';
import type { AnyEvent, IncidentEvent } from '../../src/incident/event.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { contextOf } from '../../src/incident/state.js';
import { HERE } from '../../src/incident/step.js';
import { NOTICE_FILE } from '../../src/k3s/paths.js';
import { Site } from '../../src/papers/site.js';
import { createPracticeCluster, type PracticeCluster } from '../../src/practice/cluster.js';
import type { FaultName } from '../../src/practice/faults.js';
import type { Previous } from '../../src/runner/right.js';
import { Refused, Runner } from '../../src/runner/runner.js';
import { MemoryRecord, stateAfter } from './fake-world.js';
import type { Cut } from './practice-host.js';
import {
  BACKUP,
  type PracticePorts,
  practiceCluster,
  practicePorts,
  provenSnapshot,
  rehearsalCluster,
} from './practice-ports.js';

export const RUN = '20261122-0314-7f3a';

export async function until(condition: () => boolean, what = 'it', rounds = 400_000): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`${what} did not come true`);
}

export interface RigOptions {
  readonly faults?: readonly FaultName[];
  /** The cluster may be overwritten, and the backup is of another one. */
  readonly elsewhere?: boolean;
  /** Keeps lock, journal and papers on the servers, as this operator. */
  readonly operator?: string;
  /** A second console on the cluster of another. */
  readonly beside?: Rig;
  readonly run?: string;
  /** Where a connection is lost. */
  readonly cut?: (host: string, argv: readonly string[]) => Cut | undefined;
  /** Called after each event is on "disk". */
  readonly kept?: (event: IncidentEvent, rig: Rig) => void;
}

/** Left of a run whose console died: what its record holds, and the cluster as it goes on. */
export interface Wreck {
  readonly events: readonly AnyEvent[];
  readonly cluster: PracticeCluster;
  readonly clock: VirtualClock;
  readonly fetched: ReadonlySet<string>;
}

function siteFor(
  operator: string | undefined,
  run: string,
  practice: PracticePorts,
  clock: VirtualClock,
  record: MemoryRecord,
  runner: () => Runner,
): Site | undefined {
  if (operator === undefined) return undefined;
  return new Site({
    servers: () =>
      practiceCluster.hosts
        .filter((host) => host.role === 'server')
        .map(({ name }) => ({
          host: practice.host(name),
          ...(runner().state.facts[name]?.reachable === true ? {} : { silent: `${name} does not answer` }),
        })),
    clock,
    owner: { operator, machine: `${operator}s-machine`, run, seat: operator },
    rows: (after) => record.rowsAfter(after),
    papers: (host) => papersFor({ scenario: runner().chosen, state: runner().state, host }),
    gone: () => [NOTICE_FILE],
    lost: (by) => runner().lost(by),
    kept: (on, without) => runner().kept(on, without),
  });
}

/** A whole console without a screen, in one process on a virtual clock: practice cluster, probes, runner, record. */
export class Rig {
  readonly fetched: Set<string>;
  readonly #abort = new AbortController();
  readonly #looking = new AbortController();
  readonly #stopClock: () => void;
  #watching: Promise<void> = Promise.resolve();
  #keeping: Promise<void> = Promise.resolve();
  #asleep = false;
  #left: Promise<void> = Promise.resolve();

  private constructor(
    readonly clock: VirtualClock,
    readonly cluster: PracticeCluster,
    readonly record: MemoryRecord,
    readonly practice: PracticePorts,
    readonly runner: Runner,
    fetched: Set<string>,
    readonly site: Site | undefined,
    private readonly guest: boolean,
  ) {
    this.fetched = fetched;
    this.#stopClock = guest ? () => undefined : clock.runFree();
    if (site === undefined) return;
    this.#keeping = this.#keep(site);
    runner.listen((_state, event) => {
      if (event?.type === 'run-ended') this.#left = site.leave(event.outcome !== 'stopped');
      else if (event !== undefined) site.gather();
    });
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const backup = await provenSnapshot(options.elsewhere === true ? 'foreign' : 's2');
    const clock = options.beside?.clock ?? new VirtualClock();
    const cluster = options.beside?.cluster ?? createPracticeCluster({ clock, faults: options.faults ?? [] });
    let rig: Rig | undefined;
    const record = new MemoryRecord(clock, (event) => {
      if (rig !== undefined) options.kept?.(event, rig);
    });
    const fetched = new Set<string>();
    const practice = practicePorts(cluster, clock, record, backup, fetched, options.cut);
    const run = options.run ?? RUN;
    const site = siteFor(options.operator, run, practice, clock, record, () => runner);
    const runner: Runner = Runner.open(
      { scenarios, ports: site === undefined ? practice.ports : { ...practice.ports, right: site } },
      {
        type: 'run-opened',
        runId: run,
        cluster: options.elsewhere === true ? rehearsalCluster : practiceCluster,
        operator: options.operator ?? 'tester',
        machine: 'here',
        version: '0',
        mode: 'drill',
      },
    );
    rig = new Rig(clock, cluster, record, practice, runner, fetched, site, options.beside !== undefined);
    rig.#watch();
    return rig;
  }

  /** Another console on what a dead one left. */
  static async resume(
    wreck: Wreck,
    how: { operator?: string; previous?: Previous; beside?: boolean } = {},
  ): Promise<Rig> {
    const before = stateAfter(wreck.events);
    const elsewhere = before.cluster.rehearsal !== undefined;
    const backup = await provenSnapshot(elsewhere ? 'foreign' : 's2');
    const record = new MemoryRecord(wreck.clock);
    record.events.push(...(wreck.events as IncidentEvent[]));
    const fetched = new Set(wreck.fetched);
    const practice = practicePorts(wreck.cluster, wreck.clock, record, backup as ProvenBackup, fetched);
    const site = siteFor(how.operator, RUN, practice, wreck.clock, record, () => runner);
    const ports = site === undefined ? practice.ports : { ...practice.ports, right: site };
    const previous = how.previous === undefined ? {} : { previous: how.previous };
    const runner: Runner = Runner.resume({ scenarios, ports, ...previous }, before, {
      type: 'run-resumed',
      operator: how.operator ?? 'tester',
      machine: 'there',
      version: '0',
    });
    const guest = how.beside === true;
    const rig = new Rig(wreck.clock, wreck.cluster, record, practice, runner, fetched, site, guest);
    rig.#watch();
    return rig;
  }

  /** Freezes record and cluster as they are now; undefined where the shell of a unit is between two steps. */
  wreck(): Wreck | undefined {
    if (!this.cluster.forkable) return undefined;
    const clock = new VirtualClock(this.clock.now());
    return {
      events: [...this.record.events],
      cluster: this.cluster.fork(clock),
      clock,
      fetched: new Set(this.fetched),
    };
  }

  async #keep(site: Site): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.clock.sleep(10_000, signal).catch(() => undefined);
      if (!signal.aborted && !this.#asleep && site.acting) await site.beat();
    }
  }

  #watch(): void {
    const signal = AbortSignal.any([this.#abort.signal, this.#looking.signal]);
    this.#watching = watchCluster({
      hosts: practiceCluster.hosts,
      clock: this.clock,
      signal,
      everyMs: () => 4_000,
      look: (host) => this.look(host.name),
      onLook: (host, facts, changed) => {
        if (changed) this.runner.seen(host, facts);
      },
    });
  }

  /** What a look at a host tells. The clock offset is left out: the survey compares with this machine's clock. */
  async look(name: string): Promise<HostFacts> {
    const about = practiceCluster.hosts.find((host) => host.name === name);
    if (about === undefined) throw new Error(`no host ${name}`);
    const facts = await surveyHost(this.practice.host(name), about, this.#abort.signal);
    return { ...facts, ...(facts.clockOffsetMs === undefined ? {} : { clockOffsetMs: 0 }) };
  }

  /** Everything recorded so far. */
  get events(): readonly IncidentEvent[] {
    return this.record.events as readonly IncidentEvent[];
  }

  get context() {
    return contextOf(this.runner.state, HERE, 1, true);
  }

  /** Chooses as the console would: full restore, the server that fits best, the newest backup; waits for the proof. */
  async choose(primary?: string, scenario = fullRestore.id): Promise<void> {
    const { runner } = this;
    await until(() => Object.keys(runner.state.facts).length === practiceCluster.hosts.length, 'a look at every host');
    if (runner.state.scenario === undefined) runner.chooseScenario(scenario);
    if (runner.scenario?.backup !== 'restored') {
      if (primary !== undefined) runner.choose('primary', primary);
      return;
    }
    const best = primary ?? suggestPrimary(this.context);
    if (best !== undefined) runner.choose('primary', best);
    runner.choose('snapshot', BACKUP);
    await until(() => runner.state.cells[`fetch@${HERE}`]?.endedAt !== undefined, 'the proof');
  }

  /** Opens every gate and answers what it asks; ends with the run, or where a person has to decide. */
  async play(done: () => boolean = () => false): Promise<void> {
    const { runner } = this;
    const over = (): boolean => done() || runner.state.ended !== undefined;
    for (let round = 0; round < 60; round++) {
      await until(() => over() || runner.attention.kind !== 'none', `the next decision after ${this.#last()}`);
      if (over() || runner.attention.kind === 'trouble') return;
      const gate = await runner.openGate().catch((error: unknown) => {
        // What was in the air came back done while the facts were asked: the gate waits no longer.
        if (error instanceof Refused && runner.attention.kind !== 'gate') return undefined;
        throw error;
      });
      if (gate === undefined) continue;
      let answer = await runner.confirmGate(gate.typed);
      // Something ended between reading and confirming: the gate is shown anew, with what changed.
      while (answer === 'changed') answer = await runner.confirmGate(gate.typed);
      if (answer === 'blocked') return;
      await until(() => over() || runner.attention.kind !== 'gate' || runner.attention.open === undefined, 'the gate');
    }
    throw new Error('it went round in circles');
  }

  #last(): string {
    return JSON.stringify(this.record.events.at(-1)).slice(0, 300);
  }

  /** Lets time pass without touching anything. */
  async wait(ms: number): Promise<void> {
    await this.clock.sleep(ms);
  }

  /** Lets time pass with nobody looking at the hosts: quicker, where only the end counts. */
  async rest(ms: number): Promise<void> {
    this.#looking.abort(new Error('resting'));
    await this.clock.sleep(ms);
  }

  async run(node: string, command: string): Promise<{ code: number; stdout: string; stderr: string }> {
    return this.cluster.node(node).exec(command);
  }

  /** This console is gone without a word: nothing is let go of on the servers. */
  async die(): Promise<void> {
    this.#abort.abort(new Error('killed'));
    await this.runner.close();
    await this.#watching;
    await this.#keeping;
  }

  /** The laptop is closed for a while: neither looks nor heartbeats. */
  async sleep(ms: number): Promise<void> {
    this.#asleep = true;
    await this.clock.sleep(ms);
    this.#asleep = false;
  }

  /** Ends this console; what runs on nodes goes on. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('closing'));
    await this.runner.close();
    await this.#watching;
    await this.#left;
    await this.#keeping;
    this.#stopClock();
    if (!this.guest) this.cluster.close();
  }
}
