import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { prove } from '../../src/snapshot/index.js';
import { MUTATIONS, seeded } from '../support/mutations.js';
import { imageOf, put, realSnapshot, scratch, withTrailer } from '../support/snapshots.js';

/** `npm run fuzz -- --count N` sets these. */
const COUNT = Number(process.env.BLACKSTART_FUZZ_COUNT ?? 500);
const SEED = Number(process.env.BLACKSTART_FUZZ_SEED ?? 1);
/** One damaged snapshot may take this long at most, milliseconds: anything longer is a hang. */
const LONGEST = 5000;

const etcdctl = spawnSync('etcdctl', ['version'], { encoding: 'utf8' });
const hasEtcdctl = etcdctl.status === 0 && (etcdctl.stdout ?? '').includes('etcdctl version: 3.4');
if (!hasEtcdctl)
  process.stderr.write(
    'fuzz: etcdctl 3.4 is not installed, so its own checker is not compared with (apt-get install etcd-client)\n',
  );

/** bbolt's own program, of the etcd that K3s carries; built with `go install go.etcd.io/bbolt/cmd/bbolt@v1.4.3` where Go is there. */
const hasBbolt = spawnSync('bbolt', ['version']).status === 0;
if (!hasBbolt) process.stderr.write('fuzz: bbolt is not installed, so its own check is not compared with\n');

/** True when bbolt's own checker finds nothing wrong, in the version inside etcdctl or by itself. A crash of it counts as found. */
function peerAccepts(path: string): boolean {
  const asked = (tool: string, ...argv: string[]): boolean =>
    spawnSync(tool, argv, { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 10_000 }).status === 0;
  return (
    (!hasEtcdctl || asked('etcdctl', 'snapshot', 'status', path, '-w', 'json')) &&
    (!hasBbolt || asked('bbolt', 'check', path))
  );
}

describe(`damaged snapshots, ${COUNT} of them, seed ${SEED}`, () => {
  const directory = scratch();
  const whole = realSnapshot('s1');
  const kinds = Object.keys(MUTATIONS);

  it('are never accepted when a byte differs, and never crash, hang or take the memory', {
    timeout: 60_000 + COUNT * 300,
  }, async () => {
    const before = process.memoryUsage().rss;
    const missed: string[] = [];
    let highest = 0;
    for (let i = 0; i < COUNT; i++) {
      const kind = kinds[i % kinds.length] ?? '';
      const random = seeded(SEED * 1_000_003 + i);
      const image = MUTATIONS[kind]?.(imageOf(whole), random) ?? imageOf(whole);
      const same = image.equals(imageOf(whole));
      const kept = Buffer.concat([image, whole.subarray(-32)]);
      for (const [how, bytes] of [
        ['trailer kept', kept],
        ['trailer recomputed', withTrailer(image)],
      ] as const) {
        const path = put(directory, 'damaged', bytes);
        const began = performance.now();
        const proof = await prove(path);
        expect(performance.now() - began, `${kind}, ${how}, number ${i}`).toBeLessThan(LONGEST);
        const told = `${kind}, ${how}, number ${i}: ${proof.verdict}`;
        if (same) expect(proof.ok, told).toBe(true);
        else if (how === 'trailer kept') expect(proof.ok, told).toBe(false);
        else if (proof.ok && !peerAccepts(path)) missed.push(told);
        if (!proof.ok) expect(proof.problems.some((one) => one.severity === 'fatal' && one.remedy !== '')).toBe(true);
      }
      highest = Math.max(highest, process.memoryUsage().rss);
    }
    expect(missed).toEqual([]);
    expect((highest - before) / 1e6).toBeLessThan(150);
  });
});
