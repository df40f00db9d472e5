import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { ProblemError } from '../base/problem.js';
import { type ConnectOptions, connect } from './connect.js';
import { isNetworkProblem, unreachable, unsupported } from './problems.js';
import { ProxyStream } from './proxy.js';
import type { Target } from './target.js';

/** Connections to jump hosts, each made once and shared by all hosts behind it. */
export class JumpHosts {
  readonly #clients = new Map<string, Promise<Client>>();
  readonly #answered = new Set<string>();

  /** Connects to a target through its hops or its ProxyCommand. */
  async connect(target: Target, options: ConnectOptions, signal: AbortSignal): Promise<Client> {
    if (target.proxyCommand !== undefined) {
      return connect(target, target.label, options, signal, new ProxyStream(target.label, target.proxyCommand));
    }
    const via = await this.#through(target.hops, target.label, options, signal);
    if (via === undefined) return connect(target, target.label, options, signal);
    const sock = await forwardTo(via.client, via.label, target);
    return connect(target, target.label, options, signal, sock);
  }

  /** Lets hops that gave an answer be tried again. */
  forgetFailures(): void {
    for (const key of this.#answered) this.#clients.delete(key);
    this.#answered.clear();
  }

  closeAll(): void {
    for (const connecting of this.#clients.values()) {
      void connecting.then(
        (client) => client.end(),
        () => undefined,
      );
    }
    this.#clients.clear();
  }

  async #through(
    hops: readonly Target[],
    forHost: string,
    options: ConnectOptions,
    signal: AbortSignal,
  ): Promise<{ client: Client; label: string } | undefined> {
    const hop = hops.at(-1);
    if (hop === undefined) return undefined;
    const key = hops.map((one) => `${one.user}@${one.host}:${one.port}`).join(' ');
    let connecting = this.#clients.get(key);
    if (connecting === undefined) {
      connecting = this.#open(hops, hop, forHost, options, signal);
      this.#clients.set(key, connecting);
      const forget = (): void => {
        if (this.#clients.get(key) === connecting) this.#clients.delete(key);
      };
      // An answer (a refused login, an unknown key) stays until a person asks again; only the network is tried anew.
      connecting.then(
        (client) => client.once('close', forget),
        (error) => {
          if (!(error instanceof ProblemError) || isNetworkProblem(error.problem)) forget();
          else this.#answered.add(key);
        },
      );
    }
    return { client: await connecting, label: hop.label };
  }

  async #open(
    hops: readonly Target[],
    hop: Target,
    forHost: string,
    options: ConnectOptions,
    signal: AbortSignal,
  ): Promise<Client> {
    const before = await this.#through(hops.slice(0, -1), forHost, options, signal);
    if (before !== undefined) {
      return connect(hop, forHost, options, signal, await forwardTo(before.client, before.label, hop));
    }
    if (hop.proxyCommand !== undefined) {
      return connect(hop, forHost, options, signal, new ProxyStream(hop.label, hop.proxyCommand));
    }
    return connect(hop, forHost, options, signal);
  }
}

/** A stream to a host and port as seen from the other end of a connection. */
export function openForward(client: Client, host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    try {
      client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => (error ? reject(error) : resolve(channel)));
    } catch (error) {
      reject(error);
    }
  });
}

async function forwardTo(client: Client, via: string, target: Target): Promise<Duplex> {
  try {
    return await openForward(client, target.host, target.port);
  } catch (error) {
    // RFC 4254: 1 is "administratively prohibited".
    if (error instanceof Error && 'reason' in error && error.reason === 1) {
      const next = `Let the sshd of ${via} forward TCP (AllowTcpForwarding), or reach the host another way.`;
      throw unsupported(target.label, `${via} does not forward to ${target.host} port ${target.port}`, next);
    }
    const why = error instanceof Error ? error.message.replace('(SSH) Channel open failure: ', '') : 'no answer';
    throw unreachable(target.label, `from ${via}: ${target.host} port ${target.port}: ${why}`);
  }
}
