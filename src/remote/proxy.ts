import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { inertLine } from '../base/inert.js';
import { unreachable } from './problems.js';

/** A ProxyCommand as the way to a host: its standard input and output are the connection. */
export class ProxyStream extends Duplex {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(label: string, command: string) {
    super();
    const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    // It may fail before anybody listens; the error stays on the stream for whoever looks next.
    this.on('error', () => undefined);
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString('utf8')}`.slice(-500);
    });
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => this.destroy(unreachable(label, `its ProxyCommand: ${error.message}`)));
    child.once('close', (code, signal) => {
      const words = said === '' ? '' : `: ${inertLine(said.trim(), 200)}`;
      this.destroy(unreachable(label, `its ProxyCommand ended with ${signal ?? `exit code ${code}`}${words}`));
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (this.#child.stdin.write(chunk)) callback();
    else this.#child.stdin.once('drain', callback);
  }

  override _final(callback: () => void): void {
    this.#child.stdin.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#child.kill();
    callback(error);
  }
}
