import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PRACTICE = fileURLToPath(new URL('../../dist/src/practice/main.js', import.meta.url));

export interface PracticeProcess {
  /** The path of its inventory. */
  readonly inventory: string;
  /** Ends it, and waits until it has. */
  stop(): Promise<void>;
}

/** A practice cluster in a process of its own, as one that outlives a console; it keeps its files in that folder. */
export async function startPractice(directory: string, ...args: readonly string[]): Promise<PracticeProcess> {
  const child = spawn(process.execPath, [PRACTICE, '--dir', directory, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let said = '';
  for await (const data of child.stdout) {
    said += String(data);
    if (said.includes('\n')) break;
  }
  if (!said.includes('\n')) throw new Error(`the practice cluster ended with ${(await ended)[0]}`);
  return {
    inventory: (JSON.parse(said) as { inventory: string }).inventory,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
