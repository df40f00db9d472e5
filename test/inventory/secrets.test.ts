import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { describeSource, parseSecretSource, readSecret } from '../../src/inventory/secrets.js';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'secrets-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('sources', () => {
  it.each([
    ['env:NAME', { kind: 'env', name: 'NAME' }],
    ['file:~/x', { kind: 'file', path: '~/x' }],
    ['command:pass show a | head -1', { kind: 'command', command: 'pass show a | head -1' }],
    [' prompt ', { kind: 'prompt' }],
    ['hunter2', undefined],
    ['env:', undefined],
    ['env:A B', undefined],
    ['file:', undefined],
    ['Prompt', undefined],
    ['file:a\0b', undefined],
  ])('%j', (text, expected) => {
    expect(parseSecretSource(text)).toEqual(expected);
  });

  it('are shown as they were written', () => {
    for (const text of ['env:A', 'file:b', 'command:c d', 'prompt']) {
      const source = parseSecretSource(text);
      expect(source && describeSource(source)).toBe(text);
    }
  });
});

describe('reading', () => {
  it('env, without its trailing newline and only that one', async () => {
    const secret = await readSecret({ kind: 'env', name: 'A' }, { env: { A: ' x \n\n' } });
    expect(secret.reveal()).toBe(' x \n');
    expect(`${secret}`).not.toContain('x');
  });

  it('file, relative to the folder, warning when others may read it', async () => {
    const path = join(dir, 'token');
    writeFileSync(path, 's3cret\r\n');
    chmodSync(path, 0o644);
    const warnings: string[] = [];
    const read = () => readSecret({ kind: 'file', path: 'token' }, { cwd: dir, warn: (text) => warnings.push(text) });
    expect((await read()).reveal()).toBe('s3cret');
    expect(warnings).toEqual([expect.stringContaining('chmod 600')]);
    expect(warnings.join()).not.toContain('s3cret');
    chmodSync(path, 0o600);
    await read();
    expect(warnings).toHaveLength(1);
  });

  it('command, in the folder, by a shell', async () => {
    const secret = await readSecret({ kind: 'command', command: "cat token | tr a-z 'A-Z'" }, { cwd: dir });
    expect(secret.reveal()).toBe('S3CRET');
  });

  it('prompt', async () => {
    const asked: string[] = [];
    const secret = await readSecret(
      { kind: 'prompt' },
      {
        purpose: 'passphrase of the backups',
        prompt: async (question) => {
          asked.push(question.text);
          return new Secret('typed');
        },
      },
    );
    expect(secret.reveal()).toBe('typed');
    expect(asked).toEqual(['passphrase of the backups']);
  });

  it.each([
    ['an unset variable', { kind: 'env', name: 'NOT_SET' }, 'secret-missing'],
    ['an empty variable', { kind: 'env', name: 'EMPTY' }, 'secret-missing'],
    ['a missing file', { kind: 'file', path: 'nowhere' }, 'secret-unreadable'],
    ['a directory', { kind: 'file', path: '.' }, 'secret-unreadable'],
    ['a failing command', { kind: 'command', command: 'echo hunter2; echo hunter2 >&2; exit 3' }, 'secret-unreadable'],
    ['a command that prints nothing', { kind: 'command', command: 'true' }, 'secret-missing'],
    ['a prompt without a terminal', { kind: 'prompt' }, 'secret-missing'],
  ] as const)('%s names the source, never the content', async (_, source, id) => {
    const error = await readSecret(source, { cwd: dir, env: { ...process.env, EMPTY: '\n', NOT_SET: undefined } }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ problem: { id } });
    const shown = JSON.stringify((error as { problem: { what: string } }).problem);
    expect(shown).toContain(describeSource(source));
    if (source.kind !== 'command') expect(shown).not.toContain('hunter2');
  });

  it('a command that hangs is ended', async () => {
    await expect(
      readSecret({ kind: 'command', command: 'exec sleep 600' }, { cwd: dir, timeoutMs: 50 }),
    ).rejects.toMatchObject({ problem: { what: expect.stringContaining('too long') } });
  });

  it('can be cancelled', async () => {
    const controller = new AbortController();
    const read = readSecret({ kind: 'command', command: 'exec sleep 600' }, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
  });
});
