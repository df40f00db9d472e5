/**
 * CRC-32C (Castagnoli), the checksum `etcdutl snapshot status` prints as `hash` (facts 7.7).
 * Node's own `zlib.crc32` is the other polynomial, and the packages that wrap the processor's instruction need a
 * compiler, so this one is computed sixteen bytes at a time from tables ("slicing by sixteen").
 */

const POLYNOMIAL = 0x82f63b78;

function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let slice = 1; slice < 16; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = tables[(slice - 1) * 256 + byte] as number;
      tables[slice * 256 + byte] = (before >>> 8) ^ (tables[before & 0xff] as number);
    }
  }
  return tables;
}

const T = makeTables();

/** The view of the buffer that was read last: whole words are read through it, and making one costs more than a short read. */
let viewed: Uint8Array | undefined;
let view: DataView = new DataView(new ArrayBuffer(0));

/**
 * Continues a CRC-32C over `bytes[start, end)`. Begin with 0; the result is a signed 32-bit number that can be
 * passed back in, or turned into the printed form with {@link crcHex}. The caller keeps `end <= bytes.length`.
 */
export function crc32c(crc: number, bytes: Uint8Array, start: number, end: number): number {
  let c = ~crc;
  let at = start;
  const wide = end - 16;
  if (at <= wide && bytes !== viewed) {
    viewed = bytes;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  const words = view;
  // Typed array reads inside the bounds never give undefined: the casts below only say so.
  while (at <= wide) {
    c ^= words.getInt32(at, true);
    const x = words.getInt32(at + 4, true);
    const y = words.getInt32(at + 8, true);
    const z = words.getInt32(at + 12, true);
    c =
      (T[0xf00 + (c & 0xff)] as number) ^
      (T[0xe00 + ((c >>> 8) & 0xff)] as number) ^
      (T[0xd00 + ((c >>> 16) & 0xff)] as number) ^
      (T[0xc00 + (c >>> 24)] as number) ^
      (T[0xb00 + (x & 0xff)] as number) ^
      (T[0xa00 + ((x >>> 8) & 0xff)] as number) ^
      (T[0x900 + ((x >>> 16) & 0xff)] as number) ^
      (T[0x800 + (x >>> 24)] as number) ^
      (T[0x700 + (y & 0xff)] as number) ^
      (T[0x600 + ((y >>> 8) & 0xff)] as number) ^
      (T[0x500 + ((y >>> 16) & 0xff)] as number) ^
      (T[0x400 + (y >>> 24)] as number) ^
      (T[0x300 + (z & 0xff)] as number) ^
      (T[0x200 + ((z >>> 8) & 0xff)] as number) ^
      (T[0x100 + ((z >>> 16) & 0xff)] as number) ^
      (T[z >>> 24] as number);
    at += 16;
  }
  for (; at < end; at++) c = (c >>> 8) ^ (T[(c ^ (bytes[at] as number)) & 0xff] as number);
  return ~c;
}

/** The CRC as etcd prints it in tables: eight lower-case hex digits at most, no leading zeros. */
export function crcHex(crc: number): string {
  return (crc >>> 0).toString(16);
}
