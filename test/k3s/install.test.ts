import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { argumentsForPeer, configForPeer, envForPeer, installByHand, serverUnitText } from '../../src/k3s/install.js';

/** A fresh server is given what its peers have, less what is theirs alone. */

const peer = {
  server: 'https://10.0.1.12:6443',
  token: 'K10abc::server:secret',
  nodeName: 'master-3',
  nodeIp: '10.0.1.13',
};
const config = (...texts: string[]) =>
  parse(
    configForPeer({ ...peer, configs: texts.map((text, index) => ({ path: `/etc/${index}.yaml`, text })) }),
  ) as Record<string, unknown>;

describe('the config file', () => {
  test('keeps what all servers share and replaces what is one host’s', () => {
    const made = config(
      'cluster-init: true\ntoken: other\nnode-ip: 10.0.1.11\nnode-name: master-1\nadvertise-address: 10.0.1.11\ndisable:\n  - traefik\nflannel-backend: none\n',
    );
    expect(made).toEqual({
      server: peer.server,
      token: peer.token,
      'node-name': 'master-3',
      'node-ip': '10.0.1.13',
      disable: ['traefik'],
      'flannel-backend': 'none',
    });
  });

  test('names no address where the peer names none', () => {
    expect(config('disable-cloud-controller: true\n')).not.toHaveProperty('node-ip');
  });

  test('later files win, and a plus adds (facts 1.1)', () => {
    const made = config('tls-san:\n  - a\nsnapshotter: overlayfs\n', 'tls-san+:\n  - b\nsnapshotter: native\n');
    expect(made['tls-san']).toEqual(['a', 'b']);
    expect(made.snapshotter).toBe('native');
    expect(made).not.toHaveProperty('tls-san+');
  });

  test('its own data directory, not the peer’s', () => {
    const text = configForPeer({ ...peer, dataDir: '/data/k3s', configs: [{ path: 'c', text: 'data-dir: /other\n' }] });
    expect(parse(text)).toMatchObject({ 'data-dir': '/data/k3s' });
  });

  test.each([
    ['broken YAML', 'a: [\n'],
    ['a list', '- a\n- b\n'],
  ])('%s is named, not guessed', (_what, text) => {
    expect(() => config(text)).toThrow(/\/etc\/0\.yaml/);
  });

  test('a token that looks like something else in YAML stays text', () => {
    const made = configForPeer({ ...peer, token: '0123: "x" #', configs: [] });
    expect((parse(made) as { token: unknown }).token).toBe('0123: "x" #');
  });
});

describe('the unit', () => {
  test('is that of install.sh, with the peer’s arguments', () => {
    const text = serverUnitText('/usr/local/bin/k3s', 'k3s', [
      '--disable=traefik',
      '--node-ip=10.0.1.11',
      '--cluster-init',
    ]);
    expect(text).toContain("ExecStart=/usr/local/bin/k3s \\\n    server \\\n    '--disable=traefik' \\\n");
    expect(text).not.toMatch(/node-ip|cluster-init/);
    expect(text).toContain('Type=notify');
    expect(text).toContain('TimeoutStartSec=0');
  });

  test('what systemd would expand is kept as it is', () => {
    expect(serverUnitText('/k3s', 'k3s', ["--node-label=a=50%$x'y"])).toContain("'--node-label=a=50%%$$x\\'y'");
  });

  test('arguments with their value in the next word go together', () => {
    expect(argumentsForPeer(['--server', 'https://a:6443', '--tls-san', 'b'])).toEqual(['--tls-san', 'b']);
  });
});

test('the environment keeps proxies and drops what is the peer’s own', () => {
  const text = envForPeer([
    { path: 'e', text: "K3S_NODE_NAME='master-1'\nK3S_TOKEN=secret\nHTTPS_PROXY='http://p:3128'\n" },
  ]);
  expect(text).toBe('HTTPS_PROXY="http://p:3128"\n');
});

test('by hand, from what a Node of the snapshot says of its server: nothing of one host, no masked secret', () => {
  const args = [
    'server',
    '--token',
    '********',
    '--cluster-init',
    'true',
    '--disable',
    'traefik',
    '--node-ip',
    '10.0.1.11',
    '--disable-kube-proxy',
    'true',
    '--etcd-s3-secret-key',
    '********',
  ];
  expect(installByHand('v1.35.0+k3s1', args)).toBe(
    "curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION='v1.35.0+k3s1' INSTALL_K3S_SKIP_START=true INSTALL_K3S_EXEC='server --disable=traefik --disable-kube-proxy=true' sh -",
  );
});
