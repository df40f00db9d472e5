import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { beforeAll, describe, expect, test } from 'vitest';
import { PASSPHRASE } from '../../src/practice/bucket/encrypt.js';
import { ACCESS_KEY, SECRET_KEY } from '../../src/practice/bucket/signature.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import { SUDO_PASSWORD } from '../../src/practice/programs/sudo.js';
import { coatsOf } from '../support/coats.js';
import { folder } from './practice-process.js';

/** What a real run leaves behind, read with the program itself: report, journal, bundle. One drill for all. */

const BLACKSTART = fileURLToPath(new URL('../../bin/blackstart', import.meta.url));
const state = folder();

function blackstart(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(BLACKSTART, args, {
    cwd: state,
    env: { ...process.env, XDG_STATE_HOME: state },
    encoding: 'utf8',
    maxBuffer: 64e6,
  });
  return { code: status, stdout, stderr };
}

beforeAll(() => {
  const faults = ['--fault', 'sudo-password', '--fault', 'reset-fails-once'];
  expect(blackstart('drill', '--auto', '--json', '--speed', '20', ...faults).code).toBe(0);
}, 180_000);

const secrets = [PASSPHRASE, SECRET_KEY, ACCESS_KEY, TOKEN, SUDO_PASSWORD];
const coats = secrets.flatMap(coatsOf);
const leaksIn = (data: Buffer): string[] => coats.filter((coat) => data.includes(coat));

describe('a bundle', () => {
  test('holds everything for whoever is called, no secret in any coat, and is never written over another file', async () => {
    const said = blackstart('bundle', '--output', 'b.tar.gz', '--json');
    expect(said.code).toBe(0);
    const { files, path } = JSON.parse(said.stdout) as { files: { name: string; bytes: number }[]; path: string };
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const archive = readFileSync(path);
    const entries = await unpackTar(gunzipSync(archive));
    const inside = new Map(
      entries.map(({ header, data }) => [header.name.split('/').at(-1) ?? '', Buffer.from(data ?? [])]),
    );
    // What it says is inside is what is inside.
    expect([...inside].map(([name, data]) => [name, data.length])).toEqual(
      files.map(({ name, bytes }) => [name, bytes]),
    );
    for (const name of [
      'report.md',
      'report.html',
      'report.json',
      'nodes.json',
      'versions.json',
      'cluster.json',
      'journal.txt',
    ])
      expect(inside.get(name)?.length, name).toBeGreaterThan(100);
    for (const [name, data] of inside) expect(leaksIn(data), name).toEqual([]);
    expect(inside.get('journal.txt')?.toString()).toMatch(/== node-1, reset failed/);
    expect(inside.get('README.txt')?.toString()).toContain('Practice lead');
    // A check that finds nothing must be able to find something.
    for (const secret of secrets)
      expect(leaksIn(Buffer.from(`xx${Buffer.from(`a ${secret} b`).toString('base64')}`))).not.toEqual([]);
    const again = blackstart('bundle', '--output', 'b.tar.gz');
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('none is overwritten') });
    expect(readFileSync(path).equals(archive)).toBe(true);
  });

  test('its record is whole: another machine checks and reads it', () => {
    blackstart('bundle', '--output', 'c.tar.gz');
    const elsewhere = folder();
    spawnSync('tar', ['xzf', join(state, 'c.tar.gz'), '-C', elsewhere]);
    spawnSync('sh', ['-c', 'mkdir -p blackstart/runs && mv blackstart-*/*.db blackstart/runs/'], { cwd: elsewhere });
    const audit = spawnSync(BLACKSTART, ['audit', 'verify', '--json'], {
      env: { ...process.env, XDG_STATE_HOME: elsewhere },
      encoding: 'utf8',
    });
    expect(JSON.parse(audit.stdout)).toMatchObject({ ok: true });
  });
});

describe('after a run', () => {
  test('the report shows the failure with what the journal said around it, in every format', () => {
    const page = blackstart('report', '--format', 'html').stdout;
    for (const text of [page, blackstart('report').stdout]) {
      expect(text).toMatch(/Journal: node-1, reset failed at/);
      expect(leaksIn(Buffer.from(text))).toEqual([]);
    }
    expect(page).toContain('<g class="bar failed">');
    expect(blackstart('report', '--format', 'pdf')).toMatchObject({ code: 2 });
  });

  test('its journals are searched by host, severity, text and expression', () => {
    const all = JSON.parse(blackstart('journal', '--json').stdout) as { lines: { host: string; severity: string }[] };
    expect(new Set(all.lines.map((one) => one.host)).size).toBe(5);
    const { lines } = JSON.parse(
      blackstart('journal', '--json', '--host', 'node-1', '--level', 'error', '--grep', '/fail|fatal/').stdout,
    ) as { lines: { host: string; severity: string; text: string }[] };
    expect(lines.length).toBeGreaterThan(0);
    for (const one of lines)
      expect(one).toMatchObject({ host: 'node-1', severity: 'error', text: expect.stringMatching(/fail|fatal/i) });
    expect(blackstart('journal', '--grep', 'nobody ever wrote this').code).toBe(1);
    expect(blackstart('journal', '--grep', '/(/').code).toBe(2);
  });
});
