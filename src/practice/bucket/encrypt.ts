import { createMessage, encrypt, enums } from 'openpgp';

/** The passphrase the practice backups are made with. */
export const PASSPHRASE = 'correct-horse-practice-staple';

const made = new Map<string, Promise<Uint8Array>>();

/**
 * Encrypts as `gpg --symmetric --cipher-algo AES256` does: SEIPD version 1 with MDC, AES-256, zlib.
 * Kept per process under `name`, because the same snapshots are used over and over.
 */
export function encryptOnce(name: string, plain: () => Uint8Array): Promise<Uint8Array> {
  const known = made.get(name);
  if (known !== undefined) return known;
  const making = (async () =>
    (await encrypt({
      message: await createMessage({ binary: plain().slice() }),
      passwords: [PASSPHRASE],
      format: 'binary',
      config: {
        aeadProtect: false,
        preferredCompressionAlgorithm: enums.compression.zlib,
        preferredSymmetricAlgorithm: enums.symmetric.aes256,
      },
    })) as Uint8Array)();
  made.set(name, making);
  return making;
}
