/**
 * A day of an incident: what was recorded of a full restore a hundred times over. How long its record takes to open from its checkpoint against
 * reading all of it, and what stays in memory after a hundred restores against one. Needs a
 * built program (`dist`).
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { longRun } from '../support/long-run.mjs';

const RESTORES = 100;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

export async function benchRecord({ rounds = 3, print = (line) => process.stdout.write(`${line}\n`) } = {}) {
  const { systemClock } = await import('../../dist/src/base/clock.js');
  const { CHAIN_START, linkHash } = await import('../../dist/src/record/chain.js');
  const { RunRecord } = await import('../../dist/src/record/record.js');
  const { importRun, readRun, rowsAfter, stateOf } = await import('../../dist/src/record/runs.js');
  const { foldAll } = await import('../../dist/src/incident/fold.js');
  const folder = mkdtempSync(join(tmpdir(), 'blackstart-bench-'));
  const path = join(folder, 'run.db');
  try {
    let seq = 0;
    let head = CHAIN_START;
    const rows = [];
    for (const payload of longRun(RESTORES)) {
      const body = JSON.stringify({ seq: ++seq, at: new Date(seq).toISOString(), mono: seq, ...payload });
      head = linkHash(head, seq, body);
      rows.push({ seq, body, hash: head });
    }
    importRun(path, rows);
    rows.length = 0;
    RunRecord.open(path, systemClock).close();
    const opening = best(rounds, () => RunRecord.open(path, systemClock).close());
    const reading = best(rounds, () => foldAll(readRun(path).events));
    const size = (statSync(path).size / 1e6).toFixed(0);
    print(
      `record, ${seq.toLocaleString('en')} events, ${size} MB: open ${ms(opening)} / read, check and fold all of it ${ms(reading)} = ${(reading / opening).toFixed(0)}`,
    );
    const glance = best(rounds, () => stateOf({ id: 'run', path }));
    const follow = best(rounds, () => rowsAfter(path, seq - 5));
    print(`record, the same: what it says ${ms(glance)}, its last 5 events ${ms(follow)}`);
    const behind = RunRecord.open(path, systemClock);
    const began = performance.now();
    const slices = [];
    let last = began;
    const timer = setInterval(() => {
      slices.push(performance.now() - last);
      last = performance.now();
    }, 1);
    await behind.verify();
    clearInterval(timer);
    print(
      `record, the same: walked behind the open console in ${ms(performance.now() - began)}, at most ${ms(Math.max(...slices))} at a time`,
    );
    behind.close();
    const one = heapAfter(1);
    const all = heapAfter(RESTORES);
    print(
      `record, kept open: ${(all / 1e6).toFixed(1)} MB of heap after ${RESTORES} restores / ${(one / 1e6).toFixed(1)} MB after one = ${(all / one).toFixed(2)}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }

  /** Bytes in use with the record open, every event appended one by one. */
  function heapAfter(times) {
    const record = RunRecord.open(join(folder, `${times}.db`), systemClock);
    for (const payload of longRun(times)) record.append(payload);
    collect();
    const { heapUsed } = process.memoryUsage();
    record.close();
    return heapUsed;
  }
}

const ms = (value) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;

/** Milliseconds of the fastest round. */
function best(rounds, work) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    work();
    times.push(performance.now() - began);
  }
  return Math.min(...times);
}
