import { clock } from '../../src/incident/times.js';
import type { ConsoleState } from '../../src/store/store.js';
import { exactly, type Line, line, pad, seg } from '../line.js';

/** Every command that was sent, as it was sent, with host and exit code. */
export function commandsLines(state: ConsoleState, width: number, height: number): Line[] {
  const commands = state.incident?.commands ?? [];
  if (commands.length === 0) return [line(seg('Nothing has been sent yet.', 'dim'))];
  return commands.slice(-height).map((one) => {
    const exit = one.code === undefined ? '…' : one.code === null ? '?' : String(one.code);
    return exactly(
      [
        seg(`${clock(one.at)} `, 'dim'),
        seg(pad(one.host, 10), 'accent'),
        seg(pad(exit, 4), one.code === 0 || one.code === undefined ? 'dim' : 'warn'),
        seg(one.argv.join(' ')),
      ],
      width,
    );
  });
}
