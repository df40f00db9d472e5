import { expect, test } from 'vitest';
import { stepLines } from '../../components/panes/step.js';
import { WAYS } from '../../scenarios/steps/member.js';
import { papersFor } from '../../src/cli/papers-text.js';
import { planDocument, planMarkdown, planShell } from '../../src/cli/plan-text.js';
import { rootCommands } from '../../src/cli/root-commands.js';
import { scenarios, triageView } from '../../src/cli/views.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { planOf } from '../../src/incident/plan.js';
import { contextOf, type IncidentState } from '../../src/incident/state.js';
import { HERE, type Scenario } from '../../src/incident/step.js';
import { FAULTS } from '../../src/practice/faults.js';
import { createConsoleStore } from '../../src/store/store.js';
import { seeded } from '../support/mutations.js';
import { practiceCluster } from '../support/practice-ports.js';
import { Rig, until } from '../support/rig.js';

/**
 * Whatever is wrong with the cluster, every scenario can be chosen, with every choice made and not made: a plan that cannot be drawn, checked or
 * written down yet says so, and never ends the console.
 */

const SERVERS = practiceCluster.hosts.filter((host) => host.role === 'server').map((host) => host.name);

function* choicesOf(state: IncidentState): Generator<IncidentState> {
  const { primary: _p, target: _t, way: _w, snapshot: _s, ...rest } = state.choices;
  const with_ = (choices: Partial<IncidentState['choices']>): IncidentState => ({
    ...state,
    choices: { ...rest, ...choices } as IncidentState['choices'],
  });
  yield with_({});
  yield with_({ snapshot: 'snapshot-weekly-20261122020000.db.gpg' });
  for (const name of SERVERS) {
    yield with_({ primary: name });
    yield with_({ target: name });
    for (const way of WAYS)
      yield with_({ target: name, way, primary: SERVERS.find((one) => one !== name) ?? name, snapshot: 'x.db' });
  }
}

/** What of a look may be missing: a command that timed out, a program that is not there, text that was not understood. */
const MAY_MISS: Readonly<Record<string, readonly string[]>> = {
  '': [
    ...[
      'latencyMs',
      'hostname',
      'machineId',
      'os',
      'addresses',
      'init',
      'lacks',
      'clockOffsetMs',
      'diskFree',
      'diskSize',
      'service',
      'data',
    ],
    ...[
      'held',
      'ports',
      'processes',
      'etcd',
      'members',
      'apiReady',
      'lastFatal',
      'certExpires',
      'cannotReach',
      'caHash',
    ],
  ],
  service: ['serverUrl', 'nodeName', 'nodeIp', 'dataDir', 'tokenHash', 'tokenFrom'],
  data: ['dbBytes', 'etcdBytes', 'dbModified', 'content'],
  etcd: ['revision', 'index'],
};

/** The same look with a third of what may be missing gone, and now and then a host that did not answer at all. */
function poorer(facts: HostFacts, random: (below: number) => number): HostFacts {
  if (random(8) === 0) return { reachable: false, problem: { id: 'host-timeout', what: 'too slow', next: 'wait' } };
  const without = (from: object, keys: readonly string[]): object =>
    Object.fromEntries(Object.entries(from).filter(([key]) => !keys.includes(key) || random(3) > 0));
  const top = without(facts, MAY_MISS[''] ?? []) as Record<string, unknown>;
  for (const key of ['service', 'data', 'etcd'])
    if (typeof top[key] === 'object' && top[key] !== null) top[key] = without(top[key], MAY_MISS[key] ?? []);
  return top as unknown as HostFacts;
}

/** Everything that is made of a plan before it begins. */
function drawn(scenario: Scenario, state: IncidentState): void {
  const context = contextOf(state, HERE, 1, true);
  scenario.missing(context);
  scenario.suggests?.(context);
  for (const asked of scenario.asks) asked.options(context);
  const plan = planOf(scenario, state);
  rootCommands(scenario, state);
  planMarkdown(planDocument(scenario, state));
  planShell(planDocument(scenario, state));
  for (const host of SERVERS) papersFor({ scenario, state, host });
  for (const planned of plan.flatMap((phase) => phase.steps))
    stepLines(
      { ...createConsoleStore(practiceCluster, 'DRILL', 0).getState(), incident: state, scenario },
      planned,
      100,
    );
}

function failuresOf(state: IncidentState): string[] {
  const failures: string[] = [];
  const trying = (what: string, act: () => unknown): void => {
    try {
      act();
    } catch (error) {
      const at = error instanceof Error ? error.stack?.split('\n').slice(0, 5).join(' ') : String(error);
      failures.push(`${what}: ${at}`);
    }
  };
  trying('triage', () => triageView(state.cluster, state.facts, { newest: undefined, now: 0 }, undefined));
  for (const scenario of scenarios.values())
    for (const one of choicesOf({ ...state, scenario: scenario.id })) trying(scenario.id, () => drawn(scenario, one));
  return failures;
}

test.each(FAULTS.map((fault) => fault.name))('%s: every scenario can be chosen', async (fault) => {
  const rig = await Rig.start({ faults: [fault] });
  try {
    await until(
      () => Object.keys(rig.runner.state.facts).length === practiceCluster.hosts.length,
      'a look at every host',
    );
    const { state } = rig.runner;
    const random = seeded(7);
    const seen = [
      state.facts,
      ...Array.from({ length: 2 }, () =>
        Object.fromEntries(Object.entries(state.facts).map(([name, facts]) => [name, poorer(facts, random)])),
      ),
    ];
    expect([...new Set(seen.flatMap((facts) => failuresOf({ ...state, facts })))]).toEqual([]);
  } finally {
    await rig.close();
  }
});
