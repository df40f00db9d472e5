import { describe, expect, test } from 'vitest';
import { symptoms } from '../../scenarios/symptoms/index.js';
import { makeSearch } from '../../src/lookup/search.js';

const search = makeSearch(symptoms);
const ids = (query: string): string[] => search(query).map((one) => one.symptom.id);
const part = (query: string): string => {
  const [first] = search(query);
  return (first?.marks ?? []).map(([from, to]) => first?.text.slice(from, to)).join('|');
};

describe('lookup', () => {
  test('an id gives that entry alone', () => {
    expect(ids('36')).toEqual(['36']);
    expect(ids(' #17 ')).toEqual(['17']);
    expect(ids('runbook-rotate-ca')).toEqual(['runbook-rotate-ca']);
  });

  test.each(symptoms.filter((one) => one.patterns.length > 0))('$id is first or second for its own line', (one) => {
    expect(ids(one.example).slice(0, 2)).toContain(one.id);
  });

  test.each(symptoms)('$id is found by its title', (one) => {
    expect(ids(one.title)[0]).toBe(one.id);
  });

  test.each([
    ['encrypted with different token', '36'],
    ['newer than datastore', '40'],
    ['has been permanently removed', '17'],
    ['PREVIOUSLY RESET', '70'],
    ['tocommit(', '64'],
  ])('the fragment %s gives %s', (query, id) => {
    expect(ids(query)[0]).toBe(id);
    expect(part(query).toLowerCase()).toBe(query.toLowerCase());
  });

  test.each([
    ['disk full', '60'],
    ['certificate expired', '42'],
    ['clock drift', '47'],
    ['no quorum after power cut, etcd has no leader', '1'],
    ['snapshot damaged checksum', '75'],
    ['wrong token', '36'],
    ['deadlock', '86'],
    ['sqlite instead of etcd', '89'],
  ])('the words %s give %s among the first three', (query, id) => {
    expect(ids(query).slice(0, 3)).toContain(id);
  });

  test.each([
    ['cluster is not ready to accept members', 'runbook-accept-members'],
    ['Restored cluster shows old resource versions', 'runbook-old-versions'],
    ['TLS certificate errors after restore', 'runbook-rotate-ca'],
    ['sudo k3s certificate rotate-ca', 'runbook-rotate-ca'],
    ['Regenerate certificates', 'runbook-rotate-ca'],
    ['Network policies not working', 'runbook-force-delete-pods'],
    ['kubectl delete pods --all --all-namespaces --grace-period=0 --force', 'runbook-force-delete-pods'],
    ['force-deleting all pods', 'runbook-force-delete-pods'],
    ['CNI state mismatch after restore', 'runbook-force-delete-pods'],
    ['Worker nodes stuck in "NotReady"', 'runbook-workers-notready'],
    ['agent configuration pointing to old master IPs', 'runbook-workers-notready'],
    ['Cluster reset complete, now start without --cluster-reset', '69'],
  ])('the runbook’s own words %s are found', (query, id) => {
    expect(ids(query)[0]).toBe(id);
  });

  test('the wrong remedies say why they are wrong and what to do instead', () => {
    const [rotate, force] = [search('rotate-ca')[0]?.symptom, search('force-delete')[0]?.symptom];
    expect(rotate?.means).toMatch(/Required flag "path" not set/);
    expect(rotate?.doThis).toMatch(/k3s certificate rotate, start/);
    expect(force?.means).toMatch(/StatefulSet/);
    expect(force?.doThis).toMatch(/Restart the K3s service/);
  });

  test('nonsense, nothing and stop words find nothing', () => {
    for (const query of ['', '   ', 'purple elephants', 'the of and', '…', '()[]*+?\\']) expect(ids(query)).toEqual([]);
  });

  test('marks are in order and within the text', () => {
    for (const query of ['disk full', 'wrong token', 'no leader', 'server']) {
      for (const { text, marks } of search(query)) {
        let at = 0;
        for (const [from, to] of marks) {
          expect(from).toBeGreaterThanOrEqual(at);
          expect(to).toBeGreaterThan(from);
          expect(to).toBeLessThanOrEqual(text.length);
          at = to;
        }
      }
    }
  });
});
