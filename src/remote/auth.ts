import type { AnyAuthMethod, AuthenticationType, AuthHandlerMiddleware, Prompt } from 'ssh2';
import { inertLine } from '../base/inert.js';
import type { ProblemError } from '../base/problem.js';
import type { AskSecret } from '../inventory/secrets.js';
import { PickedAgent } from './agent.js';
import type { Keyring } from './keyring.js';
import { loginRefused, unsupported } from './problems.js';
import type { Target } from './target.js';

export interface AuthOptions {
  readonly target: Target;
  readonly keyring: Keyring;
  readonly ask?: AskSecret;
  /** Aborted when the connection is gone: a question that is still open is withdrawn. */
  readonly signal: AbortSignal;
}

/**
 * One login: agent, key files, keyboard-interactive, password; each at most once. Nothing is tried twice, so that a
 * wrong answer can never lock an account.
 */
export class Login {
  /** Whether anything but the question "what do you accept" was sent. */
  attempted = false;
  /** A question to the person is open: clocks stand still. */
  asking = false;
  readonly handler: AuthHandlerMiddleware;
  readonly #options: AuthOptions;
  readonly #tried: string[] = [];
  readonly #failed: string[] = [];
  #unsupportedKey: string | undefined;
  #accepted: readonly string[] = [];

  constructor(options: AuthOptions) {
    this.#options = options;
    const methods = this.#methods();
    this.handler = (left, partial, next) => {
      // The first call, before the server has said anything, has null here whatever the types say.
      const accepted: readonly AuthenticationType[] | null = left;
      if (accepted === null) return next({ type: 'none', username: options.target.user });
      if (!partial && this.#accepted.length === 0) this.#accepted = accepted;
      void this.#next(methods, accepted).then(next, () => next(false as unknown as AnyAuthMethod));
    };
  }

  /** Why the login failed, as the person should read it. */
  problem(detail?: string): ProblemError {
    const { target } = this.#options;
    const missing = [...target.unsupported, ...(this.#unsupportedKey === undefined ? [] : [this.#unsupportedKey])];
    const only = this.#accepted.filter((method) => !['publickey', 'keyboard-interactive', 'password'].includes(method));
    if (this.#accepted.length > 0 && only.length === this.#accepted.length) {
      const why = `it only accepts ${only.join(', ')}, which cannot be done here`;
      return unsupported(target.label, why, 'Let it accept a plain public key for this user.');
    }
    const why = this.#why(detail);
    if (missing.length > 0) {
      return unsupported(target.label, `${why}; not supported here: ${missing.join('; ')}`, PLAIN_KEY);
    }
    const next = `Try \`ssh -p ${target.port} ${target.user}@${target.host}\`; correct user or key (cluster.yaml, ssh-add), then check again. It is not tried by itself.`;
    return loginRefused(target.label, why, next);
  }

  #why(detail: string | undefined): string {
    const tried = this.#tried.length > 0 ? `tried ${this.#tried.join(', ')}` : 'there was nothing to try';
    const accepted = this.#accepted.length > 0 ? `; it accepts ${this.#accepted.join(', ')}` : '';
    const failed = this.#failed.length > 0 ? `; ${this.#failed.join('; ')}` : '';
    const said = detail === undefined ? '' : `; ${detail}`;
    return `user ${this.#options.target.user}, ${tried}${accepted}${failed}${said}`;
  }

  async #next(methods: AsyncGenerator<Method>, accepted: readonly string[]): Promise<AnyAuthMethod> {
    for (;;) {
      const { value, done } = await methods.next();
      // ssh2 takes `false` for "no more", which its types leave out.
      if (done || value === undefined) return false as unknown as AnyAuthMethod;
      if (!accepted.includes(value.needs)) continue;
      const made = await value.make(accepted);
      if (made === undefined) continue;
      this.attempted = true;
      this.#tried.push(value.name);
      return made;
    }
  }

  async *#methods(): AsyncGenerator<Method> {
    const { target, keyring } = this.#options;
    const username = target.user;
    if (target.agent !== undefined) {
      const found = await Promise.all(target.identities.map((identity) => keyring.publicKey(identity.path)));
      const wanted = found.filter((key) => key !== undefined);
      const agent = new PickedAgent(target.agent, wanted, target.identitiesOnly);
      yield { name: 'agent', needs: 'publickey', make: async () => ({ type: 'agent', username, agent }) };
    }
    for (const identity of target.identities) {
      yield {
        name: identity.path,
        needs: 'publickey',
        make: async () => {
          const loaded = await keyring.load(identity, this.#ask());
          if (loaded.kind === 'private') return { type: 'publickey', username, key: loaded.key };
          if (loaded.kind === 'unusable') {
            if (loaded.unsupported) this.#unsupportedKey = loaded.why;
            else this.#failed.push(loaded.why);
          }
          return undefined;
        },
      };
    }
    const ask = this.#ask();
    if (ask === undefined) return;
    yield {
      name: 'keyboard-interactive',
      needs: 'keyboard-interactive',
      make: async () => ({
        type: 'keyboard-interactive',
        username,
        prompt: (_name, instructions, _lang, prompts, finish) => {
          void this.#answer(ask, instructions, prompts).then(finish);
        },
      }),
    };
    yield {
      name: 'password',
      needs: 'password',
      make: async (accepted) => {
        // The same password was just refused there.
        if (accepted.includes('keyboard-interactive')) return undefined;
        const answer = await ask({ text: `password of ${username}`, host: target.label });
        return answer === undefined ? undefined : { type: 'password', username, password: answer.reveal() };
      },
    };
  }

  async #answer(ask: AskSecret, instructions: string, prompts: readonly Prompt[]): Promise<string[]> {
    const answers: string[] = [];
    for (const { prompt, echo } of prompts) {
      const text = inertLine([instructions, prompt].filter((part) => part.trim() !== '').join(' '), 300).trim();
      const answer = await ask({ text, host: this.#options.target.label, echo: echo === true });
      answers.push(answer?.reveal() ?? '');
    }
    return answers;
  }

  /** The question callback, with clocks standing still while it waits; failures count as declined. */
  #ask(): AskSecret | undefined {
    const { ask, signal, target } = this.#options;
    if (ask === undefined) return undefined;
    return async (question) => {
      this.asking = true;
      try {
        return await ask({ host: target.label, ...question }, signal);
      } catch {
        this.#failed.push('the question was not answered');
        return undefined;
      } finally {
        this.asking = false;
      }
    };
  }
}

const PLAIN_KEY = 'Let the host accept a plain public key, or put one into an agent, and name it in cluster.yaml.';

interface Method {
  readonly name: string;
  readonly needs: 'publickey' | 'keyboard-interactive' | 'password';
  make(accepted: readonly string[]): Promise<AnyAuthMethod | undefined>;
}
