import { describe, expect, test } from 'vitest';
import { commandFor, footerKeys, KEYS, looksOnly, workingKeys } from '../../components/keys.js';
import type { Attention } from '../../src/incident/attention.js';
import type { IncidentEvent, Payload } from '../../src/incident/event.js';
import { foldAll } from '../../src/incident/fold.js';
import { type ConsoleState, createConsoleStore } from '../../src/store/store.js';
import { initialView, PANES, type ViewState } from '../../src/store/view.js';
import { opening, threeHosts } from '../support/fake-world.js';

function incident(payloads: readonly Payload[]) {
  return foldAll(
    [opening, ...payloads].map(
      (payload, index) => ({ seq: index + 1, at: '2026-11-22T03:14:00.000Z', mono: 0, ...payload }) as IncidentEvent,
    ),
  );
}

const chosen: Payload = { type: 'scenario-chosen', scenario: 'fake' };
const begun: Payload = { type: 'plan-begun' };
const STAGES: Readonly<Record<string, readonly Payload[]>> = {
  opening: [],
  chosen: [chosen],
  begun: [chosen, begun],
  undoing: [chosen, begun, { type: 'undo-begun', reason: 'x' }],
  ended: [chosen, begun, { type: 'run-ended', outcome: 'recovered', summary: '' }],
};
const ATTENTION: readonly Attention[] = [
  { kind: 'none' },
  { kind: 'gate', gate: 'go', checking: false },
  { kind: 'trouble', step: 'one', host: 'a', why: 'failed' },
];

interface Situation {
  readonly name: string;
  readonly state: ConsoleState;
  readonly view: ViewState;
}

/** Every combination of what the keys depend on. */
function* situations(): Generator<Situation> {
  for (const mode of ['LIVE', 'DRILL', 'OBSERVE', 'REPLAY'] as const)
    for (const [stage, payloads] of Object.entries(STAGES))
      for (const attention of ATTENTION)
        for (const focus of PANES)
          for (const silent of [false, true])
            for (const more of [false, true]) {
              const base = createConsoleStore(threeHosts, mode, 0).getState();
              const live = { a: { facts: { reachable: !silent }, seenAt: 0, changedAt: 0 } };
              const unknownKeys = more ? [{ host: 'a', address: 'a', type: 't', fingerprint: 'f' }] : [];
              const state: ConsoleState = { ...base, incident: incident(payloads), attention, live, unknownKeys };
              const journal = { ...initialView.journal, at: more ? 7 : undefined, search: silent ? 'etcd' : '' };
              const view: ViewState = { ...initialView, focus, zoom: more, journal };
              yield {
                name: JSON.stringify({ mode, stage, attention: attention.kind, focus, silent, more }),
                state,
                view,
              };
            }
}

const ALL = [...situations()];

describe('the keys', () => {
  test('no two mean different things at the same time; only enter has an order, a decision first', () => {
    for (const { name, state, view } of ALL) {
      const taken = new Map<string, string>();
      for (const key of workingKeys(state, view)) {
        for (const press of key.press) {
          const other = taken.get(press);
          if (press === 'return' && other !== undefined) expect(['open-gate', 'trouble'], name).toContain(other);
          else expect(other, `${press} in ${name}`).toBeUndefined();
          taken.set(press, key.id);
        }
      }
    }
  });

  test('what the footer shows is what the key does', () => {
    for (const { name, state, view } of ALL)
      for (const key of footerKeys(state, view))
        expect(commandFor(key.press[0] ?? '', state, view), `${key.keys} in ${name}`).toBe(key.id);
  });

  test('who observes has no key that acts', () => {
    for (const { state, view } of ALL.filter((one) => looksOnly(one.state)))
      expect(workingKeys(state, view).filter((key) => key.acts === true)).toEqual([]);
  });

  test('a replay is wound by keys that are nowhere else, and has none that needs a cluster', () => {
    for (const { name, state, view } of ALL) {
      const replay = state.mode === 'REPLAY';
      expect(commandFor(' ', state, view), name).toBe(replay ? 'play' : undefined);
      expect(commandFor(']', state, view), name).toBe(replay ? 'next-failure' : undefined);
      if (replay) expect(workingKeys(state, view).filter((key) => key.live === true)).toEqual([]);
    }
  });

  test('help and leaving work everywhere', () => {
    for (const { name, state, view } of ALL) {
      expect(commandFor('?', state, view), name).toBe('help');
      expect(commandFor('q', state, view), name).toBe('quit');
      expect(commandFor('ctrl-c', state, view), name).toBe('quit');
    }
  });

  test('a waiting decision is opened by enter, from every pane', () => {
    for (const { name, state, view } of ALL) {
      if (looksOnly(state) || state.attention.kind === 'none') continue;
      expect(commandFor('return', state, view), name).toBe(state.attention.kind === 'gate' ? 'open-gate' : 'trouble');
    }
  });

  test('while a dialog is open no pane hears a key', () => {
    const { state } = ALL[0] as Situation;
    const view: ViewState = { ...initialView, dialogs: [{ kind: 'help' }] };
    for (const key of KEYS) for (const press of key.press) expect(commandFor(press, state, view)).toBeUndefined();
  });

  test('each has a label and a name for people', () => {
    for (const key of KEYS) {
      expect(key.label, key.id).not.toBe('');
      expect(key.keys, key.id).not.toBe('');
      expect(key.press.length, key.id).toBeGreaterThan(0);
    }
  });
});
