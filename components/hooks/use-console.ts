import { useEffect, useState } from 'react';
import type { ConsoleState, ConsoleStore } from '../../src/store/store.js';

/** At most this many redraws a second for what happens outside; keys redraw at once. */
const REDRAWS = 10;

/** The store's state, taken over in batches: layout runs on every commit, so a burst of journal lines must be one. */
export function useConsole(store: ConsoleStore): ConsoleState {
  const [state, setState] = useState(store.getState());
  useEffect(() => {
    let timer: NodeJS.Timeout | undefined;
    const take = (): void => {
      clearTimeout(timer);
      timer = undefined;
      setState(store.getState());
    };
    const unsubscribe = store.subscribe((now, before) => {
      // What a person is asked never stands there after it was answered: it changes seldom, and is drawn at once.
      if (now.attention !== before.attention) take();
      else timer ??= setTimeout(take, 1000 / REDRAWS);
    });
    take();
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [store]);
  return state;
}
