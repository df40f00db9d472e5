import { act, look } from '../../src/incident/command.js';
import type { Json } from '../../src/incident/json.js';
import type { Step, StepContext } from '../../src/incident/step.js';
import { kubectl } from '../../src/k3s/ask.js';
import { parseNodes } from '../../src/k3s/health.js';
import { provenBackup } from './fetch.js';
import { agentsIn, k3sTools, nodeNameOf, serversIn } from './hosts.js';
import { at, minutes, no, seconds, silence, yes } from './judge.js';

const kube = (context: StepContext, ...args: string[]) => look(kubectl(k3sTools(context), ...args), { maxBytes: 32e6 });

export const verifyNodes: Step = {
  id: 'verify-nodes',
  title: 'Every node Ready',
  runbook: 'Full restore, step 7.1: check all nodes',
  effect: 'observe',
  why: 'And which Nodes came back from the snapshot without a host behind them.',
  done: {
    ask: (context) => [kube(context, 'get', 'nodes', '-o', 'json')],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const nodes = parseNodes(at(answers, 0).stdout);
      if (nodes === undefined) return no('the API does not list its nodes');
      const expected = [...serversIn(context), ...agentsIn(context)].map((host) => nodeNameOf(context, host));
      const all = new Set(context.cluster.hosts.map((host) => nodeNameOf(context, host.name)));
      const missing = expected.filter((name) => nodes.find((node) => node.name === name)?.ready !== 'True');
      const gone = nodes.filter((node) => !all.has(node.name)).map((node) => node.name);
      if (missing.length > 0) return no(`not Ready: ${missing.join(', ')}`);
      return yes(
        [
          `${expected.length} of ${expected.length} Ready`,
          ...(gone.length > 0 ? [`without a host in the inventory: ${gone.join(', ')}`] : []),
        ],
        { gone, voters: votersOf(context) },
      );
    },
  },
  pollMs: 500,
  expectMs: seconds(20),
  withinMs: minutes(10),
  undo: { none: 'it only looks' },
  lookup: ['55', '49', '54'],
  skippable: 'A Node that is not Ready is listed in the report as left to do.',
};

const votersOf = (context: StepContext): string[] => serversIn(context);

/** Kinds that users own; a missing one is a loss, more than the snapshot held is not. */
const OWNED = [
  'namespaces',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'configmaps',
  'secrets',
  'persistentvolumeclaims',
  'persistentvolumes',
] as const;

export const verifyObjects: Step = {
  id: 'verify-objects',
  title: 'Objects are those of the backup',
  runbook: 'Full restore, step 7.2, 7.4 and 7.5: pods, volumes, services',
  effect: 'observe',
  why: 'Counted against the list inside the proven snapshot itself.',
  done: {
    ask: (context) => OWNED.map((kind) => kube(context, 'get', kind, '-A', '-o', 'name')),
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const proof = provenBackup(context);
      const counts: Record<string, Json> = {};
      const fewer: string[] = [];
      for (const [index, kind] of OWNED.entries()) {
        const answer = at(answers, index);
        if (answer.code !== 0) return no(`the API does not list ${kind}`);
        const found = answer.stdout.split('\n').filter((line) => line !== '').length;
        const expected = proof?.objects[kind] ?? 0;
        counts[kind] = found;
        if (found < expected) fewer.push(`${kind} ${found} of ${expected}`);
      }
      if (fewer.length > 0) return no(...fewer.map((line) => `fewer than in the backup: ${line}`));
      return yes([`${OWNED.length} kinds, none fewer than in the backup`], { counts });
    },
  },
  pollMs: 2000,
  expectMs: seconds(3),
  withinMs: minutes(3),
  undo: { none: 'it only looks' },
  lookup: [],
  skippable: 'A controller may delete objects as soon as the cluster wakes; compare by hand.',
};

export const verifyPods: Step = {
  id: 'verify-pods',
  title: 'System pods, volumes, services',
  runbook: 'Full restore, step 7.2, 7.4 and 7.5',
  effect: 'observe',
  why: 'Listed as they are; what is not running is written into the report.',
  done: {
    ask: (context) => [
      kube(context, 'get', 'pods', '-n', 'kube-system', '-o', 'json'),
      kube(context, 'get', 'pv,pvc', '-A', '-o', 'json'),
      kube(context, 'get', 'services', '-A', '-o', 'name'),
      kube(context, 'get', 'ingresses', '-A', '-o', 'name'),
    ],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      if (at(answers, 0).code !== 0) return no('the API does not list pods');
      const waiting = itemsOf(at(answers, 0).stdout).filter(
        (pod) => pod.phase !== 'Running' && pod.phase !== 'Succeeded',
      );
      const unbound = itemsOf(at(answers, 1).stdout).filter(
        (one) => one.kind === 'PersistentVolumeClaim' && one.phase !== 'Bound',
      );
      const count = (index: number): number =>
        at(answers, index)
          .stdout.split('\n')
          .filter((line) => line !== '').length;
      return yes(
        [
          waiting.length === 0 ? 'system pods run' : `system pods not running: ${names(waiting)}`,
          unbound.length === 0 ? 'no unbound claim' : `unbound claims: ${names(unbound)}`,
          `${count(2)} services, ${count(3)} ingresses`,
        ],
        { waiting: waiting.map((one) => one.name), unbound: unbound.map((one) => one.name) },
      );
    },
  },
  pollMs: 2000,
  expectMs: seconds(3),
  withinMs: minutes(3),
  undo: { none: 'it only looks' },
  lookup: [],
  skippable: 'The state of workloads is information, not a condition of the restore.',
};

interface Item {
  readonly kind: string;
  readonly name: string;
  readonly phase: string;
}

function itemsOf(stdout: string): Item[] {
  try {
    const { items } = JSON.parse(stdout) as {
      items?: { kind?: string; metadata?: { name?: string }; status?: { phase?: string } }[];
    };
    return (items ?? []).map((item) => ({
      kind: item.kind ?? 'Pod',
      name: item.metadata?.name ?? '',
      phase: item.status?.phase ?? '',
    }));
  } catch {
    return [];
  }
}

const names = (items: readonly Item[]): string => {
  const first = items.slice(0, 5).map((item) => item.name);
  return items.length > 5 ? `${first.join(', ')} and ${items.length - 5} more` : first.join(', ');
};

const testPodName = (context: StepContext): string => `blackstart-test-${context.runId}`;

/** The image is known to be on this node; taints of control plane nodes must not keep the pod away. */
const onThisNode = (context: StepContext) => ({
  spec: {
    nodeSelector: { 'kubernetes.io/hostname': nodeNameOf(context, context.host) },
    tolerations: [{ operator: 'Exists' }],
  },
});

/** A pod from an image that is on the node already: a restore must not need a registry. The runbook's `-it` needs a terminal and can lose output. */
export const testPod: Step = {
  id: 'test-pod',
  title: 'A test pod is scheduled and runs',
  runbook: 'Full restore, step 7.3: test workload deployment',
  effect: 'change',
  why: 'Shows that scheduler, kubelet and API work together.',
  gate: 'cleanup',
  when: (context) => {
    const image = context.known('test-image', 'image', context.choices.primary);
    if (image === undefined) return { run: 'not-known-yet', because: 'images are not listed yet' };
    return image === '' ? { run: 'no', because: 'no image is on the node' } : { run: 'yes' };
  },
  done: {
    ask: (context) => [kube(context, 'get', 'pod', testPodName(context), '-n', 'default', '-o', 'json')],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      if (at(answers, 0).code !== 0) return no('no test pod yet');
      const phase = /"phase":\s*"(\w+)"/.exec(at(answers, 0).stdout)?.[1] ?? 'unknown';
      return phase === 'Succeeded' || phase === 'Running' ? yes([`test pod ${phase}`]) : no(`test pod ${phase}`);
    },
  },
  run: (context) => [
    act(
      kubectl(
        k3sTools(context),
        'run',
        testPodName(context),
        '-n',
        'default',
        `--image=${String(context.learned('test-image', 'image', context.choices.primary ?? context.host))}`,
        '--image-pull-policy=Never',
        '--restart=Never',
        `--overrides=${JSON.stringify(onThisNode(context))}`,
      ),
      { expect: [0, 1] },
    ),
  ],
  pollMs: 500,
  expectMs: seconds(8),
  withinMs: minutes(2),
  undo: { none: 'the test pod is deleted by the clean-up' },
  lookup: [],
  skippable: 'The test pod is a convenience; nodes and objects are verified without it.',
};

export const testImage: Step = {
  id: 'test-image',
  title: 'An image that is on the node',
  runbook: 'Full restore, step 7.3 (air-gapped: nothing is pulled)',
  effect: 'observe',
  why: 'The pause image of every K3s serves: it runs and needs nothing.',
  done: {
    ask: (context) => [
      look(['timeout', '20', ...k3sTools(context), 'crictl', 'images', '-o', 'json'], { maxBytes: 4e6 }),
    ],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const tags = [...at(answers, 0).stdout.matchAll(/"([^"\s]+\/[^"\s]+:[^"\s]+)"/g)].map((match) => match[1] ?? '');
      const image = tags.find((tag) => /pause/.test(tag)) ?? tags.find((tag) => /busybox/.test(tag)) ?? '';
      return yes([image === '' ? 'none on the node: no test pod' : image], { image });
    },
  },
  pollMs: 2000,
  expectMs: seconds(1),
  withinMs: minutes(1),
  undo: { none: 'it only looks' },
  lookup: [],
  skippable: 'Without it there is no test pod.',
};

export const deleteTestPod: Step = {
  id: 'delete-test-pod',
  title: 'Delete the test pod',
  runbook: 'Full restore, step 7.3 (--rm)',
  effect: 'change',
  why: 'It has served.',
  gate: 'cleanup',
  when: (context) => {
    const image = context.known('test-image', 'image', context.choices.primary);
    if (image === undefined) return { run: 'not-known-yet', because: 'images are not listed yet' };
    return image === '' ? { run: 'no', because: 'there is no test pod' } : { run: 'yes' };
  },
  done: {
    ask: (context) => [kube(context, 'get', 'pods', '-n', 'default', '-o', 'name')],
    judge: (answers, context) =>
      silence(answers) ??
      (at(answers, 0).code !== 0
        ? no('the API does not list pods')
        : at(answers, 0).stdout.includes(testPodName(context))
          ? no('still there')
          : yes(['gone'])),
  },
  run: (context) => [
    act(
      kubectl(
        k3sTools(context),
        'delete',
        'pod',
        testPodName(context),
        '-n',
        'default',
        '--wait=false',
        '--ignore-not-found',
      ),
      {
        expect: [0, 1],
      },
    ),
  ],
  pollMs: 500,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: { none: 'it was only a test' },
  lookup: [],
  skippable: 'Delete it by hand later.',
};
