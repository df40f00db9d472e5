import { runDir } from '../k3s/scripts.js';

/** Where lock and papers stand on a server. Everything of ours is below one directory, but for the login notice. */

export const HOME = '/var/lib/blackstart';
export const LOCK_DIR = `${HOME}/lock`;

/** Read by every login shell of Debian, RHEL and SLES alike; `motd.d` is not read everywhere. Removed at clean-up. */
export { NOTICE_FILE } from '../k3s/paths.js';

/** The journal of one console: pieces in order of their names, each put whole; a console never writes into another's. */
export const journalDir = (run: string, lock: string): string => `${runDir(run)}/journal-${lock}`;

/** A piece's name sorts by the first event in it. */
export const pieceName = (seq: number): string => `${String(seq).padStart(9, '0')}.jsonl`;

export const paperFile = (run: string, name: string): string => `${runDir(run)}/${name}`;
