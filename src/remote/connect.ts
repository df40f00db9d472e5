import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientErrorExtensions, type ConnectConfig } from 'ssh2';
import { ProblemError } from '../base/problem.js';
import type { AskSecret } from '../inventory/secrets.js';
import { Login } from './auth.js';
import type { Keyring } from './keyring.js';
import { hostKeyAlgorithms, judgeKey, type KnownHostLine, viewKey } from './known-hosts.js';
import { readKnownHosts } from './known-hosts-files.js';
import {
  keyChanged,
  keyRevoked,
  keyUnknown,
  loginRefused,
  type PresentedKey,
  timedOut,
  unreachable,
  unsupported,
} from './problems.js';
import type { Target } from './target.js';

export interface ConnectOptions {
  readonly keyring: Keyring;
  readonly ask?: AskSecret;
  /** Keys a person has accepted, by known_hosts name: from then on exactly these are expected. */
  readonly accepted: ReadonlyMap<string, string>;
  /** From the first packet to being logged in, milliseconds; stands still while a question is open. */
  readonly readyTimeoutMs: number;
  readonly keepaliveMs: number;
  /** Told how far the connection has come: for whoever gives up waiting for it. */
  reached?(how: string): void;
}

/**
 * Makes one connection: over `sock` where there are hops, straight otherwise. The host key is checked always; an unknown
 * one ends the connection before anything is sent.
 *
 * @param forHost short name of the host that is wanted in the end, when `target` is a hop on the way
 * @throws ProblemError of one of the ids in `host.ts`
 */
export async function connect(
  target: Target,
  forHost: string,
  options: ConnectOptions,
  signal: AbortSignal,
  sock?: Duplex,
): Promise<Client> {
  let lines: KnownHostLine[];
  try {
    lines = await readKnownHosts(target.knownHosts);
  } catch (error) {
    sock?.destroy();
    throw error;
  }
  signal.throwIfAborted();
  if (sock?.destroyed) throw sock.errored ?? unreachable(target.label, 'the way to it was closed');
  const gone = new AbortController();
  const login = new Login({
    target,
    keyring: options.keyring,
    signal: gone.signal,
    ...(options.ask === undefined ? {} : { ask: options.ask }),
  });
  const verifier = new KeyCheck(target, forHost, lines, options.accepted);
  const client = new ssh2.Client();
  const config: ConnectConfig = {
    host: target.host,
    port: target.port,
    username: target.user,
    authHandler: login.handler,
    hostVerifier: (key: Buffer) => verifier.check(key),
    algorithms: { serverHostKey: hostKeyAlgorithms(lines, target.keyName) },
    // Ours stands still while a person is being asked.
    readyTimeout: 0,
    keepaliveInterval: options.keepaliveMs,
    keepaliveCountMax: 3,
    ...(target.family === 4 ? { forceIPv4: true } : {}),
    ...(target.family === 6 ? { forceIPv6: true } : {}),
    ...(sock === undefined ? {} : { sock }),
  };
  try {
    await ready(client, config, target, login, verifier, options, signal);
    // Without this every command waits 40 ms for an acknowledgement before its second packet leaves.
    client.setNoDelay(true);
    return client;
  } catch (error) {
    client.destroy();
    sock?.destroy();
    throw error;
  } finally {
    gone.abort();
  }
}

function ready(
  client: Client,
  config: ConnectConfig,
  target: Target,
  login: Login,
  verifier: KeyCheck,
  { readyTimeoutMs: timeoutMs, reached }: ConnectOptions,
  signal: AbortSignal,
): Promise<void> {
  const place = `${target.host} port ${target.port}`;
  return new Promise((resolve, reject) => {
    let far = `no SSH session within ${timeoutMs / 1000} s`;
    const come = (how: string): void => {
      far = how;
      reached?.(how);
    };
    const step = Math.min(250, timeoutMs);
    let waited = 0;
    let shaken = false;
    let asked = false;
    const timer = setInterval(() => {
      if (login.asking) asked = true;
      else waited += step;
      if (waited >= timeoutMs) fail(timedOut(target.label, far));
    }, step);
    const stop = (): void => fail(signal.reason);
    const settle = (): void => {
      clearInterval(timer);
      signal.removeEventListener('abort', stop);
    };
    function fail(reason: unknown): void {
      settle();
      reject(reason);
    }
    signal.addEventListener('abort', stop, { once: true });
    client.once('connect', () => come(`${place} takes the connection and says nothing, as an sshd that hangs does`));
    client.on('handshake', () => {
      if (!shaken) come(`${place} speaks SSH, but the login does not end`);
      shaken = true;
    });
    // Stays for the life of the client: an error nobody listens to would end the program.
    client.on('error', (error) => {
      // An agent that fails is passed over; ssh2 goes on with the next method.
      if (error.level === 'agent') return;
      if (verifier.problem !== undefined) return fail(verifier.problem);
      fail(connectProblem(error, target, shaken ? login : undefined));
    });
    client.once('close', () => {
      if (verifier.problem !== undefined) return fail(verifier.problem);
      // Ended in the middle of a login: trying again by itself could lock the account.
      if (login.attempted || asked || login.asking) return fail(login.problem('it ended the connection'));
      fail(unreachable(target.label, 'it ended the connection'));
    });
    client.once('ready', () => {
      settle();
      resolve();
    });
    try {
      client.connect(config);
    } catch (error) {
      fail(error);
    }
  });
}

/** What an error before the login was done means. `login` is given once keys were exchanged. */
function connectProblem(error: Error & ClientErrorExtensions, target: Target, login: Login | undefined): ProblemError {
  if (error instanceof ProblemError) return error;
  const { label } = target;
  const code = 'code' in error ? error.code : undefined;
  if (error.level === 'client-authentication') return (login ?? loginOf(target)).problem();
  if (login !== undefined && typeof code === 'number') return login.problem(error.message);
  if (/no matching/i.test(error.message)) {
    return unsupported(label, error.message, 'Let its sshd offer current algorithms (it is too old for this console).');
  }
  if (error.level === 'client-timeout' || code === 'ETIMEDOUT')
    return timedOut(label, `${target.host} port ${target.port}`);
  if (login?.attempted) return login.problem(error.message);
  const place = `${target.host} port ${target.port}`;
  const words: Record<string, string> = {
    ECONNREFUSED: `${place} refuses connections`,
    ENOTFOUND: `the name ${target.host} is not known`,
    EAI_AGAIN: `the name ${target.host} cannot be looked up now`,
    EHOSTUNREACH: `there is no way to ${target.host}`,
    ENETUNREACH: `there is no network to ${target.host}`,
    ECONNRESET: `${place} reset the connection`,
  };
  return unreachable(label, words[String(code)] ?? `${place}: ${error.message}`);
}

function loginOf(target: Target): { problem(): ProblemError } {
  return { problem: () => loginRefused(target.label, `user ${target.user}`, 'Correct user or key, then check again.') };
}

/** Judges the key and remembers why it was refused. */
class KeyCheck {
  problem: ProblemError | undefined;

  constructor(
    readonly target: Target,
    readonly forHost: string,
    readonly lines: readonly KnownHostLine[],
    readonly accepted: ReadonlyMap<string, string>,
  ) {}

  check(key: Buffer): boolean {
    const { target } = this;
    const verdict = judgeKey(this.lines, target.keyName, key);
    const presented: PresentedKey = {
      host: this.forHost,
      shownBy: target.label,
      keyName: target.keyName,
      file: target.knownHosts[0] ?? '',
      keyBase64: key.toString('base64'),
      known: verdict.verdict === 'changed' ? verdict.known : [],
      ...viewKey(key),
    };
    const pinned = this.accepted.get(target.keyName);
    if (verdict.verdict === 'revoked') {
      this.problem = keyRevoked(target.label, viewKey(key), `${verdict.file}:${verdict.line}`);
    } else if (pinned !== undefined && pinned !== presented.keyBase64) {
      const view = { ...viewKey(Buffer.from(pinned, 'base64')), file: presented.file, line: 0 };
      this.problem = keyChanged({ ...presented, known: presented.known.length > 0 ? presented.known : [view] });
    } else if (verdict.verdict === 'changed') {
      this.problem = keyChanged(presented);
    } else if (verdict.verdict === 'unknown' && pinned === undefined) {
      const authority = verdict.authority;
      this.problem = keyUnknown(presented, authority && `${authority.file}:${authority.line}`);
    }
    return this.problem === undefined;
  }
}
