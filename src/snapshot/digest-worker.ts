import { parentPort, workerData } from 'node:worker_threads';
import { toProblem } from '../base/problem.js';
import { digest, type FromDigest } from './digest.js';
import { RandomReader } from './reader.js';

/** The thread of {@link digestBeside}: hashes one file and ends. */
const { path, trailer } = workerData as { path: string; trailer: boolean };
const say = (message: FromDigest): void => parentPort?.postMessage(message);
/** Progress this often is enough for a screen, milliseconds. */
const OFTEN = 100;

try {
  const reader = await RandomReader.open(path);
  let told = performance.now();
  const digests = await digest(reader, trailer, undefined, (done) => {
    if (performance.now() - told < OFTEN) return;
    told = performance.now();
    say({ done });
  });
  await reader.close();
  say({ digests });
} catch (thrown) {
  say({ problem: toProblem(thrown) });
}
