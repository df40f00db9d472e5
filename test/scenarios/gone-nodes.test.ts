import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fullRestore } from '../../scenarios/full-restore.js';
import { quorumLoss } from '../../scenarios/quorum-loss.js';
import { listGoneNodes } from '../../scenarios/steps/gone-nodes.js';
import { scenarioFaults } from '../../src/incident/plan.js';
import { restoreSummary } from '../../src/incident/summary.js';
import type { FaultName } from '../../src/practice/faults.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig } from '../support/rig.js';

let rig: Rig | undefined;
beforeAll(async () => void (await provenSnapshot()));
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

const deletes = (one: Rig) =>
  one.practice.sent.filter((sent) => sent.argv.includes('delete') && sent.argv.includes('node'));

async function listed(faults: readonly FaultName[], scenario: string, off: readonly string[] = []): Promise<Rig> {
  const one = await Rig.start({ faults });
  rig = one;
  await one.choose(undefined, scenario);
  for (const host of off) one.runner.attest(host, 'no power', 'off');
  one.runner.begin();
  await one.play(() => one.runner.state.cells['gone-nodes@node-1']?.status === 'done');
  return one;
}

const RUNS = [
  ['full-restore', ['gone-node'], []],
  ['quorum-loss', ['lost-quorum', 'gone-node'], ['node-2', 'node-3']],
] as const;

describe.each(RUNS)('%s', (scenario, faults, off) => {
  test('a Node without a host is named and kept where nobody chooses otherwise', async () => {
    const one = await listed(faults, scenario, off);
    const said = one.runner.state.cells['gone-nodes@node-1']?.evidence.join('; ') ?? '';
    expect(said).toMatch(/^node-9: not Ready, last heard of .*, no pod is bound to it$/);
    await one.play();
    expect(one.runner.state.ended?.outcome).toBe('recovered');
    expect(deletes(one)).toEqual([]);
    expect((await one.run('node-1', 'k3s kubectl get nodes -o name')).stdout).toContain('node/node-9');
    expect(restoreSummary(one.runner.state).left.join('\n')).toContain('kubectl delete node node-9');
  });

  test('chosen while the plan runs, it is deleted behind a gate of its own', async () => {
    const one = await listed(faults, scenario, off);
    const asked = one.runner.scenario?.asks.find((ask) => ask.key === 'gone');
    expect(asked?.options(one.context).map((option) => option.value)).toEqual(['keep', 'delete']);
    one.runner.choose('gone', 'delete');
    await one.play(() => {
      const { attention } = one.runner;
      return attention.kind === 'gate' && attention.gate === 'gone-nodes';
    });
    const gate = await one.runner.openGate();
    expect(gate).toMatchObject({ id: 'gone-nodes', typed: one.runner.state.cluster.name, effect: 'destroy' });
    expect(gate.does).toBe('deletes Node node-9 from the cluster');
    expect(gate.losses?.join()).toContain('node-9: not Ready, last heard of');
    one.runner.cancelGate();
    await one.play();
    expect(one.runner.state.ended?.outcome).toBe('recovered');
    expect(deletes(one)).toHaveLength(1);
    expect((await one.run('node-1', 'k3s kubectl get nodes -o name')).stdout).not.toContain('node-9');
    expect(restoreSummary(one.runner.state).left.join('\n')).not.toContain('node-9');
  });
});

test('both plans are without fault as data', () => {
  expect(scenarioFaults(fullRestore)).toEqual([]);
  expect(scenarioFaults(quorumLoss)).toEqual([]);
});

describe('which Nodes are gone', () => {
  const node = (name: string, status: string) => ({
    kind: 'Node',
    metadata: { name },
    status: { conditions: [{ type: 'Ready', status, lastHeartbeatTime: '2026-11-20T03:00:00Z' }] },
  });
  const pod = (name: string, nodeName: string) => ({
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { nodeName },
  });
  const answer = (stdout: string) => ({ argv: [], code: 0, stdout, stderr: '' });

  test.each([
    ['those of the inventory are not', [node('node-1', 'True'), node('node-4', 'Unknown')], 1000, 'yes', []],
    ['one that is not Ready', [node('node-9', 'Unknown')], 1000, 'yes', ['node-9']],
    ['one that is Ready has a machine', [node('node-9', 'True')], 1000, 'yes', []],
    ['one that says Ready right after the start is not believed', [node('node-9', 'True')], 20, 'no', undefined],
  ] as const)('%s', async (_what, nodes, after, said, gone) => {
    rig = await Rig.start({ faults: ['healthy'] });
    const context = { ...rig.context, known: (step: string) => (step === 'verify-primary' ? 5000 : undefined) };
    const found = listGoneNodes.done.judge(
      [
        answer(JSON.stringify({ items: nodes })),
        answer(JSON.stringify({ items: [pod('db-0', 'node-9'), pod('web-1', 'node-1')] })),
        answer(`${5000 + after}\n`),
      ],
      context,
    );
    expect(found.answer).toBe(said);
    expect((found.learned?.nodes as { name: string; pods: string[] }[] | undefined)?.map((one) => one.name)).toEqual(
      gone,
    );
    if (gone?.length === 1)
      expect(found.evidence).toEqual([
        'node-9: not Ready, last heard of 2026-11-20 03:00Z, 1 pod is bound to it: shop/db-0',
      ]);
  });
});
