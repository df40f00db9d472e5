import { createDecipheriv, pbkdf2Sync } from 'node:crypto';

const read = new WeakMap<Uint8Array, Map<string, ReadonlyMap<string, string> | undefined>>();

function decrypt(salt: string, packed: Buffer, password: string): string | undefined {
  const key = pbkdf2Sync(password, salt, 4096, 32, 'sha1');
  const decipher = createDecipheriv('aes-256-gcm', key, packed.subarray(0, 12));
  decipher.setAuthTag(packed.subarray(packed.length - 16));
  try {
    return Buffer.concat([decipher.update(packed.subarray(12, packed.length - 16)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function find(image: Uint8Array, password: string): ReadonlyMap<string, string> | undefined {
  const text = Buffer.from(image.buffer, image.byteOffset, image.byteLength).toString('latin1');
  for (const match of text.matchAll(/([0-9a-f]{16}):([A-Za-z0-9+/]{1000,}={0,2})/g)) {
    const plain = decrypt(match[1] ?? '', Buffer.from(match[2] ?? '', 'base64'), password);
    if (plain === undefined) continue;
    const files = JSON.parse(plain) as Record<string, { Content: string }>;
    return new Map(
      Object.entries(files).map(([name, file]) => [name, Buffer.from(file.Content, 'base64').toString('utf8')]),
    );
  }
  return undefined;
}

/**
 * The cluster's CAs and passwords as K3s keeps them in its datastore, decrypted from the bytes of a database image:
 * AES-256-GCM under PBKDF2-SHA1 of the token's password (R39). Undefined when the password is another.
 */
export function bootstrapData(image: Uint8Array, password: string): ReadonlyMap<string, string> | undefined {
  const known = read.get(image) ?? new Map<string, ReadonlyMap<string, string> | undefined>();
  read.set(image, known);
  if (!known.has(password)) known.set(password, find(image, password));
  return known.get(password);
}
