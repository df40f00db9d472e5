import type { Lab } from './lab.js';
import type { Machine } from './machine.js';
import { run } from './sh.js';

const PLACES = ['/etc', '/root', '/home', '/var', '/tmp', '/usr/local', '/data'];

/** Files of a machine, its volatile ones included, that hold one of the patterns; `journal` for its journal. */
export async function leaksOn(machine: Machine, patterns: readonly string[]): Promise<string[]> {
  const input = `${[...new Set(patterns)].join('\n')}\n`;
  const files = await machine.inside(['grep', '-rlaF', '-f', '-', ...PLACES, '/run'], input);
  const journal = await machine.inside(['journalctl', '--no-pager', '--output=export']);
  const found = files.stdout.split('\n').filter((path) => path !== '' && !path.startsWith('/var/log/journal/'));
  return patterns.some((pattern) => journal.stdout.includes(pattern)) ? [...found, 'journal'] : found;
}

/** The same on the machine of the program: record, spool, logs; the files the secrets come from are not counted. */
export async function leaksHere(lab: Lab, patterns: readonly string[]): Promise<string[]> {
  const sources = ['sudo-password', 'passphrase', 'token', 's3-secret-key'];
  const found = await run(['grep', '-rlaF', '-f', '-', ...sources.map((name) => `--exclude=${name}`), lab.home], {
    input: `${[...new Set(patterns)].join('\n')}\n`,
  });
  return found.stdout.split('\n').filter(Boolean);
}

/** Looks at the arguments of all processes of all machines, and of this one, again and again until stopped. */
export function watchArguments(lab: Lab, patterns: readonly string[]): { stop(): Promise<string[]> } {
  const seen = new Set<string>();
  let stopped = false;
  const look = (where: string, text: string): void => {
    for (const line of text.split('\n'))
      if (patterns.some((pattern) => line.includes(pattern))) seen.add(`${where}: ${line}`);
  };
  const watching = (async () => {
    while (!stopped) {
      look('here', (await run(['ps', '-eo', 'args'])).stdout);
      for (const machine of lab.machines.values()) {
        if (machine.leader() !== undefined)
          look(machine.host.name, (await machine.inside(['ps', '-eo', 'args'])).stdout);
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      return [...seen];
    },
  };
}

/** Where the server token belongs on a host, and in the safety copy of it. */
export const tokenBelongs = (path: string): boolean =>
  /(^|\/var\/lib\/blackstart\/[^/]+\/safety)(\/etc\/rancher\/k3s\/config\.yaml|\/(var\/lib\/rancher|data)\/k3s\/server\/(token|node-token|agent-token|cred\/passwd))$/.test(
    path,
  );
