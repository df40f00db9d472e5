import { spawn } from 'node:child_process';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { inertLine } from '../base/inert.js';
import type { Finding, Trial } from '../snapshot/index.js';

/** etcd's own tools that can restore, the better one first; etcdctl can no more from 3.6 on. */
const TOOLS = ['etcdutl', 'etcdctl'];
/** The restored database, etcd's log of 64 MB, and some air. */
const room = (bytes: number): number => bytes * 1.1 + 128 * 1024 * 1024;
/** A slow disk may take this long, milliseconds; then it is left unknown. */
const PATIENCE = 300_000;
/** Never reached: a restore only writes names of members into the new database. */
const NOWHERE = 'http://127.0.0.1:1';

/**
 * Restores a proven snapshot for trial with etcd's own tool, where this machine has one, into a directory of the spool that is removed
 * afterwards; no etcd is started and no host is touched. `undefined`: no tool is at hand, or there is no room to try.
 */
export async function tryRestore(
  file: string,
  bytes: number,
  spool: string,
  signal?: AbortSignal,
): Promise<Trial | undefined> {
  const disk = await statfs(spool);
  if (disk.bavail * disk.bsize < room(bytes)) return undefined;
  for (const tool of TOOLS) {
    const version = /version: (\S+)/.exec((await run(tool, ['version'], signal)).said)?.[1];
    if (version === undefined) continue;
    const directory = await mkdtemp(join(spool, 'blackstart-trial-'));
    try {
      const { code, said } = await run(
        tool,
        ['snapshot', 'restore', file, '--data-dir', join(directory, 'etcd'), '--name', 'trial'].concat([
          '--initial-cluster',
          `trial=${NOWHERE}`,
          '--initial-advertise-peer-urls',
          NOWHERE,
        ]),
        signal,
      );
      signal?.throwIfAborted();
      if (code === 0) return { tool, version, ok: true, message: '' };
      // A tool without this command, a full disk or a time-out says nothing about the snapshot.
      if (code === null || /unknown (command|flag)|no space left|deprecated.*removed/i.test(said)) continue;
      return { tool, version, ok: false, message: inertLine(reason(said), 300) };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  return undefined;
}

/** What a failed trial means; a tool older than the snapshot may fail for that alone, so it is the operator's to weigh. */
export function trialFinding({ tool, version, ok, message }: Trial): Finding | undefined {
  if (ok) return undefined;
  return {
    id: 'trial-failed',
    severity: 'warning',
    message: `Structure and checksum are whole, but a trial restore with ${tool} ${version} failed: ${message}`,
    remedy: 'Prefer another snapshot; an etcd tool older than the snapshot may fail for that reason alone.',
  };
}

/** etcd's tools log in JSON or plain lines; the last line with an error in it tells why. */
function reason(said: string): string {
  const lines = said.trim().split('\n');
  return lines.findLast((line) => /error|panic|fatal/i.test(line)) ?? lines.at(-1) ?? 'it gave no reason';
}

function run(
  tool: string,
  argv: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve) => {
    const limit = AbortSignal.timeout(PATIENCE);
    const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    // Settings of the user's own etcdctl (endpoints, certificates) have no say here.
    const child = spawn(tool, argv, {
      env: { PATH: process.env.PATH, ETCDCTL_API: '3' },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: stop,
    });
    let said = '';
    const keep = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', () => resolve({ code: null, said: '' }));
    child.on('close', (code) => resolve({ code, said }));
  });
}
