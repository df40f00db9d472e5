/**
 * A day of an incident: the events of a full restore a hundred times over. Tells how long the record takes to open, to append to and to
 * be followed, and whether memory grows with it. `npm run build && node test/bench/record.bench.mjs`; `TIMES=10` for less.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../dist/src/base/clock.js';
import { fold } from '../../dist/src/incident/fold.js';
import { RunRecord } from '../../dist/src/record/record.js';
import { rowsAfter } from '../../dist/src/record/runs.js';

const TIMES = Number(process.env.TIMES ?? 100);
const EVENTS_OF_A_RESTORE = 400;
const folder = mkdtempSync(join(tmpdir(), 'blackstart-bench-'));
const path = join(folder, 'run.db');
const cluster = { name: 'bench', drill: true, contacts: [], hosts: [] };
const command = { kind: 'exec', host: 'a', argv: ['systemctl', 'show', 'k3s.service'], root: true, again: 'harmless' };
const timed = (act) => {
  const from = performance.now();
  const value = act();
  return [value, performance.now() - from];
};
const say = (line) => process.stdout.write(`${line}\n`);
const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
};

const { record } = RunRecord.open(path, systemClock);
const append = (payload) => record.append(payload);
let state = fold(
  undefined,
  append({ type: 'run-opened', runId: 'r', cluster, operator: 'o', machine: 'm', version: '0', mode: 'drill' }),
);
const put = (payload) => {
  state = fold(state, append(payload));
};
let afterOne = 0;
const [, appending] = timed(() => {
  for (let round = 0; round < TIMES; round++) {
    for (let at = 0; at < EVENTS_OF_A_RESTORE / 4; at++) {
      const cell = { step: `step-${at % 25}`, host: `node-${at % 5}`, attempt: round + 1 };
      put({ type: 'step-begun', ...cell, gated: true, learned: {} });
      put({ type: 'sent', ...cell, index: 0, command });
      put({
        type: 'returned',
        ...cell,
        index: 0,
        ok: true,
        code: 0,
        ms: 12,
        digest: 'd',
        excerpt: 'x'.repeat(300),
        doubt: false,
      });
      put({ type: 'step-ended', ...cell, outcome: 'done', evidence: ['it is so'], learned: { key: at } });
    }
    if (round === 0) afterOne = heap();
  }
});
const afterAll = heap();
const events = record.rowsAfter(0).length;
record.close();
const [opened, opening] = timed(() => RunRecord.open(path, systemClock));
opened.record.close();
const [, following] = timed(() => rowsAfter(path, events - 5));
say(`${events} events, ${(statSync(path).size / 1e6).toFixed(1)} MB`);
say(`append and fold     ${((appending / events) * 1000).toFixed(0)} µs an event`);
say(`open                ${opening.toFixed(0)} ms`);
say(`follow the last 5   ${following.toFixed(1)} ms`);
say(`heap                ${afterOne.toFixed(1)} MB after one restore, ${afterAll.toFixed(1)} MB after ${TIMES}`);
rmSync(folder, { recursive: true, force: true });
