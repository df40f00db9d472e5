/**
 * OpenPGP packet framing (RFC 9580, section 4.2) over a stream: headers, fixed, partial and indeterminate lengths. What the
 * packets mean stays with `openpgp`; the framing is done here because a web stream per 8 KiB piece is what made it slow.
 */

export type Chunks = AsyncIterable<Buffer>;

/** The packets this program meets by tag. */
export const TAG = {
  publicKeySession: 1,
  passwordSession: 3,
  compressed: 8,
  marker: 10,
  literal: 11,
  protected: 18,
  aead: 20,
} as const;

/** The bytes did not go on as their own lengths promise: cut off, or not OpenPGP at all. */
export class CutOff extends Error {
  override readonly name = 'CutOff';
}

/** Pulls exact numbers of bytes, or whatever is there, out of a stream of chunks. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: Chunks) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes (a few); throws {@link CutOff} when the stream ends before. */
  async take(count: number): Promise<Buffer> {
    while (this.#held.length < count) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new CutOff('the data ends too early');
      this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    }
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** At most `most` bytes, at least one; `undefined` at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#held = next.value;
    }
    const taken = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  /** Everything that is left. */
  async *rest(): Chunks {
    for (let piece = await this.some(Infinity); piece !== undefined; piece = await this.some(Infinity)) yield piece;
  }

  /** Closes the stream below. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** One packet's header: `length` is that of the first part when `partial`; `undefined` means to the end of the stream. */
export interface PacketHeader {
  readonly tag: number;
  readonly length: number | undefined;
  readonly partial: boolean;
}

/** The next packet's header, or `undefined` at the end of the stream. */
export async function readHeader(source: ByteSource): Promise<PacketHeader | undefined> {
  const first = (await source.some(1))?.[0];
  if (first === undefined) return undefined;
  if ((first & 0x80) === 0) throw new CutOff('a packet does not begin as one');
  if ((first & 0x40) !== 0) return { tag: first & 0x3f, ...(await newLength(source)) };
  const tag = (first >> 2) & 0x0f;
  const kind = first & 3;
  if (kind === 3) return { tag, length: undefined, partial: false };
  const bytes = await source.take(1 << kind);
  return { tag, length: bytes.readUIntBE(0, bytes.length), partial: false };
}

async function newLength(source: ByteSource): Promise<{ length: number; partial: boolean }> {
  const first = (await source.take(1))[0] as number;
  if (first < 192) return { length: first, partial: false };
  if (first < 224)
    return { length: ((first - 192) << 8) + ((await source.take(1))[0] as number) + 192, partial: false };
  if (first === 255) return { length: (await source.take(4)).readUInt32BE(0), partial: false };
  return { length: 2 ** (first & 0x1f), partial: true };
}

/** A packet's body, partial lengths taken out. Must be read to its end before the next header. */
export async function* readBody(source: ByteSource, header: PacketHeader): Chunks {
  if (header.length === undefined) {
    yield* source.rest();
    return;
  }
  let { length, partial }: { length: number; partial: boolean } = { length: header.length, partial: header.partial };
  for (;;) {
    while (length > 0) {
      const piece = await source.some(length);
      if (piece === undefined) throw new CutOff('the data ends inside a packet');
      length -= piece.length;
      yield piece;
    }
    if (!partial) return;
    ({ length, partial } = await newLength(source));
  }
}

/** Joins small pieces: every call into zlib or the cipher costs the same, whatever its size. */
export async function* coalesce(chunks: Chunks, size = 128 * 1024): Chunks {
  let pieces: Buffer[] = [];
  let held = 0;
  for await (const piece of chunks) {
    pieces.push(piece);
    held += piece.length;
    if (held < size) continue;
    yield pieces.length === 1 ? piece : Buffer.concat(pieces, held);
    pieces = [];
    held = 0;
  }
  if (held > 0) yield Buffer.concat(pieces, held);
}
