import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const JOURNAL = new URL('../fixtures/real-k3s/symptom-lines/e-quorum-loss.10-both-unwiped-node-3.txt', import.meta.url);

function lookup(args: readonly string[], input?: string | Buffer): { code: number | null; out: string; err: string } {
  const done = spawnSync(process.execPath, [MAIN, 'lookup', ...args], { input: input ?? '', encoding: 'utf8' });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

describe('blackstart lookup', () => {
  test('a pasted line: what it means, what to do and not to do, with the part that matched', () => {
    const { code, out } = lookup(['panic: bootstrap data already found and encrypted with different token']);
    expect(code).toBe(0);
    expect(out).toMatch(/^36 {2}The token is not the one of this snapshot {2}\(error\)$/m);
    expect(out).toContain('panic: »bootstrap data already found and encrypted with different token«');
    for (const label of ['means', 'do', 'do not', 'steps', 'source'])
      expect(out).toMatch(new RegExp(`^  ${label} {2,}`, 'm'));
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test('words and options need no quotes', () => {
    expect(lookup(['disk', 'full']).out).toMatch(/^60 /);
    expect(lookup(['kubectl', 'delete', 'pods', '--all', '--grace-period=0', '--force']).out).toMatch(
      /^runbook-force-delete-pods /,
    );
  });

  test('nothing known is 1', () => {
    expect(lookup(['purple elephants'])).toMatchObject({ code: 1, err: '' });
    expect(lookup([], 'a quiet line\nand another\n')).toMatchObject({
      code: 1,
      out: 'None of these 2 lines is known.\n',
    });
    expect(lookup([], '')).toMatchObject({ code: 1 });
    expect(JSON.parse(lookup(['purple elephants', '--json']).out)).toEqual([]);
  });

  test('a journal on standard input: each symptom once, the worst first, with count and first line', () => {
    const journal = readFileSync(JOURNAL);
    const { code, out } = lookup([], journal);
    expect(code).toBe(0);
    expect(out).toMatch(/^14 lines, 4 symptoms$/m);
    expect([...out.matchAll(/^(\d+) {2}/gm)].map((one) => one[1])).toEqual(['17', '8', '11', '7']);
    const rows = JSON.parse(lookup(['-', '--json'], journal).out) as { id: string; count: number; first: string }[];
    expect(rows.map((one) => [one.id, one.count])).toEqual([
      ['17', 2],
      ['8', 2],
      ['11', 2],
      ['7', 2],
    ]);
    expect(rows[0]?.first).toContain('the member has been permanently removed from the cluster');
  });

  test('one line on standard input may be an id or a question', () => {
    expect(lookup([], '17\n').out).toMatch(/^17 {2}This member was removed/);
    expect(lookup([], 'disk full').out).toMatch(/^60 /);
  });

  test('text from a node is inert', () => {
    const { out } = lookup(['\u001b]0;owned\u0007etcdserver: no leader\u001b[2J\u202e']);
    expect(out).toContain('»etcdserver: no leader«');
    expect(out).not.toMatch(/[\u001b\u0007\u202e]/);
  });

  test('the list and its JSON hold every entry', () => {
    expect(lookup(['--list']).out.trim().split('\n')).toHaveLength(97);
    expect(JSON.parse(lookup(['--list', '--json']).out)).toHaveLength(97);
  });

  test('help has an example', () => {
    expect(lookup(['--help']).out).toContain('journalctl -u k3s --since -1h | blackstart lookup');
  });
});
