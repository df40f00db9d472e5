import { randomBytes } from 'node:crypto';
import { createMessage, encrypt, enums } from 'openpgp';
import { describe, expect, it } from 'vitest';
import { decrypt, HEAD_BYTES, testPassphrase } from '../../src/backups/index.js';
import { Secret } from '../../src/base/secret.js';
import { gpg, gpgSymmetric, hasGpg } from '../support/gpg.js';

const right = new Secret('correct horse');
const plain = Buffer.concat([randomBytes(150_000), Buffer.alloc(400_000, 'etcd'), randomBytes(33)]);

async function open(bytes: Buffer, passphrase = right, piece = 5000): Promise<Buffer> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  }
  const out: Buffer[] = [];
  for await (const chunk of decrypt(chunks(), passphrase)) out.push(Buffer.from(chunk));
  return Buffer.concat(out);
}

const problem = (id: string): object => ({ problem: { id } });

describe.skipIf(!hasGpg)('files made by the real gpg', () => {
  const ways: Record<string, string[]> = {
    'as the backup job does': [],
    'without compression': ['--compress-algo', 'none'],
    'with zlib': ['--compress-algo', 'zlib'],
    'with bzip2': ['--compress-algo', 'bzip2'],
    'in ASCII armour': ['--armor'],
    'with SHA-512 and few rounds': ['--s2k-digest-algo', 'SHA512', '--s2k-count', '1024'],
    'with a simple S2K': ['--s2k-mode', '0'],
    'with AES128': ['--cipher-algo', 'AES128'],
  };
  it.each(Object.entries(ways))('open: %s', async (_name, options) => {
    const file = gpgSymmetric(plain, right.reveal(), ...options);
    expect((await open(file)).equals(plain)).toBe(true);
    expect((await open(file, right, 1 << 20)).equals(plain)).toBe(true);
    expect(await testPassphrase(file.subarray(0, HEAD_BYTES), right)).toBe(
      options.includes('bzip2') ? 'unknown' : 'opens',
    );
    expect(await testPassphrase(file.subarray(0, HEAD_BYTES), new Secret('wrong'))).toBe('wrong');
    await expect(open(file, new Secret('wrong'))).rejects.toMatchObject(problem('wrong-passphrase'));
  });

  it('of any small size', async () => {
    for (const size of [0, 1, 15, 22, 23, 191, 192, 8383, 8384, 8192 * 3]) {
      const some = plain.subarray(0, size);
      expect((await open(gpgSymmetric(some, right.reveal()), right, 7)).equals(some), `${size} bytes`).toBe(true);
    }
  });

  it.each(['none', 'zip'])('are refused when cut off or changed anywhere (compression %s)', async (compression) => {
    const file = gpgSymmetric(plain, right.reveal(), '--compress-algo', compression);
    for (const at of [30, 60, 1000, Math.floor(file.length / 2), file.length - 40, file.length - 21, file.length - 1]) {
      const flipped = Buffer.from(file);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      await expect(open(flipped), `byte ${at} of ${file.length}`).rejects.toMatchObject({
        problem: { id: expect.stringMatching(/backup-damaged|wrong-passphrase/) },
      });
      await expect(open(file.subarray(0, at)), `cut at ${at}`).rejects.toMatchObject({
        problem: { id: expect.stringMatching(/backup-damaged|wrong-passphrase|not-openpgp/) },
      });
    }
  });

  it('with a cipher we lack, or for a key, say so', async () => {
    const camellia = gpg(['--passphrase', 'x', '--cipher-algo', 'CAMELLIA256', '--symmetric', '-o', '-'], plain);
    await expect(open(camellia)).rejects.toMatchObject(problem('openpgp-unsupported'));
    gpg(['--passphrase', '', '--quick-gen-key', 'test@example.org', 'rsa2048', 'encr', 'never'], Buffer.alloc(0));
    const toKey = gpg(['--trust-model', 'always', '-r', 'test@example.org', '--encrypt', '-o', '-'], plain);
    await expect(open(toKey)).rejects.toMatchObject(problem('public-key'));
    expect(await testPassphrase(toKey.subarray(0, HEAD_BYTES), right)).toBe('public-key');
  });
});

describe('other OpenPGP files', () => {
  it('AEAD, as newer programs make it, opens and is refused when damaged', async () => {
    const made = await encrypt({
      message: await createMessage({ binary: new Uint8Array(plain) }),
      passwords: right.reveal(),
      format: 'binary',
      config: { aeadProtect: true, preferredAEADAlgorithm: enums.aead.ocb },
    });
    const file = Buffer.from(made as Uint8Array);
    expect((await open(file)).equals(plain)).toBe(true);
    await expect(open(file, new Secret('wrong'))).rejects.toMatchObject(problem('wrong-passphrase'));
    const flipped = Buffer.from(file);
    flipped[file.length - 5000] = (flipped[file.length - 5000] ?? 0) ^ 1;
    await expect(open(flipped)).rejects.toMatchObject(problem('backup-damaged'));
    await expect(open(file.subarray(0, -100))).rejects.toMatchObject(problem('backup-damaged'));
  });

  it('what is none is named so', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('hello, this is text'), Buffer.alloc(4096)]) {
      await expect(open(bytes)).rejects.toMatchObject(problem('not-openpgp'));
      expect(await testPassphrase(bytes, right)).toBe('not-openpgp');
    }
  });
});
