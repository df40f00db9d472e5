import { describe, expect, test, vi } from 'vitest';
import type { Attention, GateView } from '../../src/incident/attention.js';
import { openApp, until } from './app-rig.js';

/** A gate on the screen of the whole console, and keys at it. */

const gate = (id: string, title: string): GateView => ({
  id,
  title,
  effect: 'destroy',
  typed: 'a',
  hosts: ['a'],
  steps: [{ title, hosts: ['a'] }],
  does: 'something',
  loses: 'something',
  losses: [],
  keeps: 'nothing',
  undo: 'none',
  commands: [],
  facts: [],
  changed: [],
});

function open() {
  const confirmGate = vi.fn(async () => 'confirmed' as const);
  const { store, sees, press } = openApp({
    openGate: async () => undefined,
    confirmGate,
    cancelGate: () => undefined,
  });
  const shown = (view: GateView): void =>
    store.setState({ attention: { kind: 'gate', gate: view.id, open: view, checking: false } satisfies Attention });
  /** Types until it stands there: what is typed in the first half second is refused. */
  const type = (): Promise<void> =>
    until(() => {
      if (!sees('a▌')) press('a');
      return sees('a▌');
    });
  return { shown, confirmGate, sees, press, type };
}

describe('another gate in the place of the one that was read', () => {
  test('begins empty and counts its dead time anew, although the same name opens it', async () => {
    const { shown, confirmGate, sees, press, type } = open();
    shown(gate('one', 'The first one'));
    press('\r');
    await until(() => sees('The first one'));
    await type();
    shown(gate('two', 'The second one'));
    // In the very moment it is known, and once it is drawn.
    press('\r');
    await until(() => sees('The second one'));
    press('\r');
    await until(() => sees('Too soon'));
    expect(confirmGate).not.toHaveBeenCalled();
    expect(sees('a▌')).toBe(false);
    await type();
    await until(() => {
      press('\r');
      return confirmGate.mock.calls.length > 0;
    });
  });
});
