import { render } from 'ink';
import { App } from '../../components/App.js';
import type { Intents } from '../incident/intents.js';
import type { ConsoleStore } from '../store/store.js';

/** Draws the full screen until the person leaves, and puts the terminal back. */
export async function showApp(store: ConsoleStore, intents: Intents, left: Promise<void>): Promise<void> {
  const screen = render(<App store={store} intents={intents} />, {
    alternateScreen: true,
    exitOnCtrlC: false,
    patchConsole: false,
    incrementalRendering: true,
    // What happens outside is gathered before it gets here; a key must not wait for the next frame.
    maxFps: 60,
  });
  try {
    await Promise.race([left, screen.waitUntilExit()]);
  } finally {
    screen.unmount();
  }
}
