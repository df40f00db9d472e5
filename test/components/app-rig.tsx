import { render } from 'ink-testing-library';
import { afterEach } from 'vitest';
import { App } from '../../components/App.js';
import type { Intents } from '../../src/incident/intents.js';
import { createConsoleStore } from '../../src/store/store.js';
import { threeHosts } from '../support/fake-world.js';

/** The whole console on a screen in memory, over a store that a test fills; intents are what the test wants to see. */

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

export const until = async (condition: () => boolean, what = 'it'): Promise<void> => {
  for (let round = 0; !condition(); round++) {
    if (round > 500) throw new Error(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

export function openApp(intents: Partial<Intents> = {}) {
  const store = createConsoleStore(threeHosts, 'LIVE', 0);
  const app = render(<App store={store} intents={intents as Intents} />);
  ends.push(app.unmount);
  const sees = (what: string | RegExp): boolean =>
    typeof what === 'string' ? app.lastFrame()?.includes(what) === true : what.test(app.lastFrame() ?? '');
  return {
    store,
    sees,
    press: (keys: string): void => app.stdin.write(keys),
    waitFor: (what: string | RegExp): Promise<void> =>
      until(() => sees(what), String(what)).catch((error: unknown) => {
        throw new Error(`${error}\n${app.lastFrame()}`);
      }),
    /** Everything written, what is no frame included. */
    written: (): string => app.frames.join(''),
  };
}
