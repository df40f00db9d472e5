import type { Cluster } from '../incident/cluster.js';
import { namesOf } from '../incident/cluster.js';
import { type HostFacts, unseen } from '../incident/facts.js';

/** What is wrong with the control plane, from what was seen. Pure. */

export type ClusterState =
  | 'healthy'
  | 'degraded'
  | 'quorum-lost'
  | 'data-damaged'
  | 'total-loss'
  | 'unreachable'
  | 'unreachable'
  | 'not-etcd'
  | 'looking';

export interface Triage {
  readonly state: ClusterState;
  /** One status word for the header. */
  readonly word: string;
  /** The scenario that fits, when one does. */
  readonly recommends?: 'single-node' | 'quorum-loss' | 'full-restore';
  /** What speaks for it, in sentences. */
  readonly evidence: readonly string[];
}

/** Problems of ours with a host, not the host's. */
const OURS = /^(host-key-|login-refused|sudo-denied|ssh-)/;

export function triage(cluster: Cluster, facts: Readonly<Record<string, HostFacts>>): Triage {
  const names = namesOf(cluster, 'server');
  const seen = names.filter((name) => facts[name] !== undefined);
  if (seen.length < names.length) {
    return {
      state: 'looking',
      word: 'LOOKING',
      evidence: [`${seen.length} of ${names.length} servers have been looked at`],
    };
  }
  const of = (name: string): HostFacts => facts[name] ?? unseen;
  const reachable = names.filter((name) => of(name).reachable);
  const healthy = reachable.filter((name) => of(name).etcd?.healthy === true);
  const crashing = reachable.filter((name) => of(name).service?.unit.crashLoop === true);
  const stopped = reachable.filter((name) => ['inactive', 'failed'].includes(of(name).service?.unit.active ?? ''));
  const majority = Math.floor(names.length / 2) + 1;
  const evidence = [
    `${reachable.length} of ${names.length} servers answer over SSH`,
    `${healthy.length} of ${names.length} have a healthy etcd, ${majority} are needed`,
    ...(crashing.length > 0 ? [`K3s crash-loops on ${crashing.join(', ')}`] : []),
    ...(stopped.length > 0 ? [`K3s is stopped on ${stopped.join(', ')}`] : []),
  ];
  const foreign = reachable.filter(
    (name) => of(name).data?.datastore === 'sqlite' || of(name).data?.datastore === 'external',
  );
  if (foreign.length > 0) {
    return {
      state: 'not-etcd',
      word: 'NOT ETCD',
      evidence: [
        `${foreign.join(', ')} uses ${of(foreign[0] ?? '').data?.datastore}: an etcd restore does not apply`,
        ...evidence,
      ],
    };
  }
  if (healthy.length === names.length) return { state: 'healthy', word: 'HEALTHY', evidence };
  if (healthy.length >= majority) return { state: 'degraded', word: 'DEGRADED', recommends: 'single-node', evidence };
  // What keeps us out says nothing of the cluster: recommending on it would be guessing.
  const shut = names.filter((name) => OURS.test(of(name).problem?.id ?? ''));
  if (reachable.length === 0 || (shut.length > 0 && healthy.length < majority)) {
    const why = shut.map((name) => of(name).problem?.what ?? name);
    const network = 'no server answers: look first whether it is the network between here and them';
    return {
      state: 'unreachable',
      word: 'CANNOT TELL',
      evidence: [...evidence, ...(why.length > 0 ? why : [network])],
    };
  }
  if (crashing.length === reachable.length) {
    return {
      state: 'data-damaged',
      word: 'DATA DAMAGED',
      recommends: 'full-restore',
      evidence: [...evidence, 'no server that answers can start its etcd'],
    };
  }
  const withData = reachable.filter(
    (name) => of(name).data?.datastore === 'etcd' && of(name).service?.unit.crashLoop !== true,
  );
  if (withData.length === 0)
    return {
      state: 'total-loss',
      word: 'TOTAL LOSS',
      recommends: 'full-restore',
      evidence: [...evidence, 'no server that answers has etcd data'],
    };
  return {
    state: 'quorum-lost',
    word: 'QUORUM LOST',
    recommends: 'quorum-loss',
    evidence: [...evidence, `etcd data is on ${withData.join(', ')}; whether it is sound has not been read`],
  };
}
