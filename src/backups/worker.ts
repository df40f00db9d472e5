/** Entry of the worker thread: one request, its progress, its end. */
import { parentPort } from 'node:worker_threads';
import { type FetchRequest, fetchAndProveHere } from './pipeline.js';
import { type FromWorker, failure, type ToWorker, unpack } from './worker-messages.js';

const port = parentPort;
const stop = new AbortController();

port?.on('message', (message: ToWorker) => {
  if (message.type === 'abort') {
    stop.abort(new Error('aborted'));
    return;
  }
  const say = (answer: FromWorker): void => port.postMessage(answer);
  fetchAndProveHere(unpack(message.request) as FetchRequest, {
    onProgress: (progress) => say({ type: 'progress', progress }),
    signal: stop.signal,
  })
    .then((fetched) => say({ type: 'done', fetched }))
    .catch((thrown: unknown) => say(failure(thrown)))
    .finally(() => port.close());
});
