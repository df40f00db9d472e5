import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseEnvFile, parseFlags, readK3sConfig, withoutFlags } from '../../src/k3s/config.js';
import { envFileLine } from '../../src/k3s/env-file.js';

const SERVER = ['/usr/local/bin/k3s', 'server'];
const file = (path: string, text: string) => ({ path, text });

describe('what a service will start with', () => {
  test('the recorded server', () => {
    const recorded = readFileSync(new URL('../fixtures/real-k3s/a-healthy/node-1.config.out', import.meta.url), 'utf8');
    const [, main = '', lab = '', env = ''] = recorded.split(/^### .*\n/m);
    const found = readK3sConfig(SERVER, [file('config.yaml', main), file('lab.yaml', lab)], [file('k3s.env', env)]);
    expect(found).toMatchObject({ clusterInit: true, etcdS3: false, clusterReset: false, problems: [] });
    expect(found.nodeIp?.value).toBe('10.77.0.11');
    expect(found.nodeName).toEqual({ value: 'node-1', from: 'environment', file: 'k3s.env' });
    expect(found.token?.secret.reveal()).toBe('blackstart-lab-token-1');
    expect(JSON.stringify(found)).not.toContain('lab-token');
  });

  test.each([
    [
      'arguments beat every file',
      ['--server=https://a:6443'],
      ['server: https://b:6443'],
      'K3S_URL=https://c:6443',
      'https://a:6443',
      'arguments',
    ],
    [
      'config files beat the environment',
      [],
      ['server: https://b:6443'],
      'K3S_URL=https://c:6443',
      'https://b:6443',
      'config',
    ],
    [
      'the last config file wins',
      [],
      ['server: https://b:6443', 'server: https://d:6443'],
      '',
      'https://d:6443',
      'config',
    ],
    [
      'the environment counts where nothing else does',
      [],
      ['token: x'],
      "K3S_URL='https://c:6443'",
      'https://c:6443',
      'environment',
    ],
    ['a short flag is the long one', ['-s', 'https://a:6443'], [], '', 'https://a:6443', 'arguments'],
  ] as const)('%s', (_why, args, configs, env, value, from) => {
    const found = readK3sConfig(
      [...SERVER, ...args],
      configs.map((text, index) => file(`${index}.yaml`, text)),
      [file('env', env)],
    );
    expect(found.server).toMatchObject({ value, from });
  });

  test('lists, quoted keys and appended values are read as K3s reads them', () => {
    const found = readK3sConfig(
      SERVER,
      [file('c', '"node-ip": [10.0.0.1, "fd00::1"]\n\'etcd-s3\': true\ntls-san+:\n  - a\n')],
      [],
    );
    expect(found.nodeIp?.value).toBe('10.0.0.1,fd00::1');
    expect(found.etcdS3).toBe(true);
  });

  test.each([
    ['token: [unclosed', /^c: /],
    ['- a\n- b\n', /not a list of settings/],
  ])('a file that is broken is a problem, not an exception: %j', (text, why) => {
    expect(readK3sConfig(SERVER, [file('c', text)], []).problems.join()).toMatch(why);
  });

  test('secrets never stand among the arguments', () => {
    const args = [
      '--token',
      'hunter2',
      '-t=hunter3',
      '--etcd-s3-secret-key=hunter4',
      '--datastore-endpoint',
      'mysql://u:hunter5@h',
      '--disable=traefik',
    ];
    expect(readK3sConfig([...SERVER, ...args], [], []).args).toEqual(['--disable=traefik']);
  });
});

describe('arguments', () => {
  test('without the named ones, in whatever form they were written', () => {
    const names = new Set(['server', 'token', 'cluster-reset']);
    const args = [
      '--server',
      'https://a',
      '-s=https://b',
      '--disable',
      'traefik',
      '--cluster-reset',
      '--token=x',
      '--tls-san=a',
      '--debug',
    ];
    expect(withoutFlags(args, names)).toEqual(['--disable', 'traefik', '--tls-san=a', '--debug']);
  });

  test('a flag without a value does not eat the next flag', () => {
    expect(parseFlags(['--debug', '--server', 'x']).map(({ name, value }) => [name, value])).toEqual([
      ['debug', 'true'],
      ['server', 'x'],
    ]);
  });
});

describe('environment files', () => {
  test.each([
    ["A='x y'", 'x y'],
    ['A="x\\"y\\$z"', 'x"y$z'],
    ['A=plain words', 'plain words'],
    [' A=1', '1'],
    ['A=', ''],
  ])('%s', (line, value) => expect(parseEnvFile(line).get('A')).toBe(value));

  test('comments and nonsense are passed over', () => {
    expect([...parseEnvFile('# A=1\n; B=2\nnonsense\n1C=3\n')]).toEqual([]);
  });

  test.each(['simple', 'a"b', 'a\\b', 'a$HOME', 'a`id`b', "it's", 'K10abc::server:x', '  spaces  '])(
    'a value written by us is read back: %j',
    (value) => expect(parseEnvFile(envFileLine('K3S_TOKEN', value)).get('K3S_TOKEN')).toBe(value),
  );

  test('a line break is refused', () => expect(() => envFileLine('A', 'a\nb')).toThrow(/line break/));
});
