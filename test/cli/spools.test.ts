import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { type Opening, openRecord } from '../../src/cli/open-run.js';
import { processSpool, runSpool, sweepSpools } from '../../src/cli/spools.js';
import type { Payload } from '../../src/incident/event.js';
import { practiceCluster } from '../support/practice-ports.js';

const HOUR = 3_600_000;
let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'blackstart-cli-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const clusterAt = (address: string) => ({
  ...practiceCluster,
  drill: false,
  hosts: practiceCluster.hosts.map((host) => ({ ...host, address })),
});

/** A console on the cluster at an address, with a snapshot in its spool. */
function sitDown(address: string, ...events: Payload[]): Opening {
  const cluster = clusterAt(address);
  const opened = openRecord({ state, cluster, observe: false, fresh: false });
  if (opened.record.state === undefined) {
    const who = { operator: 'alice', machine: 'here', version: '0' };
    opened.record.append({ type: 'run-opened', runId: opened.run, cluster, mode: 'live', ...who });
  }
  for (const event of events) opened.record.append(event);
  mkdirSync(opened.spool, { recursive: true });
  writeFileSync(join(opened.spool, 'snapshot'), 'every Secret of the cluster');
  return opened;
}

/** It is gone without a word: the kernel lets go of its claim. */
function dies({ record, claim }: Opening): void {
  record.close();
  claim?.release();
}

const BEGUN: Payload = { type: 'plan-begun' };
const ENDED: Payload = { type: 'run-ended', outcome: 'stopped', summary: '' };
const sweep = (later = 0): void => sweepSpools(state, systemClock.now() + later);

describe('a run that was left open', () => {
  test('is not gone on with by a cluster of the same name elsewhere', () => {
    const one = sitDown('192.0.2.1', BEGUN);
    dies(one);
    const other = sitDown('192.0.2.2');
    expect([other.resumes, other.run === one.run]).toEqual([false, false]);
    dies(other);
  });

  test('is gone on with where an address was corrected, by one console at a time', () => {
    const one = sitDown('192.0.2.1', BEGUN);
    const corrected = { ...clusterAt('192.0.2.1') };
    const [first, ...rest] = corrected.hosts;
    if (first === undefined) throw new Error('it has hosts');
    const cluster = { ...corrected, hosts: [{ ...first, address: '192.0.2.9' }, ...rest] };
    const beside = openRecord({ state, cluster, observe: false, fresh: false });
    expect([beside.resumes, beside.other?.run]).toEqual([false, one.run]);
    dies(beside);
    dies(one);
    const again = openRecord({ state, cluster, observe: false, fresh: false });
    expect([again.resumes, again.run]).toEqual([true, one.run]);
    dies(again);
  });
});

describe('the spools of decrypted snapshots', () => {
  test('of two clusters each has one of its own, and the run that goes on has the one it had', () => {
    const one = sitDown('192.0.2.1', BEGUN);
    const other = sitDown('192.0.2.2');
    expect(other.spool).not.toBe(one.spool);
    dies(one);
    const again = sitDown('192.0.2.1');
    expect([again.resumes, again.spool]).toEqual([true, one.spool]);
    dies(other);
    dies(again);
  });

  test('a run that a killed console left keeps its spool for a day', () => {
    const one = sitDown('192.0.2.1', BEGUN);
    dies(one);
    sweep(23 * HOUR);
    expect(existsSync(one.spool)).toBe(true);
    sweep(25 * HOUR);
    expect(existsSync(one.spool)).toBe(false);
  });

  test('what nobody can go on with is removed: ended, never begun, without a record', () => {
    const ended = sitDown('192.0.2.1', BEGUN, ENDED);
    const looked = sitDown('192.0.2.2');
    dies(ended);
    dies(looked);
    const stray = runSpool(state, 'snapshot-of-an-older-version');
    mkdirSync(stray);
    sweep();
    expect([ended.spool, looked.spool, stray].map((spool) => existsSync(spool))).toEqual([false, false, false]);
  });

  test('a console that is open keeps what it has, however long it looks', () => {
    const one = sitDown('192.0.2.1');
    sweep(100 * HOUR);
    expect(existsSync(join(one.spool, 'snapshot'))).toBe(true);
    dies(one);
  });

  test('of processes: that of one that lives stays, that of one that was killed goes', () => {
    const ours = processSpool(state, 'verify');
    const dead = join(state, 'spool-verify-999999999');
    for (const spool of [ours, dead]) mkdirSync(spool);
    utimesSync(ours, 0, 0);
    sweep();
    expect([existsSync(ours), existsSync(dead)]).toEqual([true, false]);
  });

  test('whoever only looks has none that outlasts it', () => {
    const acts = sitDown('192.0.2.1');
    const cluster = clusterAt('192.0.2.1');
    const beside = openRecord({ state, cluster, observe: false, fresh: false });
    const looks = openRecord({ state, cluster, observe: true, fresh: false });
    expect(beside.other).toMatchObject({ run: acts.run });
    expect([beside.spool, looks.spool]).toEqual([processSpool(state, 'observe'), processSpool(state, 'observe')]);
    for (const one of [acts, beside, looks]) dies(one);
  });
});
