import { HERE, type Phase, type StepContext } from '../src/incident/step.js';
import { forgetUnits, freshSnapshot, listLeftovers, removeOverrides } from './steps/cleanup.js';
import { deliver } from './steps/deliver.js';
import { agentsIn, onlyPrimary, peersOf, serversIn } from './steps/hosts.js';
import { fetchProgramForPeers, installOnPeer } from './steps/install.js';
import { forgetPassword } from './steps/node-password.js';
import { becomeVoter, moveAside, peerReady, rejoin } from './steps/rejoin.js';
import { saveServers } from './steps/save.js';
import { stopServers } from './steps/stop.js';
import { deleteTestPod, testImage, testPod, verifyNodes, verifyPods } from './steps/verify.js';

/** Phases that several scenarios share. */

/** Stop, hold and save every server; bring the snapshot to the one it is restored on. */
export const stopAndDeliver: readonly Phase[] = [
  {
    id: 'safe',
    title: 'Make safe',
    hosts: serversIn,
    // Three healthy servers stopped at once wait for a quorum that is leaving: 10 s instead of 1.4 s (R55).
    order: (context) =>
      serversIn(context).some((name) => context.facts(name).etcd?.healthy === true) ? 'one-by-one' : 'together',
    steps: [stopServers],
  },
  { id: 'save', title: 'Save', hosts: serversIn, order: () => 'together', steps: [saveServers] },
  { id: 'deliver', title: 'Deliver', hosts: onlyPrimary, order: () => 'one-by-one', steps: [deliver], beside: 'save' },
];

type Steps = Phase['steps'];

/** What is different from one scenario to the other. */
export interface JoinOptions {
  /** How the step is called in which a peer joins. */
  readonly joins?: string;
  /** Steps between moving old data aside and installing K3s. */
  readonly beforeInstall?: Steps;
  readonly agents: Steps;
}

/** Once one server runs: the other servers one by one, then the agents in batches. */
export const othersJoin = ({ joins = rejoin.title, beforeInstall = [], agents }: JoinOptions): readonly Phase[] => [
  { id: 'program', title: 'Bring K3s', hosts: () => [HERE], order: () => 'together', steps: [fetchProgramForPeers] },
  { id: 'aside', title: 'Old data aside', hosts: peersOf, order: () => 'together', steps: [moveAside] },
  {
    id: 'peers',
    title: 'The other servers, one by one',
    hosts: peersOf,
    order: () => 'one-by-one',
    steps: [...beforeInstall, installOnPeer, forgetPassword, { ...rejoin, title: joins }, becomeVoter],
  },
  { id: 'peers-ready', title: 'All servers Ready', hosts: peersOf, order: () => 'together', steps: [peerReady] },
  // Every server has its place in etcd by then; what is left of its start takes as long as the agents do.
  {
    id: 'workers',
    title: 'Workers',
    hosts: agentsIn,
    order: () => ({ batches: 5 }),
    steps: agents,
    beside: 'peers-ready',
  },
];

/** What is verified besides what every restore verifies. */
export interface VerifyOptions {
  /** Needs the first server only. */
  readonly data?: Steps;
  /** Needs all of them. */
  readonly nodes?: Steps;
}

/** Step 7 of the runbook, and what the restore leaves behind. What the first server alone can show is looked at while the others become Ready. */
export const verifyAndTidy = ({ data = [], nodes = [] }: VerifyOptions = {}): readonly Phase[] => [
  {
    id: 'verify',
    title: 'Verification of the data',
    hosts: onlyPrimary,
    order: () => 'one-by-one',
    steps: [...data, testImage],
    // Not beside the joins: it asks a lot of the one server that they all talk to.
    beside: 'peers-ready',
  },
  {
    id: 'verify-nodes',
    title: 'Verification of the cluster',
    hosts: onlyPrimary,
    order: () => 'one-by-one',
    steps: [verifyNodes, ...nodes],
  },
  {
    id: 'verify-workloads',
    title: 'Verification of the workloads',
    hosts: onlyPrimary,
    order: () => 'one-by-one',
    // The gate of the test pod is where the plan waits: who has gone is seen by then, and may be chosen. The snapshot comes without that pod.
    steps: [verifyPods, testPod, deleteTestPod, freshSnapshot],
  },
  {
    id: 'cleanup',
    title: 'Clean up',
    hosts: (context: StepContext) => [...serversIn(context), ...agentsIn(context)],
    order: () => 'together',
    steps: [removeOverrides, forgetUnits],
    beside: 'verify-workloads',
  },
  {
    id: 'leftovers',
    title: 'What is left over',
    hosts: serversIn,
    order: () => 'together',
    steps: [listLeftovers],
    beside: 'verify-workloads',
  },
];
