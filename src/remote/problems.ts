import { inertLine } from '../base/inert.js';
import { EXIT, type Problem, ProblemError } from '../base/problem.js';
import type { KeyView } from './known-hosts.js';

/** A host key as a host showed it, with all that is needed to show it to a person and to store it. */
export interface PresentedKey extends KeyView {
  /** Short name of the host that was to be reached. */
  readonly host: string;
  /** The host or jump host that showed the key. */
  readonly shownBy: string;
  /** Name known_hosts has it under: `cp1.example.org`, `[192.0.2.1]:2222`. */
  readonly keyName: string;
  /** File it is stored in when it is accepted. */
  readonly file: string;
  readonly keyBase64: string;
  /** Keys that were known before, when it changed. */
  readonly known: readonly (KeyView & { readonly file: string; readonly line: number })[];
}

/** `host-key-unknown` and `host-key-changed` carry the key. */
export interface HostKeyProblem extends Problem {
  readonly hostKey: PresentedKey;
}

/** The key that a problem is about, if it is about one. */
export function hostKeyOf(problem: Problem): PresentedKey | undefined {
  return 'hostKey' in problem ? (problem as HostKeyProblem).hostKey : undefined;
}

/** Only these are worth trying again without a person: everything else is an answer. */
export function isNetworkProblem(problem: Problem): boolean {
  return problem.id === 'host-unreachable' || problem.id === 'host-timeout' || problem.id === 'connection-lost';
}

const NOTHING = 'Nothing was sent to the host.';
// sshd passes the signal on only where the login user owns the process: not for root logins, not to what sudo runs.
const DOUBT = 'In doubt: the command was told to end; it may have run, and may still be running.';

export function unreachable(host: string, why: string, next?: string): ProblemError {
  return make('host-unreachable', host, `${host} cannot be reached: ${inertLine(why, 300)}.`, {
    left: NOTHING,
    next: next ?? 'Check the address, the network and that the machine is on; it is tried again by itself.',
  });
}

/** The host is there, but from it nothing answers where a stream was to go. */
export function forwardRefused(host: string, to: string, why: string): ProblemError {
  const said = inertLine(why.trim(), 200);
  return make('host-unreachable', host, `From ${host}, ${to} does not answer${said === '' ? '' : ` (${said})`}.`, {
    left: NOTHING,
    next: 'Check that something listens there, and AllowTcpForwarding in the sshd of this host.',
  });
}

/** Something without an end, on a host that allows few sessions. */
export function madeWay(host: string, command: string): ProblemError {
  return make(
    'session-yielded',
    host,
    `${host} allows few sessions at a time, and this one was needed: ${command} was ended.`,
    {
      left: 'Nothing was changed by it.',
      next: 'Allow more sessions in its sshd (MaxSessions); it is begun again by itself.',
    },
  );
}

export function timedOut(host: string, what: string): ProblemError {
  return make('host-timeout', host, `${host} did not answer in time: ${what}.`, {
    left: NOTHING,
    next: 'Check the network and that the machine is on; where it takes connections, look at its console: load, memory, disk. It is tried again by itself.',
  });
}

export function loginRefused(host: string, why: string, next: string): ProblemError {
  return make('login-refused', host, `${host} refuses the login: ${inertLine(why, 500)}.`, { left: NOTHING, next });
}

export function unsupported(host: string, why: string, next: string): ProblemError {
  return make('ssh-unsupported', host, `${host}: ${inertLine(why, 500)}.`, { left: NOTHING, next });
}

export function connectionLost(host: string, command: string): ProblemError {
  return make('connection-lost', host, `The connection to ${host} was lost while it ran: ${command}`, {
    left: 'In doubt: the command may have run, and may still be running.',
    next: 'It is looked at again when the connection is back.',
  });
}

export function commandTimeout(host: string, command: string, ms: number): ProblemError {
  return make('command-timeout', host, `${host} did not finish within ${ms / 1000} s: ${command}`, {
    left: DOUBT,
    next: 'Look at the host, then try again.',
  });
}

/** Asked before in vain, and not again so soon. */
export function stillHangs(host: string, command: string): ProblemError {
  return make('command-timeout', host, `${host} did not finish this before, and it may hang there still: ${command}`, {
    left: 'Nothing was sent: it would hang beside the first.',
    next: 'Look at the host, its disk above all; it is asked again in a minute.',
  });
}

export function cancelled(host: string, command: string, sent: boolean): ProblemError {
  return make('cancelled', host, `Cancelled on ${host}: ${command}`, {
    left: sent ? DOUBT : NOTHING,
    next: 'Start it again when it is wanted.',
    exit: EXIT.stopped,
  });
}

export function sudoDenied(host: string, why: string, next: string): ProblemError {
  return make(
    'sudo-denied',
    host,
    `${host} does not let this user become root: ${inertLine(why, 300).replace(/\.$/, '')}.`,
    {
      left: 'Nothing was run as root.',
      next,
    },
  );
}

export function keyUnknown(key: PresentedKey, authority: string | undefined): ProblemError {
  const why =
    authority === undefined
      ? ''
      : ` It is known only through a certificate authority (${authority}), and certificates cannot be checked here.`;
  return withKey(
    'host-key-unknown',
    key,
    `The ${key.type} key of ${key.shownBy} is not known: ${key.fingerprint}.${why}`,
    {
      left: 'The connection was ended before anything was sent.',
      next: `Compare the fingerprint with the host's own (\`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub\` on its console), then accept it.`,
    },
  );
}

export function keyChanged(key: PresentedKey): ProblemError {
  const known = key.known.map((one) => `${one.type} ${one.fingerprint} (${one.file}:${one.line})`).join(', ');
  const file = key.known[0]?.file ?? key.file;
  const what = `The key of ${key.shownBy} has changed: it shows ${key.type} ${key.fingerprint}, known is ${known}.`;
  return withKey('host-key-changed', key, what, {
    left: 'The connection was ended before anything was sent. Other hosts are not affected.',
    next: `If the machine was reinstalled: ssh-keygen -R '${key.keyName}' -f '${file}'   then check again. If not, somebody may be in between: do not go on.`,
  });
}

export function keyRevoked(host: string, key: KeyView, place: string): ProblemError {
  return make('host-key-revoked', host, `The key of ${host} is revoked (${place}): ${key.type} ${key.fingerprint}.`, {
    left: 'The connection was ended before anything was sent.',
    next: 'Give the host a new key, or take the @revoked line out if it is there by mistake; then check again.',
  });
}

interface Parts {
  readonly left: string;
  readonly next: string;
  readonly exit?: (typeof EXIT)[keyof typeof EXIT];
}

function make(id: string, where: string, what: string, { left, next, exit }: Parts): ProblemError {
  return new ProblemError({ id, what, where, left, next }, exit ?? EXIT.unreachable);
}

function withKey(id: string, key: PresentedKey, what: string, { left, next }: Parts): ProblemError {
  const problem: HostKeyProblem = { id, what, where: key.shownBy, left, next, hostKey: key };
  return new ProblemError(problem, EXIT.unreachable);
}
