import { isoClock, type Vacancy } from '../../src/incident/acting.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled } from '../line.js';
import { longSpan } from '../words.js';

/** In one line for the footer: who acted, and the key. */
export const vacantText = (vacant: Vacancy): string =>
  `Nobody acts. A goes on in place of ${vacant.operator} on ${vacant.machine}, ${lastSign(vacant)}.`;

const lastSign = ({ lastSign }: Vacancy): string =>
  lastSign === '' ? 'last sign of life unknown' : `last sign of life ${isoClock(lastSign)}`;

/** Whose run it is, and what going on with it means. */
export function goOnLines(state: ConsoleState, width: number): Line[] {
  const { vacant, incident } = state;
  if (vacant === undefined) return labelled('', 'Somebody acts by now. esc goes back.', width, 1);
  const ago =
    vacant.lastSign === '' || vacant.in === 'servers'
      ? ''
      : `, ${longSpan(Math.max(0, state.now - Date.parse(vacant.lastSign)))} ago`;
  const open = incident?.begun === true && incident.ended === undefined;
  const here = open
    ? 'Their console on this machine has ended. Its record is taken up as a restart would: every gate is void, what was sent without an answer is asked of the nodes.'
    : 'Their console on this machine has ended, and no run is open: this one opens its own.';
  const servers =
    'The run is rebuilt from its journal on the servers. The first gate asks whether you act in their place, by name, and only then is their lock broken. Call them first: a closed laptop may be opened again.';
  return [
    ...labelled('who', `${vacant.operator} on ${vacant.machine}, run ${vacant.run}`, width, 6, 'strong'),
    ...labelled(
      'last',
      `${lastSign(vacant)}${vacant.in === 'servers' ? ' by the server’s clock' : ''}${ago}`,
      width,
      6,
    ),
    [],
    ...labelled('', vacant.in === 'record' ? here : servers, width, 6),
    ...labelled(
      '',
      'Nothing on a node is changed before a gate. Where several go on at once, one acts and the others look on.',
      width,
      6,
    ),
    [],
    ...labelled('', 'y goes on, esc only looks. H shows the handover.', width, 6, 'accent'),
  ];
}
