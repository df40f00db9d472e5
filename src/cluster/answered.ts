import { inertLine } from '../base/inert.js';
import { ProblemError } from '../base/problem.js';
import type { Said } from './ask-host.js';

/**
 * No answer is not the answer that there is none: a server that is slow must not look like one without K3s, and one whose disk hangs not like one
 * whose data is gone.
 */
export function answered(name: string, ...asked: readonly (readonly [Said, string])[]): void {
  const silent = asked.find(([said]) => said.code === null);
  if (silent !== undefined) throw tooSlow(name, silent[1]);
  const broken = asked.find(([said]) => said.code !== 0 && DISK_ERROR.test(said.stderr));
  if (broken !== undefined) throw diskError(name, broken[0].stderr);
}

/** EIO, EUCLEAN, ESTALE in the words of coreutils: nobody knows what lies there. That a file is not there is said otherwise. */
const DISK_ERROR = /Input\/output error|Structure needs cleaning|Stale file handle/;

const diskError = (name: string, stderr: string): ProblemError =>
  new ProblemError({
    id: 'disk-error',
    what: `${name} is reached, but its data cannot be read: ${inertLine(stderr.trim(), 200)}.`,
    where: name,
    next: 'Look at its disk (dmesg, smartctl); without it this server cannot be restored on, nor keep what it has. Leave it out, or replace it.',
  });

/** Reached over SSH, and too slow for what was asked. */
export const tooSlow = (name: string, what: string): ProblemError =>
  new ProblemError({
    id: 'host-slow',
    what: `${name} is reached, but too slow to answer ${what}.`,
    where: name,
    next: 'Look at its load and its disk; it is asked again by itself.',
  });
