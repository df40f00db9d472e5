import { useCallback, useRef, useState } from 'react';

/**
 * State that can be read as it is right now, not as it was at the last redraw: several keys may arrive in one moment (a slow link,
 * fast fingers), and each must see what the one before it did.
 */
export function useLatest<Value>(initial: () => Value): { value: Value; get(): Value; set(value: Value): void } {
  const [value, redraw] = useState(initial);
  const latest = useRef(value);
  const get = useCallback(() => latest.current, []);
  const set = useCallback((next: Value) => {
    latest.current = next;
    redraw(() => next);
  }, []);
  return { value, get, set };
}
