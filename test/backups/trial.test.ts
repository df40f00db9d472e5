import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchAndProveHere } from '../../src/backups/index.js';
import { put, realSnapshot, scratch } from '../support/snapshots.js';

const root = scratch();
const PATH = process.env.PATH;
afterEach(() => {
  process.env.PATH = PATH;
});
let count = 0;

/** Proves s1 with nothing but these programs in the way of etcd's tools. */
async function proven(programs: Readonly<Record<string, string>>, bytes = realSnapshot('s1')) {
  const folder = join(root, `trial-${++count}`);
  mkdirSync(folder);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  process.env.PATH = folder;
  const path = put(root, `s1-${count}`, bytes);
  const spool = join(folder, 'spool');
  const { proof } = await fetchAndProveHere({ source: { kind: 'file', path }, spool, trial: true });
  const left = readdirSync(spool).filter((name) => name.startsWith('blackstart-'));
  return { proof, folder, left };
}

const version = (name: string, number: string): string =>
  `[ "$1" = version ] && { echo "${name} version: ${number}"; exit 0; }`;

describe('a trial restore', () => {
  it('goes into a directory of the spool that is removed, and is told', async () => {
    const script = `${version('etcdutl', '3.6.5')}\necho "$*" > "\${0%/*}/said"; /bin/mkdir -p "$5/member"; echo x > "$5/member/db"`;
    const { proof, folder, left } = await proven({ etcdutl: script, etcdctl: 'exit 9' });
    expect(proof.trial).toEqual({ tool: 'etcdutl', version: '3.6.5', ok: true, message: '' });
    expect(readFileSync(join(folder, 'said'), 'utf8')).toMatch(
      /^snapshot restore \S+\.part --data-dir \S+\/spool\/blackstart-trial-\w+\/etcd --name trial /,
    );
    expect(left).toEqual([]);
  });

  it('that fails is a warning with the tool’s reason, not a verdict of its own', async () => {
    const { proof, left } = await proven({
      etcdutl: `${version('etcdutl', '3.4.0')}\necho 'Error: expected sha256 [1], got [2]' >&2; exit 1`,
    });
    expect(proof).toMatchObject({ verdict: 'restorable-with-warnings', trial: { ok: false } });
    expect(proof.problems[0]).toMatchObject({ id: 'trial-failed', message: expect.stringContaining('got [2]') });
    expect(left).toEqual([]);
  });

  it.each([
    ['there is no tool', {}],
    [
      'the tool cannot any more',
      { etcdctl: `${version('etcdctl', '3.6.5')}\necho 'Error: unknown command "restore"' >&2; exit 1` },
    ],
    [
      'the disk fills up',
      { etcdutl: `${version('etcdutl', '3.6.5')}\necho 'Error: write: no space left on device' >&2; exit 1` },
    ],
  ])('says nothing where %s', async (_what, programs) => {
    const { proof } = await proven(programs as Record<string, string>);
    expect(proof.trial).toBeNull();
    expect(proof.problems.some((one) => one.id === 'trial-failed')).toBe(false);
  });

  it('is not made of what is not restorable', async () => {
    const bad = realSnapshot('s1');
    bad[9000] = (bad[9000] ?? 0) ^ 1;
    const { proof } = await proven({ etcdutl: `${version('etcdutl', '3.6.5')}\nexit 0` }, bad);
    expect(proof).toMatchObject({ ok: false, trial: null });
  });

  const real = spawnSync('etcdctl', ['version'], { encoding: 'utf8' }).stdout ?? '';
  it.skipIf(!/etcdctl version: 3\.[45]/.test(real))('of a real snapshot with a real etcdctl', async () => {
    process.env.PATH = PATH;
    const path = put(root, 'real', realSnapshot('s1'));
    const { proof } = await fetchAndProveHere({
      source: { kind: 'file', path },
      spool: join(root, 'spool'),
      trial: true,
    });
    expect(proof.trial).toMatchObject({ ok: true });
  });
});
