import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT, ProblemError } from '../../src/base/problem.js';
import { loadInventory, parseInventory } from '../../src/inventory/load.js';
import { InventoryError } from '../../src/inventory/mistakes.js';

const FILE = '/etc/blackstart/cluster.yaml';
const HEAD = 'cluster: prod\nservers:\n  - name: cp1\n    address: 192.0.2.11\n';

function mistakesOf(text: string): { where: string; what: string; next: string }[] {
  try {
    parseInventory(text, FILE, '/home/ops');
  } catch (error) {
    expect(error).toBeInstanceOf(InventoryError);
    if (!(error instanceof InventoryError)) throw error;
    expect(error.exit).toBe(EXIT.usage);
    return error.problems.map((problem) => ({ where: problem.where ?? '', what: problem.what, next: problem.next }));
  }
  return [];
}

describe('the shipped example', () => {
  it('loads', async () => {
    const inventory = await loadInventory({ file: 'cluster.example.yaml', home: '/home/ops' });
    expect(inventory.servers.map((host) => [host.name, host.address, host.port])).toEqual([
      ['cp1', '192.0.2.11', undefined],
      ['cp2', '2001:db8::12', undefined],
      ['cp3', 'cp3.example.org', 2222],
    ]);
    expect(inventory.servers[0]?.identity).toBe('/home/ops/.ssh/id_ed25519');
    expect(inventory.servers[0]?.jump).toEqual([{ name: 'bastion', address: 'bastion.example.org', user: 'ops' }]);
    expect(inventory.servers[1]?.sudo).toEqual({ kind: 'password', password: { kind: 'prompt' } });
    expect(inventory.token).toEqual({ kind: 'file', path: join(inventory.folder, 'server-token') });
    expect(inventory.bucket?.credentials.kind).toBe('keys');
  });
});

describe('the way to the bucket', () => {
  const bucket = (through: string): string =>
    `${HEAD}bucket: { endpoint: https://s3.example.org, bucket: b12, through: ${through} }\n`;

  it('is any, or a host of the file; another name is a mistake with its place', () => {
    expect(parseInventory(bucket('any'), FILE, '/home/ops').bucket?.through).toBe('any');
    expect(parseInventory(bucket('cp1'), FILE, '/home/ops').bucket?.through).toBe('cp1');
    expect(mistakesOf(bucket('cp9'))).toEqual([
      {
        where: `${FILE}:5:67`,
        what: 'through "cp9" is neither the name of a host in this file nor any.',
        next: expect.stringContaining('through: any'),
      },
    ]);
  });
});

describe('defaults', () => {
  it('are all filled in', () => {
    const inventory = parseInventory(
      `${HEAD}agents:\n  - { name: w1, address: "[2001:DB8::5]", nodeName: worker-1 }\nbucket: { endpoint: "https://s3.example.org/", bucket: b-1 }\n`,
      FILE,
    );
    expect(inventory).toMatchObject({
      file: FILE,
      folder: '/etc/blackstart',
      drill: false,
      contacts: [],
      servers: [{ role: 'server', nodeName: 'cp1', dataDir: '/var/lib/rancher/k3s', service: 'k3s' }],
      agents: [{ role: 'agent', nodeName: 'worker-1', address: '2001:DB8::5', service: 'k3s-agent' }],
      bucket: {
        endpoint: 'https://s3.example.org',
        region: 'us-east-1',
        prefix: 'k3s-etcd-backups/',
        pathStyle: true,
        credentials: { kind: 'ambient' },
      },
    });
    expect(inventory.servers[0]).not.toHaveProperty('sudo');
    expect(inventory.servers[0]).not.toHaveProperty('jump');
  });

  it('of k3s are taken from the top, then from the host', () => {
    const inventory = parseInventory(
      'cluster: c\nk3s: { dataDir: /data/k3s/, service: rke.service, agentService: ag }\nservers:\n  - { name: a, address: a }\n  - { name: b, address: b, dataDir: /b, service: other }\nagents: [{ name: w, address: w }]\n',
      FILE,
    );
    const seen = [...inventory.servers, ...inventory.agents].map((host) => [host.dataDir, host.service]);
    expect(seen).toEqual([
      ['/data/k3s', 'rke'],
      ['/b', 'other'],
      ['/data/k3s', 'ag'],
    ]);
  });

  it.each([
    ['ops@gw:2200', [{ user: 'ops', address: 'gw', port: 2200 }]],
    ['"[2001:db8::9]:22"', [{ address: '2001:db8::9', port: 22 }]],
    ['none', []],
    ['[a, ops@b]', [{ address: 'a' }, { user: 'ops', address: 'b' }]],
  ])('jump %s', (jump, expected) => {
    expect(parseInventory(`${HEAD}    jump: ${jump}\n`, FILE).servers[0]?.jump).toEqual(expected);
  });

  it('an unquoted [IPv6] is understood although YAML takes it for a list', () => {
    expect(
      parseInventory('cluster: c\nservers:\n  - name: a\n    address: [2001:db8::5]\n', FILE).servers[0]?.address,
    ).toBe('2001:db8::5');
  });
});

describe('a mistake names file, line, column, what is wrong and an example of right', () => {
  const place = (line: number, column: number): string => `${FILE}:${line}:${column}`;

  it.each([
    [
      'unknown field',
      `${HEAD}    adress: 1\n`,
      place(5, 5),
      /"adress" is not a field of servers.*Did you mean "address"/,
      /address: 192/,
    ],
    [
      'unknown field, nothing near',
      `${HEAD}zzzzzzzz: 1\n`,
      place(5, 1),
      /"zzzzzzzz" is not a field\./,
      /Known here: cluster/,
    ],
    ['no server list', 'cluster: c\n', place(1, 1), /"servers" is missing/, /- name: cp1/],
    ['empty server list', 'cluster: c\nservers: []\n', place(2, 10), /no server/, /- name: cp1/],
    [
      'server without an address',
      'cluster: c\nservers:\n  - name: a\n',
      place(3, 5),
      /"address" is missing/,
      /192\.0\.2/,
    ],
    ['bad port', `${HEAD}    port: 70000\n`, place(5, 11), /1 to 65535/, /port: 22/],
    ['port as text', `${HEAD}    port: ssh\n`, place(5, 11), /whole number/, /port: 22/],
    [
      'bad name',
      'cluster: c\nservers:\n  - name: Control Plane\n    address: a\n',
      place(3, 11),
      /16 characters/,
      /name: cp1/,
    ],
    ['name too long', 'cluster: c\nservers:\n  - name: abcdefghijklmnopq\n    address: a\n', place(3, 11), /16/, /cp1/],
    ['number as a name', 'cluster: c\nservers:\n  - name: 1\n    address: a\n', place(3, 11), /quotes around/, /cp1/],
    ['bad IPv4', 'cluster: c\nservers:\n  - name: a\n    address: 10.0.0.300\n', place(4, 14), /not an IPv4/, /192/],
    ['bad IPv6', 'cluster: c\nservers:\n  - name: a\n    address: "2001:zz::1"\n', place(4, 14), /not an IPv6/, /2001/],
    ['user in the address', 'cluster: c\nservers:\n  - name: a\n    address: ops@a\n', place(4, 14), /user:/, /192/],
    ['port in the address', 'cluster: c\nservers:\n  - name: a\n    address: a:22\n', place(4, 14), /port:/, /192/],
    [
      'option as an address',
      'cluster: c\nservers:\n  - name: a\n    address: -oProxyCommand=x\n',
      place(4, 14),
      /DNS name/,
      /192/,
    ],
    ['option as a user', `${HEAD}    user: -oX\n`, place(5, 11), /login name/, /user: ops/],
    [
      'duplicate name',
      `${HEAD}agents:\n  - name: cp1\n    address: b\n`,
      place(6, 11),
      /"cp1" is already used by cp1/,
      /own/,
    ],
    [
      'duplicate address',
      `${HEAD}  - name: cp2\n    address: 192.0.2.11\n`,
      place(6, 14),
      /already used by cp1/,
      /own address/,
    ],
    [
      'duplicate IPv6 in another spelling',
      'cluster: c\nservers:\n  - { name: a, address: "2001:db8::1" }\n  - { name: b, address: "[2001:DB8:0::1]" }\n',
      place(4, 25),
      /already used by a/,
      /own/,
    ],
    [
      'duplicate node name',
      `${HEAD}  - { name: cp2, address: b, nodeName: cp1 }\n`,
      place(5, 40),
      /already used by cp1/,
      /one host/,
    ],
    ['bad jump', `${HEAD}    jump: "a b"\n`, place(5, 11), /neither an entry/, /bastion/],
    ['bad sudo', `${HEAD}    sudo: yes please\n`, place(5, 11), /passwordless/, /sudo: passwordless/],
    [
      'unknown field in sudo',
      `${HEAD}    sudo: { pasword: prompt }\n`,
      place(5, 13),
      /Did you mean "password"/,
      /prompt/,
    ],
    ['relative data directory', `${HEAD}    dataDir: k3s\n`, place(5, 14), /starts with \//, /var\/lib/],
    [
      'endpoint without a scheme',
      `${HEAD}bucket: { endpoint: s3.example.org, bucket: bb1 }\n`,
      place(5, 21),
      /https/,
      /https/,
    ],
    ['drill: no', `${HEAD}drill: false\n`, place(5, 8), /true/, /drill: true/],
    ['rehearsal: true', `${HEAD}rehearsal: true\n`, place(5, 12), /whose backups/, /rehearsal: \{ of: production/],
    [
      'an address of production without its port',
      `${HEAD}rehearsal: { of: prod, unreachable: [k3s.example.org] }\n`,
      place(5, 38),
      /host:port/,
      /6443/,
    ],
    [
      'both credentials and profile',
      `${HEAD}bucket: { endpoint: "https://s", bucket: bb1, profile: p, credentials: { accessKeyId: env:A, secretAccessKey: env:B } }\n`,
      place(5, 56),
      /not both/,
      /profile/,
    ],
    ['tab', 'cluster: c\nservers:\n\t- name: a\n', place(3, 1), /tab/, /spaces/],
    ['the same field twice', `${HEAD}cluster: d\n`, place(5, 1), /twice/, /Keep one/],
    ['unclosed quote', 'cluster: "c\n', place(2, 1), /closing quote/, /"/],
    ['empty file', '', place(1, 1), /empty/, /cluster:/],
    ['a list', '- a\n', place(1, 1), /name: value/, /cluster:/],
  ] as const)('%s', (_, text, where, what, next) => {
    const [first, ...more] = mistakesOf(text);
    expect(more).toEqual([]);
    expect(first?.where).toBe(where);
    expect(first?.what).toMatch(what);
    expect(first?.next).toMatch(next);
  });

  it('all of them at once, top to bottom', () => {
    const text =
      'clster: c\nservers:\n  - name: a\n    address: a\n    port: 0\n  - name: a\n    address: b\n    prot: 1\ntoken: hunter2\n';
    const mistakes = mistakesOf(text);
    expect(mistakes.map((mistake) => mistake.where.replace(`${FILE}:`, ''))).toEqual([
      '1:1',
      '5:11',
      '6:11',
      '8:5',
      '9:8',
    ]);
    try {
      parseInventory(text, FILE);
    } catch (error) {
      expect(error).toBeInstanceOf(ProblemError);
      const { what, where } = (error as InventoryError).problem;
      expect(what).toContain('5 mistakes');
      expect(what).toContain(':8:5: "prot" is not a field of servers');
      expect(where).toBe(`${FILE}:1:1`);
    }
  });
});

describe('a value that may be a secret is never printed', () => {
  it.each([
    ['passphrase: hunter2'],
    ['token: K10abc::server:hunter2'],
    ['passphrase: "env:hunter2 with blanks"'],
    ['passphrase: *hunter2'],
    ['passphrase: @hunter2'],
    ['passphrase: hunter2: x'],
    ['passphrase: "hunter2'],
    ['passphrase: [hunter2, x'],
    ['passphrase: { hunter2'],
    ['passphrase: !hunter2 x: y'],
    ['passphrase: { value: hunter2 }'],
    ['bucket: { endpoint: "https://s", bucket: bb1, credentials: { accessKeyId: hunter2, secretAccessKey: hunter2 } }'],
  ])('%s', (line) => {
    const mistakes = mistakesOf(`${HEAD}${line}\n`);
    expect(mistakes.length).toBeGreaterThan(0);
    expect(JSON.stringify(mistakes)).not.toContain('hunter2');
  });
});

describe('finding the file', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'inventory-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('explicit, then the working directory, then the configuration folder', async () => {
    const config = join(dir, 'config');
    const options = { cwd: dir, env: { XDG_CONFIG_HOME: config }, home: dir };
    await expect(loadInventory(options)).rejects.toMatchObject({
      exit: EXIT.usage,
      problem: { id: 'inventory-missing', next: expect.stringContaining('blackstart drill') },
    });
    mkdirSync(join(config, 'blackstart'), { recursive: true });
    writeFileSync(join(config, 'blackstart', 'cluster.yaml'), HEAD.replace('prod', 'from-config'));
    expect((await loadInventory(options)).cluster).toBe('from-config');
    writeFileSync(join(dir, 'cluster.yaml'), HEAD.replace('prod', 'from-cwd'));
    expect((await loadInventory(options)).cluster).toBe('from-cwd');
    writeFileSync(join(dir, 'x.yaml'), HEAD.replace('prod', 'explicit'));
    expect((await loadInventory({ ...options, file: 'x.yaml' })).cluster).toBe('explicit');
    await expect(loadInventory({ ...options, file: 'y.yaml' })).rejects.toMatchObject({
      problem: { id: 'inventory-missing', where: join(dir, 'y.yaml') },
    });
  });

  it('a directory or an unreadable file is said, not thrown about', async () => {
    await expect(loadInventory({ cwd: dir, file: '.' })).rejects.toMatchObject({
      problem: { id: 'inventory-unreadable' },
    });
    writeFileSync(join(dir, 'big.yaml'), '#'.repeat(1024 * 1024 + 1));
    chmodSync(join(dir, 'big.yaml'), 0o600);
    await expect(loadInventory({ cwd: dir, file: 'big.yaml' })).rejects.toMatchObject({
      problem: { id: 'inventory-unreadable' },
    });
  });
});
