import { render } from 'ink-testing-library';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { App } from '../../components/App.js';
import type { Attention, GateView } from '../../src/incident/attention.js';
import type { Intents } from '../../src/incident/intents.js';
import { createConsoleStore } from '../../src/store/store.js';
import { threeHosts } from '../support/fake-world.js';

/** A gate on the screen of the whole console, and keys at it. */

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

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

const until = async (condition: () => boolean): Promise<void> => {
  for (let round = 0; !condition(); round++) {
    if (round > 500) throw new Error('it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

function open() {
  const store = createConsoleStore(threeHosts, 'LIVE', 0);
  const shown = (view: GateView): void =>
    store.setState({ attention: { kind: 'gate', gate: view.id, open: view, checking: false } satisfies Attention });
  const confirmGate = vi.fn(async () => 'confirmed' as const);
  const intents = { openGate: async () => undefined, confirmGate, cancelGate: () => undefined } as unknown as Intents;
  const app = render(<App store={store} intents={intents} />);
  ends.push(app.unmount);
  const sees = (what: string): boolean => app.lastFrame()?.includes(what) === true;
  /** Types until it stands there: what is typed in the first half second is refused. */
  const type = async (): Promise<void> => {
    await until(() => {
      if (!sees('a▌')) app.stdin.write('a');
      return sees('a▌');
    });
  };
  return { app, shown, confirmGate, sees, type };
}

describe('another gate in the place of the one that was read', () => {
  test('begins empty and counts its dead time anew, although the same name opens it', async () => {
    const { app, shown, confirmGate, sees, type } = open();
    shown(gate('one', 'The first one'));
    app.stdin.write('\r');
    await until(() => sees('The first one'));
    await type();
    shown(gate('two', 'The second one'));
    // In the very moment it is known, and once it is drawn.
    app.stdin.write('\r');
    await until(() => sees('The second one'));
    app.stdin.write('\r');
    await until(() => sees('Too soon'));
    expect(confirmGate).not.toHaveBeenCalled();
    expect(sees('a▌')).toBe(false);
    await type();
    await until(() => {
      app.stdin.write('\r');
      return confirmGate.mock.calls.length > 0;
    });
  });
});
