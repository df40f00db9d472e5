import type { ReactNode } from 'react';
import type { ConsoleState } from '../src/store/store.js';
import type { ViewState } from '../src/store/view.js';
import { footerKeys } from './keys.js';
import { Lines } from './Lines.js';
import { exactly, type Line, lineWidth, type Segment, seg } from './line.js';

/** Only the keys that work now, or a sentence for the operator; then the keys come back with the next press. */
export function Footer({
  state,
  view,
  width,
  dialogKeys,
}: {
  readonly state: ConsoleState;
  readonly view: ViewState;
  readonly width: number;
  readonly dialogKeys: string | undefined;
}): ReactNode {
  return <Lines lines={[footerLine(state, view, width, dialogKeys)]} />;
}

export function footerLine(state: ConsoleState, view: ViewState, width: number, dialogKeys: string | undefined): Line {
  if (view.notice !== undefined) return exactly([seg(` ${view.notice}`, 'warn')], width);
  if (dialogKeys !== undefined) return exactly([seg(` ${dialogKeys}`, 'dim')], width);
  const keys: Segment[] = [];
  for (const key of footerKeys(state, view)) {
    const added: Segment[] = [seg(` ${key.keys} `, key.acts === true ? 'warn' : 'accent'), seg(`${key.label} `, 'dim')];
    // A key that does not fit whole is left out; the help has them all.
    if (lineWidth([...keys, ...added]) <= width) keys.push(...added);
  }
  return exactly(keys, width);
}
