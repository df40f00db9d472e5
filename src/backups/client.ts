import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ProblemError } from '../base/problem.js';
import { type Fetched, type FetchHooks, type FetchRequest, fetchAndProveHere } from './pipeline.js';
import { type FromWorker, pack, type ToWorker } from './worker-messages.js';

/** How long a worker may take to remove what it wrote after an abort, milliseconds. */
const GRACE = 5000;

/**
 * {@link fetchAndProveHere} in a thread of its own, so that the screen never waits for it. Secrets go there by message. Throws
 * {@link ProblemError}, or the signal's reason after the worker has cleaned up.
 */
export async function fetchAndProve(request: FetchRequest, hooks: FetchHooks = {}): Promise<Fetched> {
  hooks.signal?.throwIfAborted();
  const entry = workerEntry();
  if (entry === undefined) return fetchAndProveHere(request, hooks);
  // Nothing of the environment or the arguments is needed there; the SDK would read its credentials from them.
  const worker = new Worker(entry, {
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR },
    argv: [],
    execArgv: [],
  });
  return new Promise<Fetched>((resolve, reject) => {
    const say = (message: ToWorker): void => worker.postMessage(message);
    let grace: NodeJS.Timeout | undefined;
    /** Why it is not known what to prove it against; the worker is told to stop then, and cleans up. */
    let unprovable: unknown;
    const abort = (): void => {
      say({ type: 'abort' });
      grace = setTimeout(() => void worker.terminate(), GRACE);
    };
    const end = (finish: () => void): void => {
      clearTimeout(grace);
      hooks.signal?.removeEventListener('abort', abort);
      finish();
    };
    hooks.signal?.addEventListener('abort', abort, { once: true });
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'progress') hooks.onProgress?.(message.progress);
      else if (message.type === 'done') end(() => resolve(message.fetched));
      else if (hooks.signal?.aborted === true) end(() => reject(hooks.signal?.reason));
      else if (unprovable !== undefined) end(() => reject(unprovable));
      else if (message.type === 'failed') end(() => reject(new ProblemError(message.problem, message.exit)));
      else end(() => reject(new Error(message.message)));
    });
    worker.on('error', (thrown) => end(() => reject(hooks.signal?.aborted === true ? hooks.signal.reason : thrown)));
    worker.on('exit', () =>
      end(() =>
        reject(hooks.signal?.aborted === true ? hooks.signal.reason : new Error('the worker ended without an answer')),
      ),
    );
    const { prove: terms, ...rest } = request;
    say({ type: 'start', request: pack(rest) });
    Promise.resolve(terms).then(
      (prove) => say({ type: 'terms', prove: pack(prove) }),
      (thrown: unknown) => {
        unprovable = thrown;
        abort();
      },
    );
  });
}

/** The built worker: beside this file, or in `dist` when this file is run as TypeScript by the tests; else none. */
function workerEntry(): URL | undefined {
  const built = import.meta.url.endsWith('.ts')
    ? new URL('../../dist/src/backups/worker.js', import.meta.url)
    : new URL('./worker.js', import.meta.url);
  return existsSync(fileURLToPath(built)) ? built : undefined;
}
