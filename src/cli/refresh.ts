import type { Cluster } from '../incident/cluster.js';
import { planOf } from '../incident/plan.js';
import { contextOf } from '../incident/state.js';
import { HERE } from '../incident/step.js';
import type { RunRecord } from '../record/record.js';
import type { Runner } from '../runner/runner.js';
import type { ConsoleState, ConsoleStore } from '../store/store.js';
import { checklistView, triageView } from './views.js';

export interface RefreshOptions {
  readonly store: ConsoleStore;
  readonly cluster: Cluster;
  runner(): Runner;
  record(): RunRecord;
  /** What is missing beyond what the scenario itself says. */
  alsoMissing(): readonly string[];
  /** When the newest backup was taken, milliseconds since the epoch. */
  newestBackup(): number | undefined;
  /** Usual seconds of a scenario's steps. */
  estimates(scenario: string): ReadonlyMap<string, number>;
  checklistSeen(): Parameters<typeof checklistView>[0];
}

const NONE: ReadonlyMap<string, number> = new Map();

/** Brings what the runner knows into the store. Many events in one moment become one redraw. */
export class Refresh {
  readonly #options: RefreshOptions;
  #waiting = false;

  constructor(options: RefreshOptions) {
    this.#options = options;
  }

  soon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    setImmediate(() => {
      this.#waiting = false;
      this.now();
    });
  }

  now(): void {
    const { store, cluster } = this.#options;
    const runner = this.#options.runner();
    const { scenario, state } = runner;
    const trouble = this.#options.record().trouble;
    store.setState({
      incident: state,
      // While another console is followed, what is shown is not our record.
      chain: runner.observing === undefined ? { events: state.lastSeq, head: this.#options.record().head } : undefined,
      scenario,
      plan: scenario === undefined ? [] : planOf(scenario, state),
      missing: [...(scenario?.missing(contextOf(state, HERE, 1, true)) ?? []), ...this.#options.alsoMissing()],
      estimates: state.scenario === undefined ? NONE : this.#options.estimates(state.scenario),
      attention: runner.attention,
      ...(runner.observing === undefined || store.getState().mode === 'OBSERVE'
        ? {}
        : { mode: 'OBSERVE' as const, observing: runner.observing }),
      progress: new Map(runner.progress),
      triage: triageView(
        cluster,
        state.facts,
        { newest: this.#options.newestBackup(), now: store.getState().now },
        state.scenario,
      ),
      checklist: checklistView(this.#options.checklistSeen()),
      ...(trouble === undefined ? {} : { warning: trouble }),
      ...(practiceGone(store.getState())
        ? { warning: 'this practice cluster is gone, its state was memory only: blackstart drill' }
        : {}),
    });
  }
}

/** The practice cluster is a process that ends by itself; its hosts then refuse every connection. */
function practiceGone({ live, cluster }: ConsoleState): boolean {
  const hosts = Object.values(live);
  return (
    cluster.drill &&
    hosts.length === cluster.hosts.length &&
    hosts.every((one) => one.facts.problem?.id === 'host-unreachable')
  );
}
