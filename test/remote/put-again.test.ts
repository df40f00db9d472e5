import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { ProblemError } from '../../src/base/problem.js';
import type { ExecRequest, ExecResult } from '../../src/remote/host.js';
import { type PutPort, putFile } from '../../src/remote/put.js';

/** A connection that is lost while a file is put in its place, before or after the command ran. */

const lost = (): ProblemError => new ProblemError({ id: 'connection-lost', what: 'lost', next: '' });

/** A host that keeps files by name; the n-th command of a program loses its connection before or after it ran. */
function hostLosing(
  program: string,
  when: 'before' | 'after',
): { port: PutPort; files: Map<string, string>; ran: string[] } {
  const files = new Map<string, string>();
  const ran: string[] = [];
  let left = 1;
  const said = (code: number, stdout = ''): ExecResult => ({ code, stdout, stderr: '', truncated: false, ms: 0 });
  const act = (argv: readonly string[]): ExecResult => {
    ran.push(argv.join(' '));
    const last = argv.at(-1) ?? '';
    if (argv[0] === 'pwd') return said(0, '/home/ops\n');
    if (argv[0] === 'stat' && argv[2] === '%u %a %F') return said(0, '1000 700 directory\n');
    if (argv[0] === 'stat') return files.has(last) ? said(0, `${files.get(last)?.length}\n`) : said(1);
    if (argv[0] === 'install') files.set(last, argv.at(-2) === '/dev/null' ? '' : (files.get(argv.at(-2) ?? '') ?? ''));
    if (argv[0] === 'rm') files.delete(last);
    if (argv[0] === 'mv') {
      const from = argv.at(-2) ?? '';
      if (!files.has(from)) return said(1);
      files.set(last, files.get(from) ?? '');
      files.delete(from);
    }
    return said(0);
  };
  const exec = async ({ argv, root }: ExecRequest): Promise<ExecResult> => {
    const hit = left > 0 && argv[0] === program && root === true;
    if (hit && when === 'before') {
      left -= 1;
      throw lost();
    }
    const result = act(argv);
    if (hit) {
      left -= 1;
      throw lost();
    }
    return result;
  };
  const clock = new VirtualClock();
  clock.runFree();
  const port = {
    host: 'node-1',
    clock,
    uid: async () => 1000,
    exec,
    runner: {
      run: async ({ argv }: { argv: readonly string[] }) => {
        files.set(String(argv[1]).replace('of=', ''), 'content');
        return { code: 0 };
      },
    },
  } as unknown as PutPort;
  return { port, files, ran };
}

test.each([
  ['install', 'before'],
  ['install', 'after'],
  ['mv', 'before'],
  ['mv', 'after'],
] as const)('%s, lost %s it ran: the file is in its place, once', async (program, when) => {
  const { port, files, ran } = hostLosing(program, when);
  const file = join(mkdtempSync(join(tmpdir(), 'blackstart-put-')), 'local');
  writeFileSync(file, 'content');
  await putFile(port, { path: '/etc/x', mode: 0o600, root: true, source: { file } });
  expect(files.get('/etc/x')).toBe('content');
  expect([...files.keys()]).toEqual(['/etc/x']);
  expect(ran.filter((line) => line.startsWith('mv'))).toHaveLength(1);
});

describe('a small file, its shell lines run for real', () => {
  /** A host that is a folder here; the n-th command that comes loses its connection before or after it ran. */
  function folder(nth: number, when: 'before' | 'after'): { port: PutPort; home: string; to: string } {
    const home = mkdtempSync(join(tmpdir(), 'blackstart-put-'));
    const bin = join(home, 'bin');
    mkdirSync(bin);
    // Whoever runs the tests may not be root.
    const plain = '#!/bin/sh\nexec /usr/bin/install $(echo "$*" | sed "s/-o root -g root//")\n';
    writeFileSync(join(bin, 'install'), plain, { mode: 0o755 });
    let count = 0;
    const exec = async ({ argv, stdin }: ExecRequest): Promise<ExecResult> => {
      const hit = ++count === nth;
      if (hit && when === 'before') throw lost();
      // A login shell that is csh would refuse it.
      expect(argv.join(' ')).not.toContain('\n');
      const [program = '', ...args] = argv;
      const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
      const ran = spawnSync(program, args, { cwd: home, env, encoding: 'utf8', input: stdin ?? '' });
      if (hit) throw lost();
      return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr, truncated: false, ms: 0 };
    };
    const clock = new VirtualClock();
    clock.runFree();
    const port = { host: 'node-1', clock, exec, uid: async () => process.getuid?.() ?? 0 } as unknown as PutPort;
    return { port, home, to: join(home, 'etc', 'deep', 'file') };
  }

  test.each([
    [1, 'before'],
    [1, 'after'],
    [2, 'before'],
    [2, 'after'],
  ] as const)('through sudo, command %d lost %s it ran', async (nth, when) => {
    const { port, home, to } = folder(nth, when);
    const uid = await port.uid();
    // As another user's: root's own way is the test below.
    const asked = { ...port, uid: async () => uid || 1000 };
    const stage = join(home, '.blackstart-stage');
    if (uid === 0) asked.exec = withUid(port.exec);
    await putFile(asked, { path: to, mode: 0o600, root: true, source: { bytes: Buffer.from('content …') } });
    expect(readFileSync(to, 'utf8')).toBe('content …');
    expect(readdirSync(join(home, 'etc', 'deep'))).toEqual(['file']);
    expect(readdirSync(stage)).toEqual([]);
  });

  test.each(['before', 'after'] as const)('as root, lost %s it ran', async (when) => {
    const { port, home, to } = folder(1, when);
    const asked = { ...port, uid: async () => 0 };
    await putFile(asked, { path: to, mode: 0o640, root: true, source: { bytes: Buffer.from('content') } });
    expect(readFileSync(to, 'utf8')).toBe('content');
    expect(readdirSync(join(home, 'etc', 'deep'))).toEqual(['file']);
  });
});

/** The folder is root's where the tests run as root: the script is told so. */
const withUid =
  (exec: PutPort['exec']): PutPort['exec'] =>
  (request) =>
    exec({ ...request, argv: request.argv.map((word) => (word === '1000' ? '0' : word)) });
