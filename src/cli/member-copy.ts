import { rm } from 'node:fs/promises';
import { Spool } from '../backups/index.js';
import { inertLine } from '../base/inert.js';
import { ProblemError } from '../base/problem.js';
import { listDirectory, statFile } from '../k3s/ask.js';
import { parseEntries } from '../k3s/listing.js';
import type { Host } from '../remote/host.js';
import { type MemberCopy, type Survivor, walsAfter } from '../snapshot/index.js';

/** etcd makes its log files 64 MB long; this many zeros in a row are longer than any request it takes, so they are the unused rest. */
const UNUSED = 4 * 1024 * 1024;

export interface MemberOptions {
  readonly host: Pick<Host, 'exec' | 'get'>;
  /** The host's name, for messages and file names. */
  readonly name: string;
  /** `server/db/etcd` there. */
  readonly etcd: string;
  readonly spool: string;
  readonly signal: AbortSignal;
  /** etcd may be writing: what comes is not compared with the host's own sum. */
  readonly running: boolean;
  onProgress?(done: number, total: number): void;
}

/** A server's own etcd data, copied to this machine piece by piece as it is asked for; nothing is written on the host. */
export class RemoteMember {
  readonly #options: MemberOptions;
  readonly #made: string[] = [];

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** Copies `member/snap/db` anew. Throws {@link ProblemError} `no-database` where there is none, and those of the transfer. */
  async database(): Promise<string> {
    const { host, name, etcd, signal, running, onProgress } = this.#options;
    const path = `${etcd}/member/snap/db`;
    const there = await host.exec({ argv: statFile(path), root: true, signal });
    if (there.code !== 0) {
      throw new ProblemError({
        id: 'no-database',
        what: `There is no etcd database: ${inertLine(there.stderr.trim(), 200)}.`,
        where: name,
        left: 'Nothing was changed.',
        next: 'Compare with a server that has one: blackstart status shows which.',
      });
    }
    const file = await this.#place('db', Number(there.stdout.split(' ')[0]) || 0);
    await host.get({ path, root: true, file, verify: !running, signal, ...(onProgress ? { onProgress } : {}) });
    return file;
  }

  /** The copy for {@link readSurvivor}: the log files are fetched when it knows which. */
  copy(db: string): MemberCopy {
    return { db, wals: (after) => this.#wals(after) };
  }

  /** Removes everything that was copied. */
  async remove(): Promise<void> {
    for (const path of this.#made.splice(0)) await rm(path, { force: true });
  }

  async #wals(after: number | undefined): Promise<string[]> {
    const { host, etcd, signal } = this.#options;
    const wal = `${etcd}/member/wal`;
    const listed = await host.exec({ argv: listDirectory(wal), root: true, signal });
    const entries = parseEntries(listed.stdout);
    const files: string[] = [];
    for (const name of walsAfter(
      entries.map((entry) => entry.name),
      after,
    )) {
      const file = await this.#place(name, entries.find((entry) => entry.name === name)?.size ?? 0);
      await host.get({ path: `${wal}/${name}`, root: true, file, untilZeros: UNUSED, signal });
      files.push(file);
    }
    return files;
  }

  async #place(what: string, size: number): Promise<string> {
    const spool = await Spool.open(this.#options.spool);
    await spool.room(size);
    const file = await spool.begin(`member-${this.#options.name}-${this.#made.length}-${what}`);
    this.#made.push(file);
    return file;
  }
}

/** What lies in a server's log beyond its database, in words; undefined where there is nothing to say. */
export function beyondText({ wal }: Survivor): string | undefined {
  if (wal === null) return 'its write-ahead log is not there';
  const { state, damage, beyond } = wal;
  // Named as on the server, not as the copy here.
  const file = /[0-9a-f]{16}-[0-9a-f]{16}\.wal/.exec(damage?.file ?? '')?.[0] ?? damage?.file;
  const where = damage === null ? '' : ` (${file}, byte ${damage.offset}: ${damage.reason})`;
  if (state === 'damaged') return `its write-ahead log is damaged${where}: etcd would refuse to start with it`;
  if (beyond === null) return undefined;
  if (beyond.gap) return 'its write-ahead log does not follow on its database: entries between them are missing';
  const parts: string[] = [];
  if (beyond.entries > 0) {
    const some = beyond.objects
      .slice(0, 4)
      .map(({ kind, namespace, name }) => `${kind} ${namespace ? `${namespace}/` : ''}${name}`);
    const which =
      some.length === 0 ? '' : `, of them ${some.join(', ')}${beyond.objects.length > 4 ? ' and others' : ''}`;
    parts.push(
      `its write-ahead log holds ${beyond.entries} raft entries beyond the database, which etcd applies at its next start: ${beyond.puts} writes, ${beyond.deletes} deletions${which}`,
    );
  }
  if (beyond.uncommitted > 0) parts.push(`${beyond.uncommitted} entries beyond those are not known to be committed`);
  return parts.length === 0 ? undefined : parts.join('; ');
}
