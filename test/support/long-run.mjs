import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/**
 * A day of an incident: what was recorded of one full restore of the practice cluster by `blackstart drill --auto` (468 events), over and over.
 * The run is opened once and never ends.
 */
const RECORDED = gunzipSync(readFileSync(new URL('../fixtures/full-restore-events.jsonl.gz', import.meta.url)))
  .toString()
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line));

/** What happened, without the stamps: the record gives its own. */
export function* longRun(times) {
  for (let round = 0; round < times; round++)
    for (const { seq: _seq, at: _at, mono: _mono, ...payload } of RECORDED)
      if (payload.type !== 'run-ended' && (payload.type !== 'run-opened' || round === 0)) yield payload;
}
