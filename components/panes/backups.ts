import { minute } from '../../src/incident/times.js';
import type { ConsoleState } from '../../src/store/store.js';
import { exactly, type Line, labelled, line, pad, seg, windowOf } from '../line.js';
import { GLYPH } from '../symbols.js';
import { age, shortBytes } from '../words.js';

/** The catalogue, newest first. */
export function backupsLines(
  state: ConsoleState,
  width: number,
  height: number,
  cursor: number,
  focused: boolean,
): Line[] {
  const { backups, incident, now } = state;
  if (backups.state === 'loading') return [line(seg('Reading the catalogue…', 'dim'))];
  if (backups.state === 'failed')
    return [
      ...labelled('failed', backups.what, width, 9, 'bad'),
      ...labelled('next', backups.next, width, 9, 'accent'),
    ];
  const { items, from } = windowOf(backups.rows, cursor, Math.max(1, height - 1 - backups.remarks.length));
  const header = line(seg(`  ${pad('TAKEN (UTC)', 18)}${pad('AGE', 7)}${pad('KIND', 8)}${pad('SIZE', 8)}NAME`, 'dim'));
  const rows = items.map((row, index): Line => {
    const chosen = row.name === incident?.choices.snapshot;
    const taken = row.takenAt === 0 ? 'unknown' : minute(row.takenAt).slice(0, -1);
    const drawn = exactly(
      [
        seg(`${chosen ? GLYPH.cursor : ' '} `, 'accent'),
        seg(pad(taken, 18), chosen ? 'accent' : 'plain'),
        seg(pad(row.takenAt === 0 ? '' : age(now - row.takenAt), 7), 'dim'),
        seg(pad(row.kind, 8), 'dim'),
        seg(pad(shortBytes(row.bytes), 8)),
        seg(row.name, chosen ? 'accent' : 'plain'),
        ...(row.remark === undefined ? [] : [seg(`  ${row.remark}`, 'warn')]),
      ],
      width,
    );
    return focused && from + index === cursor ? drawn.map((one) => ({ ...one, inverse: true })) : drawn;
  });
  return [header, ...rows, ...backups.remarks.flatMap((text) => labelled('', text, width, 2, 'warn'))];
}
