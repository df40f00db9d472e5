import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as netConnect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type AuthContext, type Connection, type Server, type ServerChannel, type Session } from 'ssh2';

export function keyPair(type: 'ed25519' | 'rsa' = 'ed25519', passphrase?: string): { private: string; public: string } {
  for (;;) {
    const pair = generate(type, passphrase);
    // About one in 250 of ssh2's own ed25519 keys cannot be read back by it.
    if (!(ssh2.utils.parseKey(pair.private, passphrase) instanceof Error)) return pair;
  }
}

function generate(type: 'ed25519' | 'rsa', passphrase: string | undefined): { private: string; public: string } {
  if (type === 'rsa') return ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 });
  if (passphrase === undefined) return ssh2.utils.generateKeyPairSync('ed25519');
  return ssh2.utils.generateKeyPairSync('ed25519', { passphrase, cipher: 'aes256-ctr', rounds: 4 });
}

export function wireKey(pair: { public: string }): Buffer {
  return Buffer.from(pair.public.split(' ')[1] ?? '', 'base64');
}

export interface ServerOptions {
  readonly hostKeys?: readonly { private: string; public: string }[];
  /** Public key that is let in. */
  readonly clientKey?: { public: string };
  /** Answers to keyboard-interactive prompts that are let in. */
  readonly answers?: readonly string[];
  readonly password?: string;
  /** No login needed. */
  readonly open?: boolean;
  readonly maxSessions?: number;
  /** How long a session that has ended still counts, as sshd's do for a moment; milliseconds. */
  readonly sessionsLinger?: number;
  readonly allowForward?: boolean;
  /** What runs a command: default `/bin/sh -c`. */
  readonly shell?: readonly string[];
  /** Printed by the "login shell" before each command. */
  readonly banner?: string;
  /** Called for each command before it runs; `true` swallows it (no answer ever). */
  onCommand?(text: string, server: TestServer): boolean | undefined;
  /** Bytes of standard input after which the connection is dropped, once. */
  dropAfter?: number;
  /** Bytes of standard output after which the connection is dropped, once. */
  dropAfterSent?: number;
}

/** An SSH server on loopback that runs commands with a real shell in a folder of its own. */
export class TestServer {
  readonly home = mkdtempSync(join(tmpdir(), 'ssh-server-'));
  readonly bin = join(this.home, 'bin');
  readonly commands: string[] = [];
  readonly logins: string[] = [];
  readonly signals: string[] = [];
  connections = 0;
  mostSessions = 0;
  /** Sessions that were not opened. */
  refused = 0;
  port = 0;
  hostKeys: readonly { private: string; public: string }[];
  #server: Server | undefined;
  #sockets = new Set<Socket>();
  #children = new Set<ChildProcess>();
  #sessions = 0;

  constructor(readonly options: ServerOptions = {}) {
    this.hostKeys = options.hostKeys ?? [keyPair()];
    mkdirSync(this.bin);
  }

  async listen(port = 0): Promise<this> {
    const server = new ssh2.Server({ hostKeys: this.hostKeys.map((key) => key.private) }, (client) =>
      this.#serve(client),
    );
    this.#server = server;
    // ssh2's server hides the sockets; dropping a link needs them.
    const inner = (server as unknown as { _srv: import('node:net').Server })._srv;
    inner.prependListener('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    this.port = (server.address() as { port: number }).port;
    return this;
  }

  /** Cuts every connection, as a dead network would. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.drop();
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async close(): Promise<void> {
    await this.stop();
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }

  /** A program that commands find first on their PATH. */
  program(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }

  #serve(client: Connection): void {
    client.on('error', () => undefined);
    client.on('authentication', (context) => this.#login(context));
    client.on('session', (accept, reject) => {
      if (this.#sessions >= (this.options.maxSessions ?? 10)) {
        this.refused++;
        reject();
        return;
      }
      this.#sessions++;
      this.mostSessions = Math.max(this.mostSessions, this.#sessions);
      this.#session(accept());
    });
    client.on('tcpip', (accept, reject, info) => {
      if (this.options.allowForward === false) {
        reject();
        return;
      }
      const socket = netConnect(info.destPort, info.destIP);
      socket.once('connect', () => {
        const channel = accept();
        channel.on('error', () => undefined);
        channel.pipe(socket).pipe(channel);
        socket.on('close', () => channel.close());
      });
      socket.once('error', () => reject());
    });
  }

  #login(context: AuthContext): void {
    this.logins.push(context.method);
    const { clientKey, answers, password } = this.options;
    const methods = [
      ...(clientKey ? (['publickey'] as const) : []),
      ...(answers ? (['keyboard-interactive'] as const) : []),
      ...(password ? (['password'] as const) : []),
    ];
    if (context.method === 'keyboard-interactive' && answers) {
      const prompts = answers.map((_, index) => ({ prompt: `Question ${index + 1}: `, echo: index > 0 }));
      context.prompt(prompts, (given) => {
        if (JSON.stringify(given) === JSON.stringify(answers)) context.accept();
        else context.reject([...methods]);
      });
    } else if (this.#isWelcome(context)) context.accept();
    else context.reject([...methods]);
  }

  #isWelcome(context: AuthContext): boolean {
    const { clientKey, password, open } = this.options;
    if (context.method === 'none') return open === true;
    if (context.method === 'password') return password !== undefined && context.password === password;
    if (context.method !== 'publickey' || !clientKey || !context.key.data.equals(wireKey(clientKey))) return false;
    const { signature, blob } = context;
    if (!signature || !blob) return true;
    const key = ssh2.utils.parseKey(clientKey.public);
    return !(key instanceof Error) && key.verify(blob, signature, context.hashAlgo);
  }

  #session(session: Session): void {
    let child: ChildProcess | undefined;
    session.on('signal', (accept, _reject, info) => {
      this.signals.push(info.name);
      if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      accept?.();
    });
    session.on('close', () => {
      setTimeout(() => this.#sessions--, this.options.sessionsLinger ?? 0);
    });
    session.on('exec', (accept, _reject, info) => {
      this.commands.push(info.command);
      if (this.options.onCommand?.(info.command, this)) {
        accept();
        return;
      }
      child = this.#run(accept(), info.command);
    });
  }

  #run(channel: ServerChannel, command: string): ChildProcess {
    const [shell = '/bin/sh', ...options] = this.options.shell ?? ['/bin/sh', '-c'];
    const path = `${this.bin}:${process.env.PATH ?? ''}`;
    const child = spawn(shell, [...options, command], {
      cwd: this.home,
      detached: true,
      env: { ...process.env, HOME: this.home, PATH: path },
    });
    this.#children.add(child);
    channel.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    if (this.options.banner !== undefined) channel.write(this.options.banner);
    let received = 0;
    channel.on('data', (chunk: Buffer) => {
      received += chunk.length;
      child.stdin.write(chunk);
      if (this.options.dropAfter !== undefined && received > this.options.dropAfter) {
        this.options.dropAfter = Number.POSITIVE_INFINITY;
        this.drop();
      }
    });
    channel.on('end', () => child.stdin.end());
    let sent = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      sent += chunk.length;
      if (this.options.dropAfterSent !== undefined && sent > this.options.dropAfterSent) {
        this.options.dropAfterSent = Number.POSITIVE_INFINITY;
        this.drop();
      }
      if (!channel.write(chunk)) {
        child.stdout.pause();
        channel.once('drain', () => child.stdout.resume());
      }
    });
    child.stderr.on('data', (chunk: Buffer) => channel.stderr.write(chunk));
    child.once('close', (code, signal) => {
      this.#children.delete(child);
      try {
        if (code === null) channel.exit((signal ?? 'SIGKILL').replace('SIG', ''), false, '');
        else channel.exit(code);
        channel.end();
      } catch {
        // The connection is gone.
      }
    });
    return child;
  }
}

/** Waits until something is so; the only waiting there is in these tests. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never became so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
