import { createServer, type Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';

/** A port of this machine that leads to somewhere else. */
export interface Forward {
  readonly host: '127.0.0.1';
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on loopback only, on a free port; each connection gets a stream of its own from `open`. */
export function listenForward(open: (signal: AbortSignal) => Promise<Duplex>, signal: AbortSignal): Promise<Forward> {
  const sockets = new Set<Socket>();
  const over = new AbortController();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.once('error', () => socket.destroy());
    open(over.signal).then(
      (stream) => {
        if (socket.destroyed) return stream.destroy();
        stream.once('close', () => socket.destroySoon());
        pipeline(socket, stream, () => undefined);
        pipeline(stream, socket, () => socket.destroySoon());
        return undefined;
      },
      () => socket.resetAndDestroy(),
    );
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      over.abort();
      signal.removeEventListener('abort', close);
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') return reject(new Error('no port to listen on'));
      signal.addEventListener('abort', close, { once: true });
      resolve({ host: '127.0.0.1', port: address.port, close });
    });
  });
}
