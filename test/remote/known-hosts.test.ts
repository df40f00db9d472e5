import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fingerprint,
  hashName,
  hostKeyAlgorithms,
  judgeKey,
  keyType,
  lookupName,
  matchesHost,
  parseKnownHosts,
} from '../../src/remote/known-hosts.js';
import { addKnownHost, readKnownHosts } from '../../src/remote/known-hosts-files.js';

const FILE = '/home/ops/.ssh/known_hosts';

function publicKey(type: 'ed25519' | 'rsa' | 'ecdsa'): Buffer {
  const pair =
    type === 'ed25519'
      ? ssh2.utils.generateKeyPairSync('ed25519')
      : type === 'rsa'
        ? ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 })
        : ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  return Buffer.from(pair.public.split(' ')[1] ?? '', 'base64');
}

const A = publicKey('ed25519');
const B = publicKey('ed25519');
const RSA = publicKey('rsa');
const EC = publicKey('ecdsa');
const text = (key: Buffer): string => `${keyType(key)} ${key.toString('base64')}`;

describe('matching a name', () => {
  it.each([
    ['host', 'host', true],
    ['HOST', 'host', true],
    ['host', 'hosts', false],
    ['host', 'ahost', false],
    ['a,b,host', 'host', true],
    ['*.example.org', 'cp1.example.org', true],
    ['*.example.org', 'example.org', false],
    ['*', 'anything', true],
    ['cp?', 'cp1', true],
    ['cp?', 'cp', false],
    ['cp?', 'cp12', false],
    ['*,!cp1', 'cp1', false],
    ['!cp1,*', 'cp1', false],
    ['*,!cp1', 'cp2', true],
    ['!cp1', 'cp2', false],
    ['192.0.2.*', '192.0.2.7', true],
    ['[host]:2222', '[host]:2222', true],
    ['[host]:2222', 'host', false],
    ['host', '[host]:2222', false],
    ['[*]:2222', '[host]:2222', true],
    ['2001:db8::1', '2001:db8::1', true],
    ['[2001:db8::1]:2222', '[2001:db8::1]:2222', true],
    ['h.st', 'host', false],
    ['ho[s]t', 'host', false],
    ['', 'host', false],
    [',', 'host', false],
    ['!', 'host', false],
    ['**a*b**', 'xxaxxbxx', true],
    [`${'*a'.repeat(60)}b`, 'a'.repeat(5000), false],
  ])('%s and %s: %s', (patterns, name, expected) => {
    expect(matchesHost(patterns, name)).toBe(expected);
  });

  it('hashed names', () => {
    const salt = Buffer.alloc(20, 7);
    expect(matchesHost(hashName('cp1', salt), 'cp1')).toBe(true);
    expect(matchesHost(hashName('cp1', salt), 'cp2')).toBe(false);
    expect(matchesHost(hashName('[cp1]:2222', salt), '[cp1]:2222')).toBe(true);
    expect(matchesHost('|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAA', 'cp1')).toBe(false);
    for (const broken of ['|1|', '|1||', '|1|%%%|%%%', '|2|abc|def', '|1|a|b|c', '|1|AAAA']) {
      expect(matchesHost(broken, 'cp1')).toBe(false);
    }
  });

  it('names are lower case, with the port when it is not 22', () => {
    expect(lookupName('CP1.Example.ORG')).toBe('cp1.example.org');
    expect(lookupName('cp1', 2222)).toBe('[cp1]:2222');
    expect(lookupName('2001:DB8::1', 2222)).toBe('[2001:db8::1]:2222');
    expect(lookupName('2001:db8::1')).toBe('2001:db8::1');
  });
});

describe('reading lines', () => {
  it('skips what is no host key and keeps line numbers', () => {
    const lines = parseKnownHosts(
      [
        '# comment',
        '',
        '   \t',
        `cp1 ${text(A)} a comment with words`,
        'garbage',
        'cp1 ssh-ed25519',
        'cp1 ssh-ed25519 !!!notbase64',
        `cp1 ssh-rsa ${A.toString('base64')}`, // says rsa, is ed25519
        `cp1 ssh-ed25519 ${A.toString('base64').slice(0, 12)}`,
        `@unknown-marker cp1 ${text(A)}`,
        `@revoked cp1 ${text(B)}`,
        `\tcp2\t${text(RSA).replace(' ', '\t')}\r`,
        `@cert-authority *.example.org ${text(EC)}`,
        'cp1 1024 35 1234567890', // an SSH 1 key
        '\u0000\u0001\u0002',
      ].join('\n'),
      FILE,
    );
    expect(lines.map(({ line, marker, patterns, type }) => [line, marker, patterns, type])).toEqual([
      [4, undefined, 'cp1', 'ssh-ed25519'],
      [11, 'revoked', 'cp1', 'ssh-ed25519'],
      [12, undefined, 'cp2', 'ssh-rsa'],
      [13, 'cert-authority', '*.example.org', 'ecdsa-sha2-nistp256'],
    ]);
  });
});

describe('judging a key', () => {
  const judge = (file: string, name: string, key: Buffer) => judgeKey(parseKnownHosts(file, FILE), name, key);

  it('known, unknown', () => {
    expect(judge(`cp1 ${text(A)}`, 'cp1', A)).toEqual({ verdict: 'known' });
    expect(judge(`cp1 ${text(A)}`, 'cp2', A)).toEqual({ verdict: 'unknown' });
    expect(judge('', 'cp1', A)).toEqual({ verdict: 'unknown' });
    expect(judge(`!cp1,* ${text(A)}`, 'cp1', A)).toEqual({ verdict: 'unknown' });
  });

  it('several keys for one host: any of them will do', () => {
    expect(judge(`cp1 ${text(A)}\ncp1 ${text(B)}\ncp1 ${text(RSA)}`, 'cp1', B)).toEqual({ verdict: 'known' });
  });

  it('changed names the known keys of that type, with file and line', () => {
    expect(judge(`#\ncp1 ${text(RSA)}\ncp1 ${text(A)}`, 'cp1', B)).toEqual({
      verdict: 'changed',
      known: [{ file: FILE, line: 3, type: 'ssh-ed25519', fingerprint: fingerprint(A) }],
    });
  });

  it('a key of a type never seen is changed too: the known types were offered first', () => {
    expect(judge(`cp1 ${text(RSA)}`, 'cp1', A)).toMatchObject({
      verdict: 'changed',
      known: [{ type: 'ssh-rsa', line: 1 }],
    });
  });

  it('revoked beats known, and only for that very key', () => {
    const file = `cp1 ${text(A)}\n@revoked * ${text(A)}\n`;
    expect(judge(file, 'cp1', A)).toEqual({ verdict: 'revoked', file: FILE, line: 2 });
    expect(judge(`cp1 ${text(B)}\n@revoked * ${text(A)}`, 'cp1', B)).toEqual({ verdict: 'known' });
    expect(judge(`@revoked * ${text(A)}`, 'cp1', B)).toEqual({ verdict: 'unknown' });
  });

  it('a certificate authority does not vouch for a plain key, and is named', () => {
    expect(judge(`@cert-authority * ${text(A)}`, 'cp1', A)).toEqual({
      verdict: 'unknown',
      authority: { file: FILE, line: 1 },
    });
    expect(judge(`@cert-authority * ${text(B)}\ncp1 ${text(A)}`, 'cp1', A)).toEqual({ verdict: 'known' });
  });

  it('a plain entry for port 22 does not vouch for another port', () => {
    expect(judge(`cp1 ${text(A)}`, lookupName('cp1', 2222), A)).toEqual({ verdict: 'unknown' });
  });
});

describe('algorithms', () => {
  it('those of the known types come first; ssh-rsa means the SHA-2 signatures', () => {
    const lines = parseKnownHosts(`cp1 ${text(RSA)}\ncp2 ${text(EC)}\n@revoked cp3 ${text(RSA)}`, FILE);
    expect(hostKeyAlgorithms(lines, 'cp1').slice(0, 3)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519']);
    expect(hostKeyAlgorithms(lines, 'cp2')[0]).toBe('ecdsa-sha2-nistp256');
    expect(hostKeyAlgorithms(lines, 'cp3')[0]).toBe('ssh-ed25519');
    expect(hostKeyAlgorithms(lines, 'cp1')).toHaveLength(6);
    expect(hostKeyAlgorithms(lines, 'cp1')).not.toContain('ssh-rsa');
  });
});

describe('files', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'known-hosts-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('several are read together; one that is missing is empty', async () => {
    writeFileSync(join(dir, 'one'), `cp1 ${text(A)}\n`);
    writeFileSync(join(dir, 'two'), `cp2 ${text(B)}\n`);
    const lines = await readKnownHosts([join(dir, 'one'), join(dir, 'none'), join(dir, 'two')]);
    expect(lines.map((line) => line.patterns)).toEqual(['cp1', 'cp2']);
  });

  it('one that cannot be read is refused', async () => {
    mkdirSync(join(dir, 'folder'));
    await expect(readKnownHosts([join(dir, 'one'), join(dir, 'folder')])).rejects.toMatchObject({
      problem: { id: 'known-hosts-unreadable', where: join(dir, 'folder') },
    });
  });

  it('a new file is private, an unfinished last line is kept', async () => {
    const file = join(dir, 'new', 'known_hosts');
    await addKnownHost(file, '[cp1]:2222', A);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'new')).mode & 0o777).toBe(0o700);
    expect(readFileSync(file, 'utf8')).toBe(`[cp1]:2222 ${text(A)}\n`);
    writeFileSync(file, `other ${text(B)}`);
    chmodSync(file, 0o644);
    await addKnownHost(file, 'cp1', A);
    expect(readFileSync(file, 'utf8')).toBe(`other ${text(B)}\ncp1 ${text(A)}\n`);
  });

  it('names are hashed where the file hashes them', async () => {
    const file = join(dir, 'hashed');
    writeFileSync(file, `${hashName('other', Buffer.alloc(20, 1))} ${text(B)}\n`);
    await addKnownHost(file, 'cp1', A);
    expect(readFileSync(file, 'utf8')).not.toContain('cp1');
    expect(judgeKey(await readKnownHosts([file]), 'cp1', A)).toEqual({ verdict: 'known' });
  });

  const keygen = spawnSync('ssh-keygen', ['-?']).error === undefined;
  describe.skipIf(!keygen)(`as ssh-keygen has it${keygen ? '' : ' (not installed here)'}`, () => {
    const find = (file: string, name: string): string =>
      spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' }).stdout;

    it('what it hashes is found here', async () => {
      const file = join(dir, 'theirs');
      writeFileSync(file, `cp1,192.0.2.1 ${text(A)}\n[cp1]:2222 ${text(B)}\n`);
      execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' });
      expect(readFileSync(file, 'utf8')).not.toContain('cp1');
      const lines = await readKnownHosts([file]);
      expect(judgeKey(lines, 'cp1', A)).toEqual({ verdict: 'known' });
      expect(judgeKey(lines, '192.0.2.1', A)).toEqual({ verdict: 'known' });
      expect(judgeKey(lines, '[cp1]:2222', B)).toEqual({ verdict: 'known' });
      expect(judgeKey(lines, 'cp2', A)).toEqual({ verdict: 'unknown' });
    });

    it('what is added here is found there, and fingerprints are the same', async () => {
      for (const start of ['', `${hashName('x', Buffer.alloc(20, 3))} ${text(B)}\n`]) {
        const file = join(dir, `ours-${start.length}`);
        writeFileSync(file, start);
        await addKnownHost(file, '[2001:db8::1]:2222', RSA);
        expect(find(file, '[2001:db8::1]:2222')).toContain(RSA.toString('base64'));
        expect(find(file, '[2001:db8::1]:22')).toBe('');
      }
      const file = join(dir, 'fingerprints');
      writeFileSync(file, [A, RSA, EC].map((key) => `h ${text(key)}\n`).join(''));
      const listed = execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' });
      for (const key of [A, RSA, EC]) expect(listed).toContain(fingerprint(key));
    });

    it('patterns agree', () => {
      const file = join(dir, 'patterns');
      for (const patterns of ['*.example.org', '*.example.org,!cp1.example.org', 'cp?.example.org', '!*', '[*]:22']) {
        writeFileSync(file, `${patterns} ${text(A)}\n`);
        for (const name of ['cp1.example.org', 'cp2.example.org', 'example.org']) {
          expect([patterns, name, find(file, name) !== '']).toEqual([patterns, name, matchesHost(patterns, name)]);
        }
      }
    });

    it('the remedy removes exactly what stands in the way', () => {
      const file = join(dir, 'remedy');
      writeFileSync(file, `[cp1]:2222 ${text(A)}\ncp1 ${text(B)}\n`);
      execFileSync('ssh-keygen', ['-R', '[cp1]:2222', '-f', file], { stdio: 'ignore' });
      expect(readFileSync(file, 'utf8')).toBe(`cp1 ${text(B)}\n`);
      expect(existsSync(`${file}.old`)).toBe(true);
    });
  });
});
