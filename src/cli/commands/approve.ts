import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { approvalCode, readChallenge } from '../../base/approval.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { parseSecretSource, readSecret, SOURCE_EXAMPLE } from '../../inventory/secrets.js';
import { terminalAsk } from '../ask-terminal.js';
import { err, json, out } from '../output.js';

export interface ApproveOptions {
  readonly key: string;
  readonly newKey?: string;
  readonly json: boolean;
}

/** The second person's code for a gate, on their own machine: no network, no inventory. */
export async function approveCommand(text: string | undefined, options: ApproveOptions): Promise<number> {
  if (options.newKey !== undefined) return newKey(options.newKey);
  const challenge = readChallenge(text ?? '');
  if (challenge === undefined)
    throw usage(
      text === undefined ? 'Which challenge?' : `${text} is not a challenge.`,
      'It stands on the gate, like reset.node-1.7F3K2-Q2MN4: blackstart approve CHALLENGE',
    );
  const source = parseSecretSource(options.key);
  if (source === undefined) throw usage('--key names no source of a secret.', `One of: ${SOURCE_EXAMPLE}.`);
  const ask = terminalAsk(process.stdin, process.stderr);
  const key = await readSecret(source, {
    purpose: 'your approval key',
    warn: err,
    ...(ask === undefined ? {} : { prompt: ask }),
  });
  const code = approvalCode(key, challenge.whole);
  if (options.json) json({ gate: challenge.gate, target: challenge.target, challenge: challenge.whole, code });
  else {
    err(`You approve the gate "${challenge.gate}" for ${challenge.target}. Ask what it destroys before you say this:`);
    out(code);
  }
  return EXIT.ok;
}

/** Drawn once per person; a copy goes to each machine that opens the console. */
function newKey(path: string): number {
  try {
    writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ProblemError(
      {
        id: 'key-unwritable',
        what: `The key cannot be written: ${why}`,
        where: path,
        next: 'Name a file that does not exist yet.',
      },
      EXIT.unreachable,
    );
  }
  err(
    `A new key is in ${path} (0600). Give a copy to the machines that open the console, and name it under approvers: in cluster.yaml.`,
  );
  return EXIT.ok;
}

const usage = (what: string, next: string): ProblemError => new ProblemError({ id: 'usage', what, next }, EXIT.usage);
