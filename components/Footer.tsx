import type { ReactNode } from 'react';
import type { ConsoleState } from '../src/store/store.js';
import type { ViewState } from '../src/store/view.js';
import { footerKeys, type KeySpec } from './keys.js';
import { Lines } from './Lines.js';
import { exactly, type Line, lineWidth, type Segment, seg, spread } from './line.js';

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
  const all = footerKeys(state, view).map((key) => ({ id: key.id, segments: keySegments(key) }));
  // How to get help and how to leave are always there, at the right end; the others give way from the end.
  const fixed = all.filter((one) => one.id === 'help' || one.id === 'quit').flatMap((one) => one.segments);
  const room = width - lineWidth(fixed);
  const keys: Segment[] = [];
  for (const { id, segments } of all) {
    if (id !== 'help' && id !== 'quit' && lineWidth([...keys, ...segments]) <= room) keys.push(...segments);
  }
  return spread(keys, fixed, width);
}

const keySegments = (key: KeySpec): Segment[] => [
  seg(` ${key.keys} `, key.acts === true ? 'warn' : 'accent'),
  seg(`${key.label} `, 'dim'),
];
