import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Where this program keeps its files (README, *Files*). */

export interface StatePlace {
  readonly directory: string;
  /** Why it is not where it should be: a record that cannot be written where it belongs must not stop a rescue. */
  readonly instead?: string;
}

/** The state directory, or a private one under the temporary directory where the first cannot be written. */
export function statePlace(env: NodeJS.ProcessEnv = process.env): StatePlace {
  const base = env.XDG_STATE_HOME;
  const directory = join(base?.startsWith('/') === true ? base : join(homedir(), '.local', 'state'), 'blackstart');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.W_OK);
    return { directory };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const other = join(tmpdir(), `blackstart-${userInfo().uid}`);
    return { directory: other, instead: `${directory} cannot be written (${why}); records and spool are in ${other}` };
  }
}

export const stateDir = (env?: NodeJS.ProcessEnv): string => statePlace(env).directory;
export const reportsDir = (state: string): string => join(state, 'reports');
