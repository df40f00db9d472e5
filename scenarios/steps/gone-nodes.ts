import { act, look } from '../../src/incident/command.js';
import type { Asked, GateSpec, Step, StepContext } from '../../src/incident/step.js';
import { minute } from '../../src/incident/times.js';
import { kubectl } from '../../src/k3s/ask.js';
import { parseNodes } from '../../src/k3s/health.js';
import { itemPath, type KubeItem, parseItems } from '../../src/k3s/items.js';
import { k3sTools, nodeNameOf, primaryName } from './hosts.js';
import { at, failed, minutes, no, seconds, silence, yes } from './judge.js';
import { primaryStartedAt } from './start.js';

/** Nodes that came back with the data and have no host any more: shown, and deleted only where the operator chooses that. */

export interface GoneNode {
  readonly name: string;
  /** When its kubelet was last heard of, ISO 8601; empty where nobody knows. */
  readonly heard: string;
  /** Pods that are still bound to it, `namespace/name`. */
  readonly pods: readonly string[];
}

const LIST = 'gone-nodes';
export const GONE = 'gone';

/** After a restore a Node that is off says Ready until its heartbeat is missed: up to a minute (R18). */
const TRUSTED_AFTER_S = 75;

export function goneNodesIn(context: StepContext): readonly GoneNode[] {
  return (context.known(LIST, 'nodes', context.choices.primary) as GoneNode[] | undefined) ?? [];
}

const inWords = ({ name, heard, pods }: GoneNode): string => {
  const when = heard === '' ? 'not Ready' : `not Ready, last heard of ${minute(Date.parse(heard))}`;
  const first = pods.slice(0, 4).join(', ');
  const what =
    pods.length === 0
      ? 'no pod is bound to it'
      : `${pods.length} ${pods.length === 1 ? 'pod is' : 'pods are'} bound to it: ${first}${pods.length > 4 ? ', …' : ''}`;
  return `${name}: ${when}, ${what}`;
};

/** The time of change is that of the restored cluster's own verdict, a minute after its start; the heartbeat is the machine's. */
const heardOf = (item: KubeItem | undefined): string => {
  const { conditions } = (item?.raw.status ?? {}) as {
    conditions?: { type?: string; lastHeartbeatTime?: string }[];
  };
  const heard = String(conditions?.find((one) => one.type === 'Ready')?.lastHeartbeatTime ?? '');
  return Number.isNaN(Date.parse(heard)) ? '' : heard;
};

const boundTo = (pods: readonly KubeItem[], node: string): string[] =>
  pods.filter((pod) => (pod.raw.spec as { nodeName?: string } | undefined)?.nodeName === node).map(itemPath);

const known = (context: StepContext): Set<string> =>
  new Set(context.cluster.hosts.map((host) => nodeNameOf(context, host.name)));

export const listGoneNodes: Step = {
  id: LIST,
  title: 'Nodes without a host',
  runbook: 'Full restore, step 7.1: check all nodes',
  effect: 'observe',
  why: 'The data brings back Nodes of machines that may be gone for good; pods bound to them never run anywhere else by themselves.',
  done: {
    ask: (context) => [
      look(kubectl(k3sTools(context), 'get', 'nodes', '-o', 'json'), { maxBytes: 16e6 }),
      look(kubectl(k3sTools(context), 'get', 'pods', '-A', '-o', 'json'), { maxBytes: 64e6 }),
      look(['date', '+%s']),
    ],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const nodes = parseNodes(at(answers, 0).stdout);
      if (nodes === undefined) return no('the API does not list its nodes');
      const strangers = nodes.filter((node) => !known(context).has(node.name));
      const ready = strangers.filter((node) => node.ready === 'True').map((node) => node.name);
      const early = Number(at(answers, 2).stdout) - primaryStartedAt(context) < TRUSTED_AFTER_S;
      if (ready.length > 0 && early)
        return no(`${ready.join(', ')} still says Ready: that is believed a little over a minute after the start`);
      const items = parseItems(at(answers, 0).stdout) ?? [];
      const pods = parseItems(at(answers, 1).stdout) ?? [];
      const gone = strangers
        .filter((node) => node.ready !== 'True')
        .map(({ name }): GoneNode => {
          const item = items.find((one) => one.name === name);
          return { name, heard: heardOf(item), pods: boundTo(pods, name) };
        });
      const evidence = [
        ...gone.map(inWords),
        ...(ready.length > 0 ? [`Ready, but not in the inventory: ${ready.join(', ')}: add them to it`] : []),
      ];
      return yes(evidence.length === 0 ? ['every Node has a host in the inventory'] : evidence, {
        nodes: gone.map((one) => ({ ...one, pods: [...one.pods] })),
      });
    },
  },
  pollMs: 2000,
  expectMs: seconds(2),
  withinMs: minutes(4),
  undo: { none: 'it only looks' },
  lookup: ['55'],
  skippable: 'The verification after the run names them too, with the command that deletes them.',
};

export const deleteGoneNodes: Step = {
  id: 'delete-gone',
  title: 'Delete the Nodes without a host',
  runbook: 'not on paper: kubectl delete node for machines that are gone for good',
  effect: 'destroy',
  why: 'Their pods are made anew elsewhere only when the Node is gone. Never done unless it is chosen: a machine may be back tomorrow.',
  gate: LIST,
  fixes: [GONE],
  when: (context) => {
    if (context.choices.gone !== 'delete')
      return { run: 'no', because: 'Nodes are kept where nobody chooses otherwise' };
    if (context.known(LIST, 'nodes', context.choices.primary) === undefined)
      return { run: 'not-known-yet', because: 'the Nodes are not listed yet' };
    return goneNodesIn(context).length === 0
      ? { run: 'no', because: 'every Node has a host, or is Ready' }
      : { run: 'yes' };
  },
  done: {
    ask: (context) => [look(kubectl(k3sTools(context), 'get', 'nodes', '-o', 'json'), { maxBytes: 16e6 })],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const nodes = parseNodes(at(answers, 0).stdout);
      if (nodes === undefined) return no('the API does not list its nodes');
      const wanted = new Set(goneNodesIn(context).map((one) => one.name));
      const left = nodes.filter((node) => wanted.has(node.name)).map((node) => node.name);
      return left.length === 0
        ? yes([`deleted: ${[...wanted].join(', ')}`], { deleted: [...wanted] })
        : no(`there: ${left.join(', ')}`);
    },
  },
  run: (context) => [
    act(
      kubectl(
        k3sTools(context),
        'delete',
        'node',
        ...goneNodesIn(context).map((one) => one.name),
        '--ignore-not-found',
        '--wait=false',
      ),
    ),
  ],
  pollMs: 1500,
  expectMs: seconds(3),
  withinMs: minutes(3),
  undo: { none: 'a Node registers itself again when its machine comes back; labels and taints given by hand are gone' },
  lookup: ['55', '51'],
  skippable: 'They stay in the cluster as they are; delete them later by hand.',
};

export const goneNodesGate: GateSpec = {
  id: LIST,
  title: 'Delete the Nodes of machines that are gone',
  typed: (context) => context.cluster.name,
  does: (context) =>
    `deletes ${goneNodesIn(context)
      .map((one) => `Node ${one.name}`)
      .join(', ')} from the cluster`,
  loses: () =>
    'their labels and taints given by hand; pods bound to them are made anew elsewhere where something owns them, others are gone',
  losses: (context) => goneNodesIn(context).map(inWords),
  keeps: () => 'all machines: nothing is sent to any of them',
  undo: 'none: a machine that is back registers itself again',
  checks: (context) => [
    {
      title: 'they are still not Ready',
      host: primaryName(context),
      question: {
        ask: (asking) => [
          look(kubectl(k3sTools(asking, primaryName(asking)), 'get', 'nodes', '-o', 'json'), { maxBytes: 16e6 }),
        ],
        judge: (answers, asking) => {
          const quiet = silence(answers);
          if (quiet !== undefined) return quiet;
          const nodes = parseNodes(at(answers, 0).stdout);
          if (nodes === undefined) return failed(['the API does not list its nodes']);
          const wanted = goneNodesIn(asking).map((one) => one.name);
          const back = nodes.filter((node) => wanted.includes(node.name) && node.ready === 'True');
          return back.length === 0
            ? yes(['none of them is Ready'])
            : failed([
                `${back.map((one) => one.name).join(', ')} is Ready again: its machine is there. Choose keep, and add it to the inventory`,
              ]);
        },
      },
    },
  ],
};

/** Asked while the plan runs, as soon as there are such Nodes; it goes on without an answer, and keeps them. */
export const askGoneNodes: Asked = {
  key: GONE,
  press: 'd',
  title: 'Nodes without a host',
  optional: true,
  options: (context) => {
    const gone = goneNodesIn(context);
    return gone.length === 0
      ? []
      : [
          { value: 'keep', says: `as it is without a choice: ${gone.map(inWords).join('; ')}` },
          {
            value: 'delete',
            says: `behind a gate of its own: kubectl delete node ${gone.map((one) => one.name).join(' ')}`,
          },
        ];
  },
};

/** For a gate that comes later, where the choice can still be made. */
export const keptNodes = (context: StepContext): string => {
  const gone = goneNodesIn(context);
  if (gone.length === 0 || context.choices.gone === 'delete') return '';
  return `; Nodes without a host: ${gone.map((one) => one.name).join(', ')} (esc, then d, to have them deleted behind a gate of their own)`;
};
