import { timingSafeEqual } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket, type Server as TcpServer } from 'node:net';
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2';
import type { PracticeNode } from './node/node.js';

const { Server, utils } = ssh2;
/** OpenSSH's MaxSessions. */
const MAX_SESSIONS = 10;

/** An ed25519 key pair in OpenSSH's own formats. */
export interface KeyPair {
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA… comment` */
  readonly publicKey: string;
}

/** Makes an ed25519 key pair. ssh2 1.17 now and then writes one it cannot read itself, so each is read back. */
export function makeKey(comment: string): KeyPair {
  for (;;) {
    const pair = utils.generateKeyPairSync('ed25519', { comment });
    const [own, open] = [utils.parseKey(pair.private), utils.parseKey(pair.public)];
    if (own instanceof Error || open instanceof Error) continue;
    if (Buffer.compare(own.getPublicSSH(), open.getPublicSSH()) === 0)
      return { privateKey: pair.private, publicKey: pair.public };
  }
}

export interface SshAccess {
  /** The key that may log in. */
  readonly clientPublicKey: string;
  /** Who may log in. */
  readonly users: readonly string[];
  /** A password that is accepted as well, if any. */
  readonly password?: string;
}

export interface SshOptions extends SshAccess {
  readonly hostKey: string;
  readonly port?: number;
  /** Every connection is cut after this long. */
  readonly cutAfterMs?: number;
  onConnections?(count: number): void;
}

/** How much input waits for a program before the other side is asked to wait. */
const HELD = 1 << 20;

/**
 * A channel's input. It is taken off the channel also when the program never reads it, or the channel's end would
 * never be seen; what nobody reads is held up to a bound.
 */
async function* inputOf(channel: ServerChannel): AsyncGenerator<Uint8Array> {
  const queue: Buffer[] = [];
  let held = 0;
  let over = false;
  let wake: () => void = () => undefined;
  channel.on('data', (chunk: Buffer) => {
    queue.push(chunk);
    held += chunk.length;
    if (held > HELD) channel.pause();
    wake();
  });
  for (const event of ['end', 'close', 'error'] as const) {
    channel.on(event, () => {
      over = true;
      wake();
    });
  }
  yield new Uint8Array(0);
  for (;;) {
    const next = queue.shift();
    if (next !== undefined) {
      held -= next.length;
      if (held <= HELD / 2) channel.resume();
      yield new Uint8Array(next);
    } else if (over) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}

/** sshd of one practice node: real SSH on loopback. */
export class SshServer {
  readonly #ssh: InstanceType<typeof Server>;
  readonly #tcp: TcpServer;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  private constructor(
    private readonly node: PracticeNode,
    private readonly options: SshOptions,
  ) {
    this.#ssh = new Server({ hostKeys: [options.hostKey], ident: 'OpenSSH_9.2p1 Debian-2+deb12u7' }, (client) =>
      this.#client(client),
    );
    this.#tcp = createServer((socket) => this.#accept(socket));
  }

  /** Listens on loopback. A node without power refuses, a hung one accepts and stays silent. */
  static async listen(node: PracticeNode, options: SshOptions): Promise<SshServer> {
    const made = new SshServer(node, options);
    await made.#open(options.port ?? 0);
    if (node.state.power === 'off') await made.#shut();
    return made;
  }

  get port(): number {
    return this.#port;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  #open(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tcp.once('error', reject);
      this.#tcp.listen(port, '127.0.0.1', () => {
        this.#port = (this.#tcp.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  #shut(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#tcp.close(() => resolve()));
  }

  /** Follows the node's power: its port closes when it goes off, opens when it comes back. */
  async follow(): Promise<void> {
    const off = this.node.state.power === 'off';
    if (off && this.#tcp.listening) await this.#shut();
    else if (!off && !this.#tcp.listening) await this.#open(this.#port);
  }

  async close(): Promise<void> {
    if (this.#tcp.listening) await this.#shut();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    // As OpenSSH does: small answers are not held back.
    socket.setNoDelay(true);
    if (this.node.state.power === 'off') {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.options.onConnections?.(this.#sockets.size);
    const cut = this.options.cutAfterMs;
    const timer = cut === undefined ? undefined : setTimeout(() => socket.destroy(), cut);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      this.options.onConnections?.(this.#sockets.size);
    });
    if (this.node.state.power === 'hung') return;
    this.#ssh.injectSocket(socket);
  }

  #client(client: Connection): void {
    let user = '';
    let sessions = 0;
    client.on('error', () => undefined);
    client.setMaxListeners(0);
    client.on('authentication', (context) => {
      if (!this.options.users.includes(context.username)) return context.reject(['publickey']);
      user = context.username;
      if (this.#allowed(context)) context.accept();
      else if (context.method === 'keyboard-interactive' && this.options.password !== undefined) this.#ask(context);
      else
        context.reject(
          this.options.password === undefined ? ['publickey'] : ['publickey', 'password', 'keyboard-interactive'],
        );
    });
    client.on('session', (accept, reject) => {
      if (sessions >= MAX_SESSIONS) return reject();
      sessions += 1;
      const session = accept();
      session.on('close', () => {
        sessions -= 1;
      });
      this.#session(session, client, user);
    });
    client.on('tcpip', (accept, reject, info) => this.#forward(accept, reject, info));
  }

  #allowed(context: AuthContext): boolean {
    if (context.method === 'password')
      return this.options.password !== undefined && same(context.password, this.options.password);
    if (context.method !== 'publickey') return false;
    const key = utils.parseKey(this.options.clientPublicKey);
    if (key instanceof Error) return false;
    if (context.key.algo !== key.type || Buffer.compare(context.key.data, key.getPublicSSH()) !== 0) return false;
    if (context.signature === undefined || context.blob === undefined) return true;
    return key.verify(context.blob, context.signature, context.hashAlgo) === true;
  }

  #ask(context: Extract<AuthContext, { method: 'keyboard-interactive' }>): void {
    context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => {
      if (this.options.password !== undefined && same(answers[0] ?? '', this.options.password)) context.accept();
      else context.reject();
    });
  }

  #session(session: Session, client: Connection, user: string): void {
    const stop = new AbortController();
    client.on('close', () => stop.abort(new Error('connection closed')));
    session.on('pty', (_accept, reject) => reject?.());
    session.on('env', (accept) => accept?.());
    session.on('signal', (accept, _reject, info) => {
      accept?.();
      stop.abort(new Error(`killed by SIG${info.name}`));
    });
    session.on('exec', (accept, _reject, info) => {
      const channel = accept();
      channel.on('close', () => stop.abort(new Error('channel closed')));
      channel.on('error', () => undefined);
      void this.#exec(channel, info.command, user, stop.signal);
    });
    session.on('shell', (_accept, reject) => reject?.());
    session.on('sftp', (_accept, reject) => reject?.());
  }

  async #exec(channel: ServerChannel, command: string, user: string, signal: AbortSignal): Promise<void> {
    const write = (stream: NodeJS.WritableStream) => (chunk: Uint8Array) =>
      new Promise<void>((resolve) => {
        if (signal.aborted) return resolve();
        if (stream.write(chunk)) resolve();
        else {
          stream.once('drain', () => resolve());
          signal.addEventListener('abort', () => resolve(), { once: true });
        }
      });
    const stdin = inputOf(channel);
    // The first, empty chunk: from here on the channel is read.
    await stdin.next();
    const out = write(channel);
    const err = write(channel.stderr);
    try {
      const result = await this.node.exec(command, {
        stdin: inputOf(channel),
        user,
        signal,
        onStdout: out,
        onStderr: err,
      });
      if (result.signal !== undefined) channel.exit(result.signal, false, '');
      else channel.exit(result.code);
    } catch {
      channel.exit(255);
    }
    channel.end();
  }

  #forward(accept: () => ServerChannel, reject: () => void, info: { destIP: string; destPort: number }): void {
    if (!['127.0.0.1', 'localhost', '::1'].includes(info.destIP)) {
      reject();
      return;
    }
    const socket = connect({ host: '127.0.0.1', port: info.destPort });
    socket.once('error', () => reject());
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      const channel = accept();
      socket.on('error', () => channel.close());
      channel.on('error', () => socket.destroy());
      channel.on('close', () => socket.destroy());
      socket.pipe(channel).pipe(socket);
    });
  }
}

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
