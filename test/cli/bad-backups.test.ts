import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Cli, folder, practice } from './practice-process.js';

/** Bad input that concerns backups, each through the built program: what it says, what it advises, how it ends, what it leaves. */
const TOKEN = 'blackstart-lab-token-1';
const PASSPHRASE = /"passphrase"|practice-pass/;

describe('verify --latest, with what can be wrong with a backup', () => {
  it.each([
    ['wrong-passphrase', 1, /NOT restorable\n {2}✗ The passphrase does not open this backup/, /password store/],
    ['wrong-token', 1, /✗ The token from the inventory does not open .* filed under 90a69bb34d8c/, /blackstart tokens/],
    [
      'truncated-backup',
      1,
      /✗ The encrypted backup was changed or cut off/,
      /Fetch it again[\s\S]*The newest other backup is (\S+), taken .*not proven yet: blackstart verify \1 --inventory \S+\n$/,
    ],
    [
      'damaged-backup',
      1,
      /✗ The SHA-256 at the end of the snapshot does not fit its content/,
      /another snapshot[\s\S]*The newest other backup is snapshot-/,
    ],
    [
      'foreign-backup',
      1,
      /✗ This snapshot is from another cluster: its CA is 578cc46cbcef, the hosts have/,
      /this cluster/,
    ],
    ['empty-bucket', 3, /There is no backup/, /next: Check bucket and prefix/],
    ['missing-bucket', 3, /The bucket k3s-backups does not exist there/, /next: Correct bucket or endpoint/],
    ['denied-bucket', 3, /denies access with this key/, /s3:ListBucket/],
    ['wrong-key', 3, /refused the signature/, /stray space or newline/],
    ['throttled-bucket', 0, /restorable/, /the inventory opens it \(90a69bb34d8c\)/],
    ['dropped-downloads', 0, /restorable/, /matches the one at its end/],
  ])('%s: exit %i', async (fault, code, message, remedy) => {
    const cluster = await practice(fault);
    const cli = new Cli();
    const said = await cli.run('verify', '--latest', '--inventory', cluster.inventory);
    const all = said.stdout + said.stderr;
    expect(all).toMatch(message);
    expect(all).toMatch(remedy);
    expect(said.code).toBe(code);
    expect(all).not.toContain(TOKEN);
    expect(all).not.toMatch(PASSPHRASE);
    // What could not be reached is told on standard error, a verdict on standard output.
    expect(said[code === 3 ? 'stdout' : 'stderr']).toBe('');
    expect(cli.left()).toEqual([]);
  });
});

describe('verify, with what can be wrong with how it is asked', () => {
  it('nothing named, both named, no such name, no inventory', async () => {
    const cluster = await practice();
    const cli = new Cli();
    expect(await cli.run('verify')).toMatchObject({ code: 2, stderr: expect.stringContaining('Nothing to verify') });
    expect((await cli.run('verify', '--latest', 'x.db')).code).toBe(2);
    const none = await cli.run('verify', 'snapshot-daily-19990101000000.db.gpg', '--inventory', cluster.inventory);
    expect(none).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('next: See what there is: blackstart backups'),
    });
    expect((await cli.run('verify', '--latest', '--inventory', '/no/such/cluster.yaml')).code).not.toBe(0);
    const through = cluster.with('bad.yaml', (text) => text.replace('bucket: {', 'bucket: { through: node-9,'));
    const wrong = await cli.run('verify', '--latest', '--inventory', through);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/bad\.yaml:\d+:\d+: through "node-9" is neither/),
    });
    const token = await cli.run('verify', '--latest', '--inventory', cluster.inventory, '--token-file', '/no/such');
    expect(token).toMatchObject({ code: 3, stderr: expect.stringContaining('server token') });
    expect(cli.left()).toEqual([]);
  });

  it.each([
    ['an unfinished file', 'etcd-snapshot-a-1795342572.part', Buffer.alloc(4096, 1), /unfinished snapshot/],
    ['an empty file', 'a.db', Buffer.alloc(0), /The file is empty/],
    ['not OpenPGP despite its name', 'a.db.gpg', Buffer.from('hello '.repeat(1000)), /no OpenPGP file/],
    ['text', 'a.db', Buffer.from('hello '.repeat(1000)), /no etcd snapshot/],
  ])('%s', async (_, name, bytes, message) => {
    const cli = new Cli();
    const at = folder();
    writeFileSync(join(at, name), bytes);
    writeFileSync(join(at, 'pass'), 'secret\n', { mode: 0o600 });
    const said = await cli.run('verify', join(at, name), '--passphrase-file', join(at, 'pass'));
    expect(said).toMatchObject({ code: 1, stdout: expect.stringMatching(message) });
    const json = await cli.run('verify', join(at, name), '--passphrase-file', join(at, 'pass'), '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, verdict: 'not-restorable', bytes: bytes.length });
    expect(cli.left()).toEqual([]);
  });

  it('an encrypted file and nothing that names a passphrase', async () => {
    const cli = new Cli();
    const at = join(folder(), 'a.db.gpg');
    writeFileSync(at, Buffer.from([0x8c, 0x0d, 4, 9]));
    expect((await cli.run('verify', at)).code).toBe(2);
  });
});
