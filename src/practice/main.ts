import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createPracticeCluster } from './cluster.js';
import { FAULTS, type FaultName, faultNamed } from './faults.js';
import { load } from './loaded.js';
import { readLoaded } from './read-copy.js';
import { serve } from './serve.js';

/** `node main.js --dir DIR [--seed N] [--speed X] [--fault F]... [--rehearsal] [--load DIR] [--idle-minutes 10]`: one JSON line when ready, then silence. */
async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      dir: { type: 'string' },
      seed: { type: 'string', default: '1' },
      speed: { type: 'string', default: '1' },
      fault: { type: 'string', multiple: true, default: [] },
      load: { type: 'string' },
      rehearsal: { type: 'boolean', default: false },
      'idle-minutes': { type: 'string', default: '10' },
    },
  });
  const speed = Number(values.speed);
  const idle = Number(values['idle-minutes']) * 60_000;
  const faults: FaultName[] = [];
  for (const name of values.fault) {
    const fault = faultNamed(name);
    if (fault === undefined)
      return refuse(`no fault named ${name}; there are ${FAULTS.map((one) => one.name).join(', ')}`);
    faults.push(fault);
  }
  if (values.dir === undefined) return refuse('--dir is missing');
  if (!(speed > 0) || !(idle > 0)) return refuse('--speed and --idle-minutes are numbers above zero');
  if (values.load !== undefined) {
    try {
      load(readLoaded(values.load));
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
  }
  // Whoever started this may be gone: writing to a closed pipe must not end it.
  process.stdout.on('error', () => undefined);
  process.on('SIGHUP', () => undefined);
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const watch = (count: number): void => {
    clearTimeout(timer);
    if (count === 0) timer = setTimeout(() => stop.abort(), idle);
  };
  const cluster = createPracticeCluster({ seed: Number(values.seed), speed, faults });
  const serving = await serve(cluster, values.dir, watch, values.rehearsal);
  watch(0);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  process.stdout.write(`${JSON.stringify({ ready: true, inventory: serving.inventory, pid: process.pid })}\n`);
  if (!stop.signal.aborted) await once(stop.signal, 'abort');
  clearTimeout(timer);
  await serving.close();
  // Its keys, and the token of a cluster it is a copy of: where the console was killed nobody else removes them.
  rmSync(values.dir, { recursive: true, force: true });
  return 0;
}

function refuse(why: string): number {
  process.stderr.write(`practice: ${why}\n`);
  return 2;
}

process.exit(await main(process.argv.slice(2)));
