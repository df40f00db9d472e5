import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { criticalArguments, criticalDifferences, firstSettings } from '../../src/k3s/first.js';
import { argumentsOfConfigs } from '../../src/k3s/install.js';

/** Settings of a server from what its Node in the snapshot says (`a-healthy/node-1.get-nodes-json.out`). */

const ARGS = JSON.parse(
  '["server","--token","********","--cluster-init","true","--tls-san","k3s.lab.internal","--disable","coredns","--disable","servicelb","--flannel-backend","none","--disable-network-policy","true","--node-ip","10.77.0.11","--kubelet-arg","fail-cgroupv1=false","--kubelet-arg","feature-gates=KubeletInUserNamespace=true"]',
) as string[];

describe('what a first server is started with', () => {
  test('is what the old one had, less what was its own; what comes twice is a list', () => {
    const { text, masked, namesAddress } = firstSettings(ARGS);
    expect(parse(text)).toEqual({
      'tls-san': 'k3s.lab.internal',
      disable: ['coredns', 'servicelb'],
      'flannel-backend': 'none',
      'disable-network-policy': 'true',
      'kubelet-arg': ['fail-cgroupv1=false', 'feature-gates=KubeletInUserNamespace=true'],
    });
    expect(masked).toEqual([]);
    expect(namesAddress).toBe(true);
  });

  test('what the snapshot masks is named, not written; the token is brought otherwise', () => {
    const { text, masked } = firstSettings([
      'server',
      '--token',
      '********',
      '--agent-token',
      '********',
      '--etcd-s3-secret-key',
      '********',
    ]);
    expect(masked).toEqual(['agent-token', 'etcd-s3-secret-key']);
    expect(text).toBe('');
  });
});

describe('settings that all servers must have alike', () => {
  test.each([
    [
      'alike, written in two ways',
      ['--flannel-backend=none', '--disable=servicelb,traefik'],
      ['server', '--flannel-backend', 'none', '--disable', 'servicelb'],
      [],
    ],
    ['false is as good as not said', ['--secrets-encryption=false'], [], []],
    [
      'another network',
      ['--cluster-cidr=10.42.0.0/16'],
      ['--cluster-cidr=10.99.0.0/16'],
      ['cluster-cidr: 10.42.0.0/16 against 10.99.0.0/16'],
    ],
    ['encryption on one side', ['--secrets-encryption'], [], ['secrets-encryption: true against not set']],
    ['what may differ', ['--tls-san=a', '--node-label=b'], ['--tls-san=c'], []],
  ])('%s', (_what, a, b, differences) => {
    expect(criticalDifferences(criticalArguments(a), criticalArguments(b))).toEqual(differences);
  });

  test('config files count as what they stand for, later over earlier', () => {
    const args = argumentsOfConfigs([
      { path: 'a', text: 'flannel-backend: vxlan\ndisable: [traefik]\nsecrets-encryption: true\n' },
      { path: 'b', text: 'flannel-backend: none\ndisable+:\n  - servicelb\n' },
      { path: 'c', text: 'not: [yaml' },
    ]);
    expect(criticalArguments(args)).toEqual({
      'flannel-backend': 'none',
      'disable servicelb': 'true',
      'secrets-encryption': 'true',
    });
  });
});
