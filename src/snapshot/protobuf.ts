/**
 * Just enough protobuf to pick single fields out of what etcd and Kubernetes store: no schema, no copies.
 * Everything read is treated as hostile: a length beyond its message ends the search instead of throwing.
 */

/** A message or field as a range of a buffer. */
export interface Span {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** One field: `span` for lengths (strings, bytes, messages), `value` for numbers. */
export interface Field {
  readonly number: number;
  readonly span: Span | undefined;
  readonly value: number;
}

/** A cursor position that {@link varint} moves; -1 when the number was cut off or longer than 64 bits. */
export interface At {
  at: number;
}

/** A varint as a number (exact up to 2^53), or -1 when it is damaged; moves `where` behind it. */
export function varint(bytes: Uint8Array, where: At, end: number): number {
  let result = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    if (where.at >= end) return -1;
    const byte = bytes[where.at++] as number;
    result += (byte & 0x7f) * scale;
    if (byte < 0x80) return result;
    scale *= 128;
  }
  return -1;
}

/** The fields of a message in order; stops at the first damaged one. */
export function* fields(message: Span): Generator<Field> {
  const { bytes, end } = message;
  const where = { at: message.start };
  while (where.at < end) {
    const tag = varint(bytes, where, end);
    if (tag < 8) return;
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) {
      const value = varint(bytes, where, end);
      if (value < 0) return;
      yield { number, span: undefined, value };
    } else if (wire === 2) {
      const length = varint(bytes, where, end);
      if (length < 0 || where.at + length > end) return;
      const start = where.at;
      where.at += length;
      yield { number, span: { bytes, start, end: where.at }, value: 0 };
    } else if (wire === 1 || wire === 5) {
      where.at += wire === 1 ? 8 : 4;
      if (where.at > end) return;
    } else return;
  }
}

/** The last field with this number, as protobuf reads repeated single fields. */
export function field(message: Span | undefined, number: number): Field | undefined {
  if (message === undefined) return undefined;
  let found: Field | undefined;
  for (const one of fields(message)) if (one.number === number) found = one;
  return found;
}

/** A message or bytes field by its path of numbers. */
export function spanAt(message: Span | undefined, ...path: number[]): Span | undefined {
  return path.reduce<Span | undefined>((inner, number) => field(inner, number)?.span, message);
}

/** A text field by its path of numbers. */
export function textAt(message: Span | undefined, ...path: number[]): string | undefined {
  const span = spanAt(message, ...path);
  return span === undefined ? undefined : span.bytes.toString('utf8', span.start, span.end);
}
