import { expect, it } from 'vitest';
import { Lab } from './lab.js';

/** How long servers take to stop, alone and together (R55; `p-stop-order`). */

const SERVERS = ['node-1', 'node-2', 'node-3'];

/** Seconds of the lab's own clock that stopping these takes, all begun at once. */
async function stopped(lab: Lab, ...nodes: string[]): Promise<number[]> {
  const begun = lab.clock.mono();
  const stop = lab.clock.runFree();
  const took = await Promise.all(
    nodes.map(async (node) => {
      await lab.cluster.node(node).exec('systemctl stop k3s', {});
      return (lab.clock.mono() - begun) / 1000;
    }),
  );
  stop();
  return took;
}

it('one after the other: none of them waits', async () => {
  const lab = new Lab({ faults: ['healthy'] });
  for (const node of SERVERS)
    expect([node, (await stopped(lab, node)).every((seconds) => seconds < 2)]).toEqual([node, true]);
});

it('all at once: the one that leads waits for a quorum that is leaving', async () => {
  const lab = new Lab({ faults: ['healthy'] });
  const took = await stopped(lab, ...SERVERS);
  expect(took.filter((seconds) => seconds > 5 && seconds < 11)).toHaveLength(1);
  expect(took.filter((seconds) => seconds < 2)).toHaveLength(2);
});
