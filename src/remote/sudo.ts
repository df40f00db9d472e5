import { EXIT, ProblemError } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import type { SudoMode } from '../inventory/types.js';
import { sudoDenied } from './problems.js';

/** How one command becomes root: what stands before its arguments, and the line that goes to its standard input. */
export interface SudoPlan {
  readonly prefix: readonly string[];
  readonly password?: Secret;
}

/** Runs a harmless command with a plan; gives back its exit code and what it said. */
export type SudoProbe = (plan: SudoPlan) => Promise<{ readonly code: number | null; readonly stderr: string }>;

const WITHOUT = ['sudo', '-n', '--'];
const WITH = ['sudo', '-S', '-p', '', '--'];

/**
 * A sudo password that several hosts share. It is tried on one host before the rest; refused there, it is tried nowhere
 * else until a person asks, so that a slip of the finger locks one account and not all.
 */
export class SudoPassword {
  #state: 'untried' | 'good' | 'refused' = 'untried';
  #refusedBy = '';
  #trying: Promise<void> | undefined;
  #secret: Promise<Secret> | undefined;
  readonly #read: () => Promise<Secret>;

  constructor(read: () => Promise<Secret>) {
    this.#read = read;
  }

  /** The password, asked for once; a question that was declined is asked again only after {@link reset}. */
  get(): Promise<Secret> {
    this.#secret ??= this.#read();
    return this.#secret;
  }

  /**
   * Returns once it is known to be right: the first host tries it, the others wait for that.
   *
   * @throws ProblemError `sudo-denied` when it was refused, here or on another host
   */
  async proven(host: string, probe: () => Promise<'good' | 'refused' | 'unclear'>): Promise<void> {
    while (this.#state === 'untried') {
      if (this.#trying !== undefined) {
        await this.#trying;
        continue;
      }
      let done = (): void => undefined;
      this.#trying = new Promise((resolve) => {
        done = resolve;
      });
      try {
        const answer = await probe();
        if (answer === 'refused') this.refused(host);
        else if (answer === 'good') this.#state = 'good';
        // Unclear (this user may not use sudo here): says nothing of the password; the next host finds out.
        else return;
      } finally {
        this.#trying = undefined;
        done();
      }
    }
    if (this.#state === 'refused') throw this.#refusal(host);
  }

  /** A host said that it is wrong. */
  refused(host: string): void {
    this.#state = 'refused';
    this.#refusedBy = host;
  }

  /** A person asks for another try. */
  reset(): void {
    if (this.#state !== 'refused' && this.#secret !== undefined) {
      this.#secret.catch(() => {
        this.#secret = undefined;
      });
      return;
    }
    this.#state = 'untried';
    this.#secret = undefined;
  }

  #refusal(host: string): ProblemError {
    const why =
      host === this.#refusedBy
        ? 'the sudo password is wrong'
        : `the sudo password was refused by ${this.#refusedBy} and not tried here`;
    return sudoDenied(host, why, 'Check the password, then try again. It is not tried by itself.');
  }
}

/** How one host does it, learned on the way. */
export class Sudo {
  #asks: boolean | undefined;
  #denied: ProblemError | undefined;

  constructor(
    readonly host: string,
    readonly mode: SudoMode['kind'],
    readonly password: SudoPassword | undefined,
  ) {}

  /** Whether commands run as root get the password on standard input; `undefined` until that is known. */
  get takesStdin(): boolean | undefined {
    return this.mode === 'password' ? this.#asks : false;
  }

  /**
   * The plan for a root command. In password mode finds out once whether sudo asks, and has the password proven.
   *
   * @throws ProblemError `sudo-denied`
   */
  async plan(probe: SudoProbe): Promise<SudoPlan> {
    if (this.mode === 'none') return { prefix: [] };
    if (this.#denied !== undefined) throw this.#denied;
    if (this.mode === 'passwordless' || this.password === undefined) return { prefix: WITHOUT };
    if (this.#asks === undefined) {
      const { code, stderr } = await probe({ prefix: WITHOUT });
      const answer = code === 0 ? 'fine' : judgeSudo(stderr);
      if (answer === 'denied') throw this.#deny(stderr);
      this.#asks = answer === 'asks';
    }
    if (!this.#asks) return { prefix: WITHOUT };
    const secret = await this.password.get();
    const plan = { prefix: WITH, password: secret };
    await this.password.proven(this.host, async () => {
      const { code, stderr } = await probe(plan);
      if (code === 0) return 'good';
      return judgeSudo(stderr) === 'wrong-password' ? 'refused' : 'unclear';
    });
    return plan;
  }

  /**
   * Looks at a root command that failed. Returns `again` when sudo did ask although it had not before: the command was
   * not run and can be sent with the password.
   *
   * @throws ProblemError `sudo-denied` when sudo refused to run it
   */
  judge(plan: SudoPlan, code: number | null, stderr: string): 'ran' | 'again' {
    if (plan.prefix.length === 0 || code === 0 || code === null) return 'ran';
    switch (judgeSudo(stderr)) {
      case 'wrong-password':
        this.password?.refused(this.host);
        throw this.#deny(stderr);
      case 'asks':
        if (this.mode === 'password' && plan.password === undefined) {
          this.#asks = true;
          return 'again';
        }
        throw this.#deny(stderr);
      case 'denied':
        throw this.#deny(stderr);
      case 'not-this':
        throw sudoDenied(this.host, firstSudoLine(stderr), 'Let sudoers allow this command for the login user.');
      default:
        return 'ran';
    }
  }

  /** A person asks for another try. */
  reset(): void {
    this.#denied = undefined;
    this.#asks = undefined;
    this.password?.reset();
  }

  #deny(stderr: string): ProblemError {
    this.#denied = denial(this.host, this.mode, stderr);
    return this.#denied;
  }
}

/** Whether what `sudo -l` lists lets every command be run as root. Rules that exclude some ("!") are not weighed here. */
export function allowsAnything(listing: string): boolean {
  const rules = listing.split('\n').filter((line) => /^\s+\(/.test(line));
  if (rules.some((rule) => rule.includes('!'))) return false;
  return rules.some((rule) => /^\s+\((?:ALL|root)(?: : [^)]+)?\) (?:[A-Z_]+: )*ALL\s*$/.test(rule));
}

/** A sudo that knows no `-l` (an older sudo-rs) tells nothing of what it allows: that is no refusal. */
export const cannotList = (stderr: string): boolean =>
  /^usage: sudo|invalid option|unrecognized option|unexpected argument|not (?:yet )?(?:supported|implemented)/im.test(
    stderr,
  );

/** What sudo's own words (in the C locale) mean; `undefined` when they are not sudo's. */
export function judgeSudo(stderr: string): 'asks' | 'wrong-password' | 'denied' | 'not-this' | undefined {
  if (
    /^sudo: (a password is required|a terminal is required|no tty present|interactive authentication)/m.test(stderr)
  ) {
    return 'asks';
  }
  if (/^Sorry, try again\.|^sudo: \d+ incorrect password attempt|^sudo: no password was provided/m.test(stderr)) {
    return 'wrong-password';
  }
  if (/^Sorry, user \S+ is not allowed to execute /m.test(stderr)) return 'not-this';
  if (/ is not in the sudoers file|^Sorry, user \S+ may not run sudo|you must have a tty to run sudo/m.test(stderr)) {
    return 'denied';
  }
  if (
    /(^|[ /])sudo: (command )?not found|command not found: sudo|Unknown command:? '?sudo|^sudo: Command not found/m.test(
      stderr,
    )
  ) {
    return 'denied';
  }
  if (/^sudo: (\S+ must be owned by uid 0|unable to (initialize|stat)|account validation failure|PAM)/m.test(stderr)) {
    return 'denied';
  }
  return undefined;
}

/** Refused before anything is sent: the password and other input must never share one standard input. */
export function stdinRefused(host: string): ProblemError {
  return new ProblemError(
    {
      id: 'command-refused',
      what: `${host} asks for a sudo password, so a root command there cannot be given other input.`,
      where: host,
      left: 'Nothing was sent to the host.',
      next: 'This is a mistake in the program (files go through put): report it.',
    },
    EXIT.bug,
  );
}

function denial(host: string, mode: SudoMode['kind'], stderr: string): ProblemError {
  const line = firstSudoLine(stderr);
  switch (judgeSudo(stderr)) {
    case 'wrong-password':
      return sudoDenied(
        host,
        'the sudo password is wrong',
        'Check the password, then try again. It is not tried by itself.',
      );
    case 'asks': {
      const next =
        mode === 'passwordless'
          ? 'Say `sudo: { password: prompt }` for it in cluster.yaml, or let sudoers say NOPASSWD; then try again.'
          : 'Check sudoers, then try again.';
      return sudoDenied(host, 'sudo asks for a password', next);
    }
    default: {
      const tty = /must have a tty/.test(stderr);
      const next = tty
        ? 'Let sudoers say `Defaults !requiretty` for this user.'
        : 'Log in as root, or let sudoers allow this user; then try again.';
      return sudoDenied(host, line, next);
    }
  }
}

function firstSudoLine(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  return lines.find((line) => /sudo|^Sorry/.test(line)) ?? lines[0] ?? 'sudo refused';
}
