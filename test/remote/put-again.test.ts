import { expect, test } from 'vitest';
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
  await putFile(port, { path: '/etc/x', mode: 0o600, root: true, source: { bytes: Buffer.from('content') } });
  expect(files.get('/etc/x')).toBe('content');
  expect([...files.keys()]).toEqual(['/etc/x']);
  expect(ran.filter((line) => line.startsWith('mv'))).toHaveLength(1);
});
