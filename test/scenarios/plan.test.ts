import { describe, expect, test } from 'vitest';
import { fullRestore } from '../../scenarios/full-restore.js';
import { rootCommands } from '../../src/cli/root-commands.js';
import { scenarios } from '../../src/cli/views.js';
import type { Cluster, ClusterHost } from '../../src/incident/cluster.js';
import type { Command, ExecCommand } from '../../src/incident/command.js';
import type { AnyEvent, IncidentEvent, Payload } from '../../src/incident/event.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { foldAll } from '../../src/incident/fold.js';
import { behindGate, gateEffect, isOver, planOf, scenarioFaults } from '../../src/incident/plan.js';
import { contextOf, type IncidentState } from '../../src/incident/state.js';
import { HERE } from '../../src/incident/step.js';
import { gateView } from '../../src/runner/gate.js';

const host = (name: string, role: ClusterHost['role'], number: number): ClusterHost => ({
  name,
  role,
  address: `10.0.${role === 'server' ? 0 : 1}.${number}`,
  nodeName: name,
  dataDir: '/var/lib/rancher/k3s',
  service: role === 'server' ? 'k3s' : 'k3s-agent',
});

function clusterOf(servers: number, agents: number): Cluster {
  return {
    name: 'prod-eu',
    drill: false,
    contacts: [],
    hosts: [
      ...Array.from({ length: servers }, (_, index) => host(`node-${index + 1}`, 'server', index + 1)),
      ...Array.from({ length: agents }, (_, index) => host(`worker-${index + 1}`, 'agent', index + 1)),
    ],
  };
}

function factsOf(one: ClusterHost): HostFacts {
  return {
    reachable: true,
    init: 'systemd',
    service: {
      path: '/usr/local/bin/k3s',
      version: 'v1.35.0+k3s1',
      unit: {
        load: 'loaded',
        active: 'activating',
        sub: 'auto-restart',
        enabled: 'enabled',
        restarts: 3,
        crashLoop: true,
        activeSince: null,
      },
      args: ['--disable=traefik', "--kubelet-arg=node-labels=it's $HOME"],
      serverUrl: { url: 'https://vip.example:6443', from: 'arguments' },
      clusterInit: false,
      etcdS3: false,
      clusterReset: false,
      configFiles: ['/etc/rancher/k3s/config.yaml', '/etc/rancher/k3s/config.yaml.d/50-a.yaml'],
      problems: [],
    },
    ...(one.role === 'server'
      ? { data: { datastore: 'etcd', resetFlag: true, tombstone: false, mountPoint: false, aside: [] } }
      : {}),
  };
}

function incident(servers: number, agents: number): IncidentState {
  const cluster = clusterOf(servers, agents);
  const payloads: Payload[] = [
    { type: 'run-opened', runId: 'r1', cluster, operator: 'o', machine: 'm', version: '0', mode: 'live' },
    ...cluster.hosts.map((one): Payload => ({ type: 'host-seen', host: one.name, facts: factsOf(one) })),
    { type: 'scenario-chosen', scenario: fullRestore.id },
    { type: 'chosen', key: 'primary', value: 'node-1' },
    { type: 'chosen', key: 'snapshot', value: 'weekly.db.gpg' },
    {
      type: 'step-ended',
      step: 'test-image',
      host: 'node-1',
      attempt: 1,
      outcome: 'done',
      evidence: [],
      learned: { image: 'docker.io/rancher/mirrored-pause:3.6' },
    },
  ];
  const events = payloads.map((payload, index): AnyEvent => {
    return { seq: index + 1, at: '2026-11-22T03:14:00.000Z', mono: 0, ...payload } as IncidentEvent;
  });
  const state = foldAll(events);
  if (state === undefined) throw new Error('it opens');
  return state;
}

const commandsOf = (state: IncidentState): { step: string; host: string; command: Command }[] =>
  planOf(fullRestore, state).flatMap((phase) =>
    phase.steps.flatMap(({ step, hosts }) =>
      hosts.flatMap(({ host: name, when }) =>
        (when.run === 'no' ? [] : (step.run?.(contextOf(state, name, 1, true)) ?? [])).map((command) => ({
          step: step.id,
          host: name,
          command,
        })),
      ),
    ),
  );

const execs = (state: IncidentState): ExecCommand[] =>
  commandsOf(state).flatMap(({ command }) => (command.kind === 'exec' ? [command] : []));

test('every scenario can be looked at before anything is chosen', () => {
  const { choices: _choices, ...state } = incident(3, 2);
  for (const scenario of scenarios.values()) {
    const bare = { ...state, scenario: scenario.id, choices: { fenced: [], left: [] } } as IncidentState;
    expect(() => rootCommands(scenario, bare), scenario.id).not.toThrow();
    expect(scenario.missing(contextOf(bare, HERE, 1, true)), scenario.id).not.toEqual([]);
  }
});

describe('the scenario as data', () => {
  test('has no fault', () => expect(scenarioFaults(fullRestore)).toEqual([]));

  test('names the runbook line, the reason and the way back of every step', () => {
    for (const step of fullRestore.phases.flatMap((phase) => phase.steps)) {
      expect(step.runbook, step.id).not.toBe('');
      expect(step.why, step.id).not.toBe('');
      if ('none' in step.undo) expect(step.undo.none, step.id).not.toBe('');
    }
  });

  test('every step that destroys stands behind a gate where something is typed', () => {
    const state = incident(3, 2);
    const context = contextOf(state, HERE, 1, true);
    const destroying = fullRestore.phases.flatMap((phase) => phase.steps).filter((step) => step.effect === 'destroy');
    expect(destroying.map((step) => step.id)).toEqual(['reset', 'aside', 'node-password', 'delete-gone']);
    for (const step of destroying) {
      const gate = fullRestore.gates.find((one) => one.id === step.gate);
      expect(gate?.typed(context), step.id).toBeTruthy();
      expect(gateEffect(fullRestore, step.gate ?? '')).toBe('destroy');
    }
    expect(fullRestore.gates.find((gate) => gate.id === 'reset')?.typed(context)).toBe('node-1');
    expect(fullRestore.gates.find((gate) => gate.id === 'release')?.typed(context)).toBe('prod-eu');
  });

  test.each([
    [1, 0],
    [3, 0],
    [3, 2],
    [5, 8],
    [7, 20],
  ])('asks at most six times, with %i servers and %i agents', (servers, agents) => {
    const state = incident(servers, agents);
    const asked = fullRestore.gates.filter((gate) => behindGate(fullRestore, state, gate.id).length > 0);
    expect(asked.length).toBeLessThanOrEqual(6);
    expect(asked.length).toBeGreaterThanOrEqual(4);
    const steps = planOf(fullRestore, state).flatMap((phase) => phase.steps);
    const changing = steps.filter(({ step }) => step.effect !== 'observe');
    const named = changing.flatMap(({ step, hosts }) =>
      hosts.filter((one) => !isOver(one)).map((one) => `${step.id}@${one.host}`),
    );
    const behind = fullRestore.gates.flatMap((gate) => behindGate(fullRestore, state, gate.id));
    expect(behind.map((one) => `${one.step.id}@${one.host}`).sort()).toEqual(expect.arrayContaining(named));
  });

  test('numbers run through the steps that are carried out, and leave out the others', () => {
    const steps = planOf(fullRestore, incident(3, 2)).flatMap((phase) => phase.steps);
    const carriedOut = steps.filter(({ hosts }) => hosts.some((one) => one.when.run !== 'no'));
    expect(carriedOut.length).toBeLessThan(steps.length);
    expect(carriedOut.map(({ number }) => number)).toEqual(carriedOut.map((_step, at) => at + 1));
  });

  test('a gate names every host and every command behind it', () => {
    const state = incident(5, 3);
    const view = gateView(fullRestore, state, 'release');
    expect(view.hosts).toEqual(['node-2', 'node-3', 'node-4', 'node-5', 'worker-1', 'worker-2', 'worker-3']);
    for (const name of view.hosts) expect(view.commands.some((one) => one.host === name)).toBe(true);
  });
});

describe('every command of the plan', () => {
  const PROGRAMS = new Set(
    'rm mkdir systemctl install sed mv timeout restorecon systemd-run /bin/sh cp cat chmod stat touch'.split(' '),
  );

  test('is one simple command with a program of PATH or an absolute one', () => {
    for (const { argv } of execs(incident(3, 2))) {
      const [program = ''] = argv;
      expect(PROGRAMS.has(program) || program === '/usr/local/bin/k3s', program).toBe(true);
      for (const word of argv) expect(word, argv.join(' ')).not.toMatch(/[\n\0]/);
    }
  });

  test('takes no shell text: what is run by a shell is a file that was put there', () => {
    for (const { argv } of execs(incident(3, 2))) {
      for (const [index, word] of argv.entries()) {
        if (/(^|\/)(sh|bash)$/.test(word)) {
          expect(argv[index + 1]).toMatch(/^\/var\/lib\/blackstart\/.*\.sh$/);
          expect(argv[index + 1]).not.toBe('-c');
        }
      }
      expect(argv).not.toContain('eval');
    }
  });

  test('a unit gets every dollar sign doubled, and its own arguments else as they are', () => {
    const unit = execs(incident(3, 2)).find(({ argv }) => argv.includes('--cluster-reset'));
    expect(unit?.argv).toContain("--kubelet-arg=node-labels=it's $$HOME");
    expect(unit?.argv).toContain('--disable=traefik');
    expect(unit?.argv.some((word) => word.startsWith('--server'))).toBe(false);
    expect(unit?.again).toBe('never');
  });

  test('deletes nothing but what this run has placed', () => {
    for (const { argv } of execs(incident(5, 2))) {
      if (argv[0] !== 'rm') continue;
      const paths = argv.slice(1).filter((word) => !word.startsWith('-'));
      for (const path of paths) expect(path).toMatch(/blackstart/);
      expect(paths.length).toBeGreaterThan(0);
    }
  });

  test('writes only files of its own', () => {
    for (const { command } of commandsOf(incident(3, 2))) {
      if (command.kind === 'put') expect(command.path).toMatch(/blackstart/);
    }
  });
});
