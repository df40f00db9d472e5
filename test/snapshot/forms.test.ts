import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { prove } from '../../src/snapshot/index.js';
import { seeded } from '../support/mutations.js';
import { fixture, put, REAL, realSnapshot, scratch } from '../support/snapshots.js';

const directory = scratch();
const whole = realSnapshot('s1');

describe('each outer form is named, with what to do', () => {
  it.each([
    ['empty', Buffer.alloc(0), 'empty', 'empty-file'],
    ['etcd-snapshot-node-1-1795342536.part', whole, 'part', 'unfinished'],
    ['x.gz', gzipSync(whole), 'gzip', 'compressed'],
    ['x.gpg', Buffer.from('8c0d04090302', 'hex'), 'openpgp', 'encrypted'],
    ['x.asc', Buffer.from('-----BEGIN PGP MESSAGE-----\n\n'), 'openpgp', 'encrypted'],
    ['y.gpg', Buffer.from('<html>404 not found</html>'), 'unknown', 'not-a-snapshot'],
    ['one-byte', Buffer.from('P'), 'unknown', 'not-a-snapshot'],
    ['zeros', Buffer.alloc(100_000), 'unknown', 'not-a-snapshot'],
    ['cut', whole.subarray(0, 1_000_007), 'etcd-snapshot', 'size-odd'],
    ['cut-at-512', whole.subarray(0, 1_024_000), 'etcd-db', 'no-trailer'],
    [
      'longer',
      Buffer.concat([whole.subarray(0, -32), Buffer.alloc(4096), whole.subarray(-32)]),
      'etcd-snapshot',
      'sha256-mismatch',
    ],
    ['not.zip', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(500)]), 'zip', 'zip-damaged'],
  ])('%s', async (name, bytes, format, id) => {
    const proof = await prove(put(directory, name, bytes));
    expect(proof).toMatchObject({ format, verdict: 'not-restorable', ok: false });
    expect(proof.problems.map((one) => one.id)).toContain(id);
    expect(proof.problems.every((one) => one.remedy.length > 10)).toBe(true);
  });

  it('a file that is not there is an error of its own', async () => {
    await expect(prove(join(directory, 'none'))).rejects.toMatchObject({ problem: { id: 'file-unreadable' }, exit: 3 });
    await expect(prove(directory)).rejects.toMatchObject({ problem: { id: 'file-unreadable' } });
  });

  it('can be stopped', async () => {
    const stop = new AbortController();
    const path = put(directory, 'whole', whole);
    await expect(
      prove(path, { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
  });

  it('SQLite: integrity and kine’s revision, and that it is no etcd snapshot', async () => {
    const path = join(directory, 'state.db');
    const database = new Database(path);
    database.exec(
      "CREATE TABLE kine (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO kine VALUES (41, 'a'), (42, 'b')",
    );
    database.close();
    const proof = await prove(path);
    expect(proof).toMatchObject({
      format: 'sqlite',
      ok: false,
      kineRevision: 42,
      problems: [{ id: 'sqlite-datastore' }],
    });
    const damaged = put(
      directory,
      'broken.db',
      Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(5000, 7)]),
    );
    expect((await prove(damaged)).problems.map((one) => one.id)).toEqual(['sqlite-datastore', 'sqlite-damaged']);
  });
});

/** A zip of one entry whose header claims `size` bytes. */
function zip(name: string, content: Buffer, size = content.length, entries = 1): Buffer {
  const data = deflateRawSync(content);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(20, 4);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(data.length, 18);
  local.writeUInt32LE(size, 22);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  local.copy(central, 6, 4, 30);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  end.writeUInt32LE((46 + name.length) * entries, 12);
  end.writeUInt32LE(30 + name.length + data.length, 16);
  const listed = Buffer.concat([central, Buffer.from(name)]);
  return Buffer.concat([local, Buffer.from(name), data, ...Array.from({ length: entries }, () => listed), end]);
}

describe('hostile zips', () => {
  const reason = async (bytes: Buffer): Promise<string> => {
    const proof = await prove(put(directory, 'hostile.zip', bytes), { scratch: directory });
    expect(proof).toMatchObject({ format: 'zip', ok: false });
    return proof.problems[0]?.message ?? '';
  };
  it('a bomb of zeros, a lie about the size, several entries, a way out of the folder', async () => {
    expect(await reason(zip('a', Buffer.alloc(50_000_000)))).toContain('no etcd snapshot');
    expect(await reason(zip('a', whole, 0xfffffff0))).toContain('cannot be true');
    expect(await reason(zip('a', whole, 100_000))).not.toBe('');
    expect(await reason(zip('a', whole, whole.length, 2))).toContain('several');
    expect(await reason(zip('../../out', whole))).not.toBe('');
  });

  it('K3s’ own zip with any bytes changed is refused or proven, never more', { timeout: 60_000 }, async () => {
    const good = fixture(`${REAL.s2}.zip`);
    for (let i = 0; i < 60; i++) {
      const random = seeded(i);
      const bytes = Buffer.from(good);
      const at = i % 2 === 0 ? random(bytes.length) : bytes.length - 1 - random(200);
      bytes[at] = (bytes[at] ?? 0) ^ (1 + random(255));
      const path = join(directory, 'mutated.zip');
      writeFileSync(path, i % 5 === 4 ? bytes.subarray(0, random(bytes.length)) : bytes);
      const proof = await prove(path, { scratch: directory });
      // What does not reach the content, such as a time in a header, may be accepted: then the content is whole.
      if (proof.ok) expect(proof.sha256.ok).toBe(true);
    }
  });
});
