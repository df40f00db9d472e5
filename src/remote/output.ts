/** Keeps the first `max` bytes of a stream and notes whether there was more. */
export class Kept {
  truncated = false;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(readonly max: number) {}

  push(chunk: Buffer): void {
    const room = this.max - this.#bytes;
    if (chunk.length > room) this.truncated = true;
    if (room <= 0) return;
    const part = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(part);
    this.#bytes += part.length;
  }

  /** UTF-8; a character cut in two at the end of what was kept is left out. */
  text(): string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return decoder.decode(Buffer.concat(this.#chunks), { stream: this.truncated });
  }
}

/** Longest line handed on, bytes. */
const MAX_LINE = 64 * 1024;

/** Cuts a stream into lines; one that is too long comes cut, its rest is dropped. */
export class LineCutter {
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(readonly onLine: (line: string) => void) {}

  push(chunk: Buffer): void {
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(10, from);
      this.#keep(chunk.subarray(from, at < 0 ? chunk.length : at));
      if (at < 0) return;
      this.#emit();
      from = at + 1;
    }
  }

  /** Hands on what came after the last newline. */
  end(): void {
    if (this.#bytes > 0) this.#emit();
  }

  #keep(part: Buffer): void {
    const room = MAX_LINE - this.#bytes;
    if (room <= 0 || part.length === 0) return;
    // A copy, so that a short rest does not keep a large chunk alive.
    this.#parts.push(Buffer.from(part.subarray(0, room)));
    this.#bytes += Math.min(part.length, room);
  }

  #emit(): void {
    const line = Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#bytes = 0;
    this.onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

/** Drops everything before and including a marker line: what a login shell printed before the command ran. */
export class AfterMarker {
  #pending: Buffer | undefined = Buffer.alloc(0);
  readonly #marker: Buffer;

  constructor(
    marker: string,
    readonly sink: (chunk: Buffer) => void,
  ) {
    this.#marker = Buffer.from(`${marker}\n`);
  }

  push(chunk: Buffer): void {
    if (this.#pending === undefined) {
      this.sink(chunk);
      return;
    }
    const seen = Buffer.concat([this.#pending, chunk]);
    const at = seen.indexOf(this.#marker);
    if (at < 0) {
      this.#pending = Buffer.from(seen.subarray(Math.max(0, seen.length - this.#marker.length)));
      return;
    }
    this.#pending = undefined;
    const rest = seen.subarray(at + this.#marker.length);
    if (rest.length > 0) this.sink(rest);
  }
}
