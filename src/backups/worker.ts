/** Entry of the worker thread: one request, its progress, its end. */
import { parentPort } from 'node:worker_threads';
import { type FetchRequest, fetchAndProveHere, type ProofTerms } from './pipeline.js';
import { type FromWorker, failure, type ToWorker, unpack } from './worker-messages.js';

const port = parentPort;
const stop = new AbortController();
const terms = Promise.withResolvers<ProofTerms>();

port?.on('message', (message: ToWorker) => {
  if (message.type === 'abort') {
    stop.abort(new Error('aborted'));
    return;
  }
  if (message.type === 'terms') {
    terms.resolve(unpack(message.prove) as ProofTerms);
    return;
  }
  const say = (answer: FromWorker): void => port.postMessage(answer);
  const request = unpack(message.request) as Omit<FetchRequest, 'prove'>;
  fetchAndProveHere(
    { ...request, prove: terms.promise },
    {
      onProgress: (progress) => say({ type: 'progress', progress }),
      signal: stop.signal,
    },
  )
    .then((fetched) => say({ type: 'done', fetched }))
    .catch((thrown: unknown) => say(failure(thrown)))
    .finally(() => port.close());
});
