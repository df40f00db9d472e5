import { render, Text, useInput } from 'ink';
import type { ReactNode } from 'react';
import { App } from '../../components/App.js';
import type { Intents } from '../incident/intents.js';
import type { ConsoleStore } from '../store/store.js';

/** The full screen. What it shows can be changed without leaving it; closing puts the terminal back. */
export interface AppScreen {
  show(store: ConsoleStore, intents: Intents): void;
  /** One line, while there is nothing to show and no key means anything. */
  pause(text: string): void;
  /** Resolves when it ended by itself. */
  readonly ended: Promise<unknown>;
  close(): void;
}

export function openScreen(store: ConsoleStore, intents: Intents): AppScreen {
  let shown = 0;
  // A key of its own each time: where a person looked belongs to one session.
  const app = (of: ConsoleStore, by: Intents): ReactNode => <App key={++shown} store={of} intents={by} />;
  const screen = render(app(store, intents), {
    alternateScreen: true,
    exitOnCtrlC: false,
    patchConsole: false,
    incrementalRendering: true,
    // What happens outside is gathered before it gets here; a key must not wait for the next frame.
    maxFps: 60,
  });
  return {
    show: (of, by) => screen.rerender(app(of, by)),
    pause: (text) => screen.rerender(<Pause text={text} />),
    ended: screen.waitUntilExit(),
    close: () => screen.unmount(),
  };
}

/** Listens, so that the terminal does not print the keys itself. */
function Pause({ text }: { readonly text: string }): ReactNode {
  useInput(() => undefined);
  return <Text> {text}</Text>;
}

/** Draws the full screen until the person leaves, and puts the terminal back. */
export async function showApp(store: ConsoleStore, intents: Intents, left: Promise<void>): Promise<void> {
  const screen = openScreen(store, intents);
  try {
    await Promise.race([left, screen.ended]);
  } finally {
    screen.close();
  }
}
