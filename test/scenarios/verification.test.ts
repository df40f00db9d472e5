import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { rowOf, verification } from '../../scenarios/verification.js';
import type { Answer } from '../../src/incident/command.js';
import type { IncidentEvent, Payload } from '../../src/incident/event.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { foldAll } from '../../src/incident/fold.js';
import { contextOf } from '../../src/incident/state.js';
import { verificationSummary } from '../../src/incident/verification.js';
import { parseCertificates } from '../../src/k3s/items.js';
import { opening, threeHosts } from '../support/fake-world.js';

const recorded = readFileSync(
  new URL('../fixtures/real-k3s/a-healthy/node-1.certificate-check.err', import.meta.url),
  'utf8',
);

function stateOf(payloads: readonly Payload[], facts: HostFacts) {
  const looked = threeHosts.hosts.map(({ name }): Payload => ({ type: 'host-seen', host: name, facts }));
  const state = foldAll(
    [opening, ...looked, ...payloads].map(
      (payload, index) => ({ seq: index + 1, at: '2026-11-22T03:14:00Z', mono: 0, ...payload }) as IncidentEvent,
    ),
  );
  if (state === undefined) throw new Error('it does not open');
  return state;
}

const said = (stdout: unknown, more: Partial<Answer> = {}): Answer => ({
  argv: [],
  code: 0,
  stdout: typeof stdout === 'string' ? stdout : JSON.stringify(stdout),
  stderr: '',
  ...more,
});

function row(
  id: string,
  answers: readonly Answer[],
  payloads: readonly Payload[] = [],
  facts: HostFacts = { reachable: true },
  held?: ReadonlyMap<string, readonly string[]>,
) {
  const check = verification.find((one) => one.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  const state = stateOf([{ type: 'chosen', key: 'primary', value: 'a' }, ...payloads], facts);
  return rowOf(check, answers, {
    context: contextOf(state, 'a', 1, true),
    state,
    now: 0,
    ...(held === undefined ? {} : { held }),
  });
}

const list = (...items: object[]) => said({ items });
const object = (kind: string, name: string, more: object = {}, namespace = 'shop') => ({
  kind,
  metadata: { name, namespace, ...('metadata' in more ? (more.metadata as object) : {}) },
  ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'metadata')),
});
const node = (name: string, ready = 'True', voter = 'True') => ({
  metadata: { name },
  status: {
    conditions: [
      { type: 'Ready', status: ready },
      { type: 'EtcdIsVoter', status: voter },
    ],
  },
});
const slice = (service: string, ready: boolean, namespace = 'shop') =>
  object('EndpointSlice', `${service}-x`, {
    metadata: { labels: { 'kubernetes.io/service-name': service }, namespace },
    endpoints: [{ conditions: { ready } }],
  });
const service = (name: string, selector: object = { app: name }) => object('Service', name, { spec: { selector } });
const ingress = (to: string) =>
  object('Ingress', 'front', { spec: { rules: [{ http: { paths: [{ backend: { service: { name: to } } }] } }] } });
const pod = (name: string, phase: string, ready = true) =>
  object('Pod', name, { status: { phase, containerStatuses: [{ ready }] } });
const container = (name: string) => ({
  metadata: { name: 'c' },
  labels: { 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': 'shop' },
});

/** What fetching and proving a snapshot with so many objects of each kind left in the record. */
const proven = (objects: Readonly<Record<string, number>>): Payload => ({
  type: 'step-ended',
  step: 'fetch',
  host: 'here',
  attempt: 1,
  outcome: 'done',
  evidence: [],
  learned: { proof: { objects } },
});

describe('the verification after a restore', () => {
  test.each([
    ['nodes', [list(node('a'), node('b'), node('c'))], 'pass', /3 of 3 Ready, 3 voters/],
    ['nodes', [list(node('a'), node('b', 'False'))], 'fail', /not Ready: b, c/],
    ['nodes', [list(node('a'), node('b'), node('c', 'True', 'False'))], 'fail', /not \(yet\) voting in etcd: c/],
    ['gone-nodes', [list(node('a'), node('old-7'))], 'fail', /without a host: old-7/],
    ['gone-nodes', [list(node('a'))], 'pass', /every Node/],
    ['system-pods', [list(pod('x', 'Running'), pod('job', 'Succeeded'))], 'pass', /2 pods/],
    ['system-pods', [list(pod('x', 'Running', false))], 'fail', /not running: x/],
    ['system-pods', [list(pod('x', 'Pending'))], 'fail', /x \(Pending\)/],
    [
      'volumes',
      [list(object('PersistentVolumeClaim', 'data', { status: { phase: 'Bound' } }))],
      'pass',
      /1 claims bound/,
    ],
    [
      'volumes',
      [list(object('PersistentVolumeClaim', 'data', { status: { phase: 'Lost' } }))],
      'fail',
      /shop\/data \(Lost\)/,
    ],
    ['volumes', [list(object('PersistentVolume', 'pv1', { status: { phase: 'Released' } }, ''))], 'info', /pv1/],
    ['services', [list(service('web'), service('ext', {})), list(slice('web', true))], 'pass', /2 services, 1 of them/],
    ['services', [list(service('web')), list(slice('web', false))], 'fail', /no ready endpoint: shop\/web/],
    ['services', [list(service('web')), list()], 'fail', /shop\/web/],
    ['ingresses', [list(ingress('web')), list(service('web'))], 'pass', /1 ingresses/],
    ['ingresses', [list(ingress('gone')), list(service('web'))], 'fail', /shop\/front/],
    ['dns', [list(), list()], 'info', /no coredns/],
    [
      'dns',
      [
        list(object('Deployment', 'coredns', { status: { availableReplicas: 1 } }, 'kube-system')),
        list(slice('kube-dns', true, 'kube-system')),
      ],
      'pass',
      /1 available/,
    ],
    ['dns', [list(object('Deployment', 'coredns', {}, 'kube-system')), list()], 'fail', /0 available, kube-dns has no/],
    [
      'certificates',
      [said('', { stderr: recorded }), said(''), said('')],
      'pass',
      /34 valid on 1 servers, the first until 2027-11-22/,
    ],
    [
      'certificates',
      [
        said('', {
          stderr: recorded.replace('level=info msg="client-admin.crt', 'level=warning msg="client-admin.crt'),
        }),
      ],
      'fail',
      /a: client-admin.crt/,
    ],
    ['certificates', [said('', { code: 3, stderr: "No help topic for 'certificate'" })], 'info', /does not list them/],
    [
      'schedule',
      [list(object('CronJob', 'etcd-backup', { spec: { suspend: true } }))],
      'fail',
      /suspended: shop\/etcd-backup/,
    ],
    ['schedule', [list()], 'info', /no CronJob looks like/],
    [
      'containers',
      [list(pod('web', 'Running')), said({ containers: [container('web')] }), said({ containers: [] }), said('')],
      'pass',
      /not told by c/,
    ],
    ['containers', [list(pod('web', 'Running')), said({ containers: [container('old')] })], 'fail', /shop\/old on a/],
    ['test-pod', [], 'info', /none ran/],
    ['objects', [], 'info', /no backup was proven/],
  ] as const)('%s: %#', (id, answers, result, seen) => {
    const found = row(id, answers);
    expect(found).toMatchObject({ result });
    expect(found.seen).toMatch(seen);
    if (result === 'fail') expect(found.next).toBeTruthy();
  });

  test('objects: fewer of a kind users own is a failure, more is none, what lives by itself is not counted', () => {
    const fetched = proven({ 'deployments.apps': 2, configmaps: 3, pods: 9, 'leases.coordination.k8s.io': 4 });
    const names = (count: number) => said(Array.from({ length: count }, (_, at) => `shop/x${at}\n`).join(''));
    expect(row('objects', [names(5), names(2)], [fetched])).toMatchObject({
      result: 'pass',
      seen: expect.stringMatching(/^2 kinds counted: .*, nothing missing; more of configmaps, which is no fault; pods/),
    });
    expect(row('objects', [names(3), names(1)], [fetched])).toMatchObject({
      result: 'fail',
      seen: 'missing: deployments.apps 1 of 2',
    });
  });

  test('objects by name: one that is gone is named although another one makes up for it in number', () => {
    const held = new Map([
      ['secrets', ['shop/key', 'kube-system/node-2.node-password.k3s']],
      ['namespaces', ['/shop', '/gone']],
      ['pods', ['shop/web-1']],
    ]);
    const objects = Object.fromEntries([...held].map(([kind, paths]) => [kind, paths.length]));
    const fetched = proven(objects);
    const judged = (namespaces: string, secrets: string, known = held) =>
      row('objects', [said(namespaces), said(secrets)], [fetched], { reachable: true }, known);
    expect(judged('/shop\n/gone\n', 'shop/key\n').seen).toMatch(/^2 kinds by name, nothing missing; pods/);
    expect(judged('/shop\n/other\n', 'shop/key\nshop/new\n')).toMatchObject({
      result: 'fail',
      seen: 'missing: namespaces gone',
      next: expect.stringContaining('blackstart diff'),
    });
    const many = new Map([...held, ['secrets', Array.from({ length: 40 }, (_, at) => `shop/s${at}`)]]);
    expect(judged('/shop\n/gone\n', '', many).seen).toMatch(/^missing: secrets shop\/s0, .* and 28 more$/);
    const silent = row('objects', [said('', { code: 1 }), said('shop/key\n')], [fetched], { reachable: true }, held);
    expect(silent.seen).toBe('missing: namespaces (not listed by the API)');
  });

  test('a server that is still held is a failure', () => {
    expect(row('leftovers', [], [], { reachable: true, held: true })).toMatchObject({ result: 'fail' });
  });

  test('no answer is neither pass nor fail', () => {
    const silent = said('', { code: null, silent: 'connection lost' });
    for (const { id } of verification) {
      const { result } = row(id, [silent, silent, silent]);
      expect(['unknown', 'info', 'pass'], id).toContain(result);
      if (!['test-pod', 'leftovers', 'certificates', 'objects'].includes(id)) expect(result, id).toBe('unknown');
    }
  });

  test('what K3s says of certificates', () => {
    expect(parseCertificates(recorded)).toEqual({ ok: 34, bad: [], first: '2027-11-22T10:11:36Z' });
    expect(parseCertificates('nothing')).toBeUndefined();
  });

  test('is summed up in a sentence', () => {
    const rows = (['pass', 'fail', 'info'] as const).map((result) => ({ id: result, title: '', result, seen: '' }));
    expect(verificationSummary({ at: 0, rows })).toBe('1 of 3 checks fails: 1 pass, 1 for information');
    expect(verificationSummary({ at: 0, rows: rows.slice(0, 1) })).toBe('no check fails: 1 pass');
  });
});
