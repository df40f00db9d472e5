import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where this program keeps its files (README, *Files*). */
export function stateDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_STATE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.local', 'state'), 'blackstart');
}

export const spoolDir = (state: string): string => join(state, 'spool');
export const reportsDir = (state: string): string => join(state, 'reports');
