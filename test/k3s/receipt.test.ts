import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseReceipt, RECEIPT_WRAPPER, stripConfigCommand } from '../../src/k3s/reset.js';
import { PUT_BACK_SCRIPT, SAVE_SCRIPT } from '../../src/k3s/scripts.js';

/** Our small shell programs, run by the machine's own /bin/sh. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blackstart-receipt-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o700);
  return path;
}

const sh = (...argv: string[]) => spawnSync('/bin/sh', argv, { encoding: 'utf8', cwd: folder });
const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

describe('a command with a receipt', () => {
  const wrapped = (k3s: string, dir = 'attempt') =>
    sh(
      script('with-receipt.sh', RECEIPT_WRAPPER),
      join(folder, dir),
      script('k3s', `#!/bin/sh\n${k3s}\n`),
      'server',
      '--x=a b',
    );

  test('that succeeds: exit, marker and where the old database went', () => {
    const said = wrapped(
      `echo 'level=info msg="Pre-restore etcd database moved to /d/etcd-old-1"' >&2; echo "args: $1 [$2]"; echo 'msg="restart without --cluster-reset flag now"' >&2`,
    );
    expect(said.status).toBe(0);
    expect(parseReceipt(read('attempt/receipt'))).toMatchObject({ exit: 0, marker: true, moved: '/d/etcd-old-1' });
    expect(read('attempt/output')).toContain('args: server [--x=a b]');
    expect(said.stdout).toContain('args: server');
    expect(statSync(join(folder, 'attempt/output')).mode & 0o077).toBe(0);
  });

  test('that fails: its own exit code, no marker', () => {
    expect(wrapped('echo broken >&2; exit 7').status).toBe(7);
    expect(parseReceipt(read('attempt/receipt'))).toMatchObject({ exit: 7, marker: false });
    expect(parseReceipt(read('attempt/receipt'))?.moved).toBeUndefined();
  });

  test('is never run twice: the second start does nothing at all', () => {
    wrapped('echo one >> count');
    const again = wrapped('echo two >> count');
    expect(again.status).toBe(96);
    expect(again.stdout + again.stderr).toContain('this attempt was started before, nothing is done');
    expect(read('count')).toBe('one\n');
  });

  test('that is killed leaves no receipt, but the trace that it was begun', () => {
    wrapped('kill -9 $PPID; sleep 1');
    expect(existsSync(join(folder, 'attempt/started'))).toBe(true);
  });
});

describe('a receipt', () => {
  test.each(['', 'exit=0\n', 'ended=1\n', 'exit=x\nended=1\n', 'nonsense'])('that is none: %j', (text) =>
    expect(parseReceipt(text)).toBeUndefined(),
  );
});

describe('saving and putting back', () => {
  const server = (): string => join(folder, 'server');
  function install(): void {
    for (const dir of ['server/db/etcd/member', 'server/cred', 'server/tls'])
      mkdirSync(join(folder, dir), { recursive: true });
    writeFileSync(join(folder, 'server/db/etcd/member/db'), 'original');
    writeFileSync(join(folder, 'server/cred/passwd'), 'right');
    writeFileSync(join(folder, 'server/tls/ca.crt'), 'old ca');
    writeFileSync(join(folder, 'server/token'), 'right token');
  }
  const save = () =>
    sh(
      script('save.sh', SAVE_SCRIPT),
      join(folder, 'safety'),
      ...['db/etcd', 'cred', 'tls', 'token', 'missing'].map((name) => `${server()}/${name}`),
    );
  const putBack = (original: string) =>
    sh(script('put-back.sh', PUT_BACK_SCRIPT), server(), join(folder, 'safety'), original, 'undone-r1');

  test('a copy of all that is there, and the word on what is not', () => {
    install();
    const said = save();
    expect(said.status).toBe(0);
    expect(said.stdout).toMatch(/not there: .*missing\nsafety copy complete\n$/);
    expect(readFileSync(join(folder, 'safety', server(), 'db/etcd/member/db'), 'utf8')).toBe('original');
  });

  test('after a reset with another token: database, token and credentials are as before, what was in the way is kept', () => {
    install();
    save();
    sh('-c', `mv server/db/etcd server/db/etcd-old-1 && mkdir server/db/etcd && echo restored > server/db/etcd/db`);
    sh('-c', `echo wrong > server/token; echo wrong > server/cred/passwd; echo flag > server/db/reset-flag`);
    const said = putBack(`${server()}/db/etcd-old-1`);
    expect(said.status).toBe(0);
    expect(read('server/db/etcd/member/db')).toBe('original');
    expect(read('server/token')).toBe('right token');
    expect(read('server/cred/passwd')).toBe('right');
    expect(existsSync(join(folder, 'server/db/reset-flag'))).toBe(false);
    expect(read('server/db/etcd.undone-r1/db')).toBe('restored\n');
    expect(read('server/token.undone-r1')).toBe('wrong\n');
  });

  test('where the original is gone nothing is touched', () => {
    install();
    save();
    const said = putBack(`${server()}/db/etcd-old-9`);
    expect(said.status).not.toBe(0);
    expect(said.stdout).toContain('nothing was changed');
    expect(read('server/db/etcd/member/db')).toBe('original');
  });
});

test('a config file is copied without what a reset must not see; nothing is printed', () => {
  writeFileSync(
    join(folder, 'config.yaml'),
    'token: secret\n"server": https://a:6443\nserver-x: stays\ntls-san:\n  - server: no, a list\ncluster-reset: true\netcd-s3: true\netcd-s3-bucket: b\n\'token-file\' : /x\ndisable+: [a]\n',
  );
  const [program = '', ...args] = stripConfigCommand(join(folder, 'config.yaml'), join(folder, 'copy.yaml'), true);
  const said = spawnSync(program, args, { encoding: 'utf8' });
  expect(said.stdout + said.stderr).toBe('');
  expect(read('copy.yaml')).toBe(
    'server-x: stays\ntls-san:\n  - server: no, a list\netcd-s3-bucket: b\ndisable+: [a]\n',
  );
});
