import { describe, expect, test } from 'vitest';
import { identityCheck } from '../../scenarios/steps/fetch.js';
import type { HostFacts } from '../../src/incident/facts.js';
import type { StepContext } from '../../src/incident/step.js';

/** What the gate says of whose snapshot it is, for what was learned of it and of the servers' own data. */
function said(proof: object, uids: Readonly<Record<string, string>>): string {
  const context = {
    cluster: { hosts: ['node-1', 'node-2'].map((name) => ({ name })) },
    known: () => proof,
    facts: (name: string) =>
      ({ data: uids[name] === undefined ? {} : { content: { clusterUid: uids[name] } } }) as unknown as HostFacts,
  } as unknown as StepContext;
  const judgement = identityCheck.question.judge([], context);
  expect(judgement.answer).toBe('yes');
  return judgement.evidence.join('; ');
}

describe('whose snapshot it is, at the gate', () => {
  const unknown = { identity: 'cannot-tell', clusterUid: 'a', caHash: 'f845686cf1a9aaaa', identityEvidence: [] };

  test('is told by a survivor whose kube-system is the same', () =>
    expect(said(unknown, { 'node-2': 'a' })).toBe('kube-system has the same UID in the data of node-2'));

  test('says which server holds another cluster, and does not take that for the snapshot’s fault', () => {
    expect(said(unknown, { 'node-1': 'b', 'node-2': 'a' })).toBe(
      'kube-system has the same UID in the data of node-2; the data of node-1 is of another cluster (kube-system has another UID)',
    );
    expect(
      said({ ...unknown, identity: 'this-cluster', identityEvidence: ['its CA is ours'] }, { 'node-1': 'b' }),
    ).toBe('its CA is ours; the data of node-1 is of another cluster (kube-system has another UID)');
  });

  test('is the operator’s to compare where nothing tells', () => {
    expect(said(unknown, {})).toMatch(/^cannot be told\. Compare its CA f845686cf1a9 with sha256sum/);
    expect(said(unknown, { 'node-1': 'b' })).toMatch(/^cannot be told: only that the data of node-1 is of another/);
    expect(said({ ...unknown, clusterUid: null }, { 'node-1': 'b' })).toMatch(/^cannot be told\. /);
  });
});
