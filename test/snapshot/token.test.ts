import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import {
  caHashOf,
  compareVersions,
  parseKey,
  parseToken,
  prove,
  shortHash,
  timeOfName,
  tokenHash,
} from '../../src/snapshot/index.js';
import { revisions, writeSnapshot } from '../support/bolt-writer.js';
import { put, scratch } from '../support/snapshots.js';

const directory = scratch();
const CA = 'a'.repeat(64);
const parse = (text: string): object => parseToken(new Secret(text));

describe('a token is taken apart as K3s does', () => {
  it.each([
    ['secret', { password: 'secret', caHash: undefined }],
    ['  secret\n', { password: 'secret' }],
    [`K10${CA}::server:pass:with:colons`, { password: 'pass:with:colons', caHash: CA, user: 'server' }],
    [`K10${CA}::node:agent`, { password: 'agent', user: 'node' }],
    ['K10::server:pw', { password: 'pw', caHash: undefined }],
    ['K10server:pw', { password: 'pw', user: 'server' }],
    ['abcdef.0123456789abcdef', { wrong: expect.stringContaining('bootstrap token') }],
    ['K10abc::server:pw', { wrong: expect.stringContaining('CA hash') }],
    [`K10${CA}::server:`, { wrong: expect.stringContaining('password') }],
    [`K10${CA}`, { wrong: expect.stringContaining('password') }],
  ])('%s', (text, expected) => {
    expect(parse(text)).toMatchObject(expected);
  });

  it('and its hash is that of the password alone', () => {
    expect(tokenHash(new Secret('blackstart-lab-token-1'))).toBe('90a69bb34d8c');
    expect(tokenHash(new Secret(`K10${CA}::server:blackstart-lab-token-1`))).toBe('90a69bb34d8c');
    expect(tokenHash(new Secret('abcdef.0123456789abcdef'))).toBeUndefined();
    expect(shortHash('')).toBe('e3b0c44298fc');
  });
});

describe('bootstrap data that cannot be used', () => {
  const token = new Secret('pw');
  const key = `/bootstrap/${shortHash('pw')}`;
  const proven = async (value: string, more: [string, string][] = []): Promise<string[]> => {
    const path = put(directory, 'bootstrap', writeSnapshot(revisions([[key, value], ...more])));
    const proof = await prove(path, { tokens: [{ name: 't', token }] });
    expect(proof.token.opens).toBe(false);
    return proof.problems.map((one) => one.id);
  };
  it.each([
    ['', 'an unfinished lock'],
    ['no colon', 'no salt'],
    ['0123456789abcdef:AAAA', 'cut off'],
    [`0123456789abcdef:${Buffer.alloc(200).toString('base64')}`, 'not what was encrypted'],
  ])('%s: %s', async (value) => {
    expect(await proven(value)).toEqual(['bootstrap-damaged']);
  });
  it('of two tokens is a warning of its own', async () => {
    expect(await proven('x', [['/bootstrap/000000000000', 'y']])).toEqual(['bootstrap-damaged', 'several-bootstrap']);
  });
});

describe('small parsers', () => {
  it.each([
    ['/registry/minions/node-1', 'nodes', '', 'node-1'],
    ['/registry/services/specs/a/b', 'services', 'a', 'b'],
    ['/registry/services/endpoints/a/b', 'endpoints', 'a', 'b'],
    ['/registry/ingress/a/b', 'ingresses.networking.k8s.io', 'a', 'b'],
    ['/registry/apiregistration.k8s.io/apiservices/v1.apps', 'apiservices.apiregistration.k8s.io', '', 'v1.apps'],
    ['/registry/k3s.cattle.io/etcdsnapshotfiles/x', 'etcdsnapshotfiles.k3s.cattle.io', '', 'x'],
    ['/registry/helm.cattle.io/helmcharts/kube-system/traefik', 'helmcharts.helm.cattle.io', 'kube-system', 'traefik'],
    ['/registry/masterleases/10.0.0.1', 'internal', '', '/registry/masterleases/10.0.0.1'],
    ['/bootstrap/x', 'internal', '', '/bootstrap/x'],
    ['k3s/apiaddresses', 'internal', '', 'k3s/apiaddresses'],
    ['/registry/', 'internal', '', '/registry/'],
  ])('%s', (key, kind, namespace, name) => {
    expect(parseKey(key)).toEqual({ kind, namespace, name });
  });
  it('times of names, versions, CA hash of no certificate', () => {
    expect(timeOfName('/x/on-demand-node-1-1795342536.zip')).toBe(1_795_342_536_000);
    expect(timeOfName('snapshot-daily-20260230020000.db.gpg')).toBeUndefined();
    expect(timeOfName('plain')).toBeUndefined();
    expect(compareVersions('v1.9.0+k3s1', 'v1.35.0+k3s1')).toBeLessThan(0);
    expect(compareVersions('v1.35.0+k3s2', 'v1.35.0+k3s1')).toBeGreaterThan(0);
    expect(caHashOf(Buffer.from('nothing'))).toBeUndefined();
  });
});
