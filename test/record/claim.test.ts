import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import { claim, claimant } from '../../src/record/claim.js';

/** Who acts on this machine is a lock of the kernel's, so it is tried with real processes. */

const CLAIMER = fileURLToPath(new URL('../support/claimer.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'blackstart-claim-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Claimer {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

const started: { child: ChildProcess; reader: Interface }[] = [];
afterEach(async () => {
  for (const { child, reader } of started.splice(0)) {
    reader.close();
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  }
});

function start(...how: readonly string[]): Claimer {
  const child = spawn(process.execPath, [CLAIMER, folder, ...how], { stdio: ['pipe', 'pipe', 'inherit'] });
  const reader = createInterface({ input: child.stdout });
  started.push({ child, reader });
  return { child, lines: reader[Symbol.asyncIterator]() };
}

const tell = ({ child }: Claimer, key: string): void => void child.stdin?.write(`${key}\n`);
const hear = async ({ lines }: Claimer): Promise<string> => String((await lines.next()).value);

const who = { operator: 'alice', machine: 'here', pid: process.pid, run: 'r1', since: '' };

test('several processes want a claim at the same moment, fifty times, while others look: exactly one has it each time', async () => {
  const claimers = [start(), start(), start()];
  const lookers = [start('look'), start('look')];
  const outcomes = new Set<string>();
  for (let round = 0; round < 50; round++) {
    const key = `round-${round}`;
    // The file is there, as it is where the one who acted has just ended.
    const before = claim(folder, key, who);
    for (const looker of lookers) tell(looker, key);
    await Promise.all(lookers.map(hear));
    if ('ours' in before) before.ours.release();
    for (const claimer of claimers) tell(claimer, key);
    outcomes.add((await Promise.all(claimers.map(hear))).sort().join());
  }
  expect([...outcomes]).toEqual(['ours,theirs,theirs']);
}, 120_000);

test('whoever looks sees who holds it, touches nothing, and sees it free when that process is killed', async () => {
  expect(claimant(folder, 'nobody ever')).toBeUndefined();
  const other = start();
  tell(other, 'cluster');
  expect(await hear(other)).toBe('ours');
  expect(claimant(folder, 'cluster')).toMatchObject({ pid: other.child.pid, run: 'r' });
  expect(claim(folder, 'cluster', who)).toMatchObject({ theirs: { pid: other.child.pid } });
  other.child.kill('SIGKILL');
  await once(other.child, 'close');
  expect(claimant(folder, 'cluster')).toBeUndefined();
  const ours = claim(folder, 'cluster', who);
  expect(ours).toMatchObject({ ours: { certain: true } });
  if ('ours' in ours) ours.ours.release();
});
