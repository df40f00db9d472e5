import { connect } from 'node:net';
import type { BucketConfig } from './bucket.js';

/** Host and port that requests to a bucket go to, without brackets. */
export function endpointOf(config: BucketConfig): { readonly host: string; readonly port: number } {
  const url = new URL(config.endpoint ?? `https://s3.${config.region}.amazonaws.com`);
  const port = url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/**
 * Whether something listens at a bucket's endpoint, found out by opening a connection and closing it again: a few seconds instead of
 * the SDK's own three tries. `undefined` when it does, else the error.
 */
export function answers(config: BucketConfig, timeoutMs: number, signal?: AbortSignal): Promise<Error | undefined> {
  const { host, port } = endpointOf(config);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => {
      const late = new Error(`no answer from ${host} port ${port} within ${timeoutMs / 1000} s`);
      end(() => resolve(Object.assign(late, { code: 'ETIMEDOUT' })));
    }, timeoutMs);
    const stop = (): void => end(() => reject(signal?.reason));
    const end = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      socket.destroy();
      finish();
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) return stop();
    socket.on('error', (error) => end(() => resolve(error)));
    socket.once('connect', () => end(() => resolve(undefined)));
  });
}
