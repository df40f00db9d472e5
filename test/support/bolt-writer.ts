import { createHash } from 'node:crypto';

/** One entry of a bucket. */
export interface KV {
  readonly key: Buffer;
  readonly value: Buffer;
}

const PAGE = 4096;

/** A varint, as protobuf writes it. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}

/** A protobuf message of length-delimited (text, bytes, message) and number fields. */
export function message(...fields: [number, Buffer | string | number][]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [varint(number * 8), varint(value)];
      const bytes = Buffer.from(value);
      return [varint(number * 8 + 2), varint(bytes.length), bytes];
    }),
  );
}

/** A built-in Kubernetes object as the API server stores it: envelope, metadata in field 1, the rest as given. */
export function kubeObject(...fields: [number, Buffer | string | number][]): Buffer {
  return Buffer.concat([Buffer.from('k8s\0'), message([1, message([1, 'v1'])], [2, message(...fields)])]);
}

/** etcd's revision key, with `t` for a tombstone. */
export function revisionKey(main: number, tombstone = false): Buffer {
  const key = Buffer.alloc(17);
  key.writeBigUInt64BE(BigInt(main));
  key[8] = 0x5f;
  return tombstone ? Buffer.concat([key, Buffer.from('t')]) : key;
}

/** Writes of an etcd, one revision each; a value of `null` deletes. */
export function revisions(writes: readonly [string, Buffer | string | null][], first = 2): KV[] {
  return writes.map(([key, value], i) => {
    const main = first + i;
    if (value === null) return { key: revisionKey(main, true), value: message([1, key]) };
    return { key: revisionKey(main), value: message([1, key], [2, main], [3, main], [4, 1], [5, Buffer.from(value)]) };
  });
}

/** Lays out pages as bbolt does: leaves, branches over them, one B+tree per bucket, metas first. */
class Image {
  readonly #pages: Buffer[] = [Buffer.alloc(PAGE), Buffer.alloc(PAGE)];

  tree(entries: readonly KV[], flags = 0): number {
    const leaves: { key: Buffer; page: number }[] = [];
    for (let at = 0; at < entries.length || leaves.length === 0; ) {
      const part: KV[] = [];
      let size = 16;
      for (; at < entries.length; at++) {
        const one = entries[at] as KV;
        const more = 16 + one.key.length + one.value.length;
        if (part.length > 0 && size + more > PAGE) break;
        part.push(one);
        size += more;
      }
      leaves.push({ key: part[0]?.key ?? Buffer.alloc(0), page: this.#page(2, part, flags) });
    }
    let level = leaves;
    while (level.length > 1) {
      const above: typeof level = [];
      for (let at = 0; at < level.length; at += 80) {
        const children = level.slice(at, at + 80);
        above.push({
          key: children[0]?.key ?? Buffer.alloc(0),
          page: this.#page(
            1,
            children.map(({ key, page }) => ({ key, value: Buffer.alloc(0), page })),
          ),
        });
      }
      level = above;
    }
    return level[0]?.page ?? 0;
  }

  /** A leaf image as it stands in an inline bucket's value. */
  static leaf(entries: readonly KV[], page = 0): Buffer {
    return layout(2, entries, 0, page);
  }

  #page(flag: number, entries: readonly (KV & { page?: number })[], flags = 0): number {
    const id = this.#pages.length;
    const body = layout(flag, entries, flags, id);
    const pages = Math.ceil(body.length / PAGE);
    body.writeUInt32LE(pages - 1, 12);
    const padded = Buffer.concat([body, Buffer.alloc(pages * PAGE - body.length)]);
    for (let i = 0; i < pages; i++) this.#pages.push(padded.subarray(i * PAGE, (i + 1) * PAGE));
    return id;
  }

  finish(root: number): Buffer {
    for (const [id, txid] of [
      [0, 7n],
      [1, 6n],
    ] as const) {
      const page = Buffer.alloc(PAGE);
      page.writeUInt32LE(id, 0);
      page.writeUInt16LE(4, 8);
      page.writeUInt32LE(0xed0cdaed, 16);
      page.writeUInt32LE(2, 20);
      page.writeUInt32LE(PAGE, 24);
      page.writeBigUInt64LE(BigInt(root), 32);
      page.writeBigUInt64LE(0xffffffffffffffffn, 48);
      page.writeBigUInt64LE(BigInt(this.#pages.length), 56);
      page.writeBigUInt64LE(txid, 64);
      let sum = 0xcbf29ce484222325n;
      for (const byte of page.subarray(16, 72)) sum = ((sum ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
      page.writeBigUInt64LE(sum, 72);
      this.#pages[id] = page;
    }
    return Buffer.concat(this.#pages);
  }
}

function layout(flag: number, entries: readonly (KV & { page?: number })[], flags: number, id: number): Buffer {
  const table = Buffer.alloc(16 + entries.length * 16);
  table.writeUInt32LE(id, 0);
  table.writeUInt16LE(flag, 8);
  table.writeUInt16LE(entries.length, 10);
  let free = table.length;
  entries.forEach(({ key, value, page }, i) => {
    const at = 16 + i * 16;
    if (flag === 1) {
      table.writeUInt32LE(free - at, at);
      table.writeUInt32LE(key.length, at + 4);
      table.writeBigUInt64LE(BigInt(page ?? 0), at + 8);
    } else {
      table.writeUInt32LE(flags, at);
      table.writeUInt32LE(free - at, at + 4);
      table.writeUInt32LE(key.length, at + 8);
      table.writeUInt32LE(value.length, at + 12);
    }
    free += key.length + value.length;
  });
  return Buffer.concat([table, ...entries.flatMap(({ key, value }) => [key, value])]);
}

/** A whole snapshot, trailer and all, of the given contents of bucket `key`; small buckets are inline, as bbolt keeps them. */
export function writeSnapshot(keys: readonly KV[], buckets: Readonly<Record<string, readonly KV[]>> = {}): Buffer {
  const image = new Image();
  const all: Record<string, readonly KV[]> = {
    alarm: [],
    cluster: [{ key: Buffer.from('clusterVersion'), value: Buffer.from('3.6.0') }],
    lease: [],
    members: [],
    meta: [],
    ...buckets,
    key: keys,
  };
  const top = Object.keys(all)
    .sort()
    .map((name) => {
      const entries = all[name] ?? [];
      const header = Buffer.alloc(16);
      const inline = Image.leaf(entries);
      if (inline.length <= PAGE / 4) return { key: Buffer.from(name), value: Buffer.concat([header, inline]) };
      header.writeBigUInt64LE(BigInt(image.tree(entries)), 0);
      return { key: Buffer.from(name), value: header };
    });
  const bytes = image.finish(image.tree(top, 1));
  return Buffer.concat([bytes, createHash('sha256').update(bytes).digest()]);
}
