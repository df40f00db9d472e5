import { inflateRawSync } from 'node:zlib';

/**
 * Unpacks a K3s snapshot archive: a zip with one deflated entry named like the snapshot (R14, R27).
 * Throws when the bytes are not such an archive.
 */
export function unzipSingle(zip: Uint8Array): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  let end = zip.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw new Error('zip: not a valid zip file');
  const central = view.getUint32(end + 16, true);
  const method = view.getUint16(central + 10, true);
  const packed = view.getUint32(central + 20, true);
  const local = view.getUint32(central + 42, true);
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const body = zip.subarray(start, start + packed);
  return method === 0 ? body.slice() : new Uint8Array(inflateRawSync(body));
}
