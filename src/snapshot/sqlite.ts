import { constants, existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Findings } from './findings.js';

/**
 * Looks into K3s' SQLite datastore (`state.db`, facts 2.3) on a copy, with the write-ahead log that lies beside it: integrity, and
 * kine's revision (the highest id). The original is never opened by SQLite, which would write to it.
 */
export async function inspectSqlite(
  path: string,
  findings: Findings,
  scratch: string = tmpdir(),
): Promise<number | undefined> {
  const directory = await mkdtemp(join(scratch, 'blackstart-sqlite-'));
  try {
    const copy = join(directory, 'state.db');
    await copyFile(path, copy, constants.COPYFILE_FICLONE);
    if (existsSync(`${path}-wal`)) await copyFile(`${path}-wal`, `${copy}-wal`, constants.COPYFILE_FICLONE);
    // Loaded only here: a native module that most runs never need.
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(copy);
    try {
      const result: unknown = database.pragma('integrity_check(5)', { simple: true });
      if (result !== 'ok') damaged(findings, String(result));
      const row: unknown = database.prepare('SELECT max(id) AS revision FROM kine').get();
      const revision = (row as { revision?: unknown } | undefined)?.revision;
      return typeof revision === 'number' ? revision : undefined;
    } finally {
      database.close();
    }
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    if (/no such table/.test(reason)) {
      findings.add({
        id: 'sqlite-not-k3s',
        severity: 'fatal',
        message: 'This SQLite database is not one of K3s: it has no table kine.',
        remedy: 'Check that the right file was given.',
      });
    } else damaged(findings, reason);
    return undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function damaged(findings: Findings, reason: string): void {
  findings.add({
    id: 'sqlite-damaged',
    severity: 'fatal',
    message: `The SQLite database is damaged: ${reason.slice(0, 300)}.`,
    remedy: 'Choose another copy of it.',
  });
}
