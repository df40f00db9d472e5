import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostEntry } from '../../src/inventory/types.js';
import { type Target, TargetResolver } from '../../src/remote/target.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'target-'));
  mkdirSync(join(home, '.ssh', 'conf.d'), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function resolve(entry: Partial<HostEntry>, files: Record<string, string> = {}, env: NodeJS.ProcessEnv = {}): Target {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, '.ssh', name), text);
  const base = { name: 'cp1', role: 'server', address: 'cp1', nodeName: 'cp1', dataDir: '/d', service: 'k3s' } as const;
  return new TargetResolver({ home, env }).resolve({ ...base, ...entry });
}

describe('without any configuration', () => {
  it("ssh's defaults", () => {
    writeFileSync(join(home, '.ssh', 'id_ed25519'), '');
    expect(resolve({ address: '2001:db8::1' }, {}, { SSH_AUTH_SOCK: '/run/agent' })).toMatchObject({
      host: '2001:db8::1',
      port: 22,
      user: userInfo().username,
      keyName: '2001:db8::1',
      knownHosts: [join(home, '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts'],
      identities: [{ path: join(home, '.ssh', 'id_ed25519'), named: false }],
      agent: '/run/agent',
      hops: [],
      unsupported: [],
    });
  });
});

describe('the ssh configuration', () => {
  it('inventory before configuration before defaults', () => {
    const config = 'Host cp1\n  HostName 192.0.2.1\n  Port 2201\n  User conf\n  IdentityFile ~/.ssh/%r-%h\n';
    expect(resolve({}, { config })).toMatchObject({
      host: '192.0.2.1',
      port: 2201,
      user: 'conf',
      keyName: '[192.0.2.1]:2201',
      identities: [{ path: join(home, '.ssh', 'conf-192.0.2.1'), named: true }],
      identitiesOnly: false,
    });
    expect(resolve({ port: 22, user: 'ops', identity: '/k' }, { config })).toMatchObject({
      port: 22,
      user: 'ops',
      keyName: '192.0.2.1',
      identities: [{ path: '/k' }],
      identitiesOnly: true,
    });
  });

  it('the first value counts, whatever the case of its name', () => {
    const config =
      'host cp*\n  HOSTNAME a.example.org\n  port 1\nHost *\n  hostname b\n  Port 2\n  identitiesonly YES\n';
    expect(resolve({}, { config })).toMatchObject({ host: 'a.example.org', port: 1, identitiesOnly: true });
  });

  it('Match by host and user, never by exec', () => {
    const config = [
      'Match exec "touch RAN"',
      '  Port 1',
      'Match originalhost cp1 user ops',
      '  Port 2',
      'Match all',
      '  Port 3',
    ].join('\n');
    const target = resolve({ user: 'ops' }, { config: config.replace('RAN', join(home, 'ran')) });
    expect(target.port).toBe(2);
    expect(target.notes.join()).toContain('Match exec');
    expect(resolve({ user: 'else' }).port).toBe(3);
    expect(() => rmSync(join(home, 'ran'))).toThrow();
  });

  it('Match host sees the HostName set before, also in lower case', () => {
    const config = 'Host cp1\n  hostname real.example.org\nMatch host real.example.org\n  Port 7\n';
    expect(resolve({}, { config }).port).toBe(7);
  });

  it('Include: relative, by pattern, inside blocks, in a circle', () => {
    const files = {
      config:
        'Include conf.d/*.conf\nInclude config\nHost other\n  Include only-other\nHost cp1\n  Include only-cp1\n  Port 9\n',
      'conf.d/10-a.conf': 'Host cp1\n  User first\n',
      'conf.d/20-b.conf': 'Host cp1\n  User second\n  HostName b.example.org\n',
      'only-other': 'Port 1\n',
      'only-cp1': 'IdentitiesOnly yes\nHost nobody\n  Port 2\nHost cp*\n  HostKeyAlias Alias\n',
    };
    expect(resolve({}, files)).toMatchObject({
      user: 'first',
      host: 'b.example.org',
      port: 9,
      identitiesOnly: true,
      keyName: 'alias',
    });
  });

  it('a name is never looked up, nothing is run', () => {
    const config = 'Host cp1\n  CanonicalizeHostname yes\n  CanonicalDomains example.org\n';
    expect(resolve({}, { config }).host).toBe('cp1');
  });

  it('jump hosts: ProxyJump, a chain, hops of hops, none', () => {
    const config =
      'Host cp1\n  ProxyJump ops@gw:2200,inner\nHost gw\n  HostName gw.example.org\n  ProxyJump outer\nHost inner\n  User in\n  ProxyJump ignored\n';
    const hops = resolve({}, { config }).hops.map((hop) => `${hop.user}@${hop.host}:${hop.port}`);
    expect(hops).toEqual([`${userInfo().username}@outer:22`, 'ops@gw.example.org:2200', 'in@inner:22']);
    expect(resolve({ jump: [] }).hops).toEqual([]);
    expect(resolve({ jump: [{ name: 'b', address: 'gw', port: 5 }] }).hops.map((hop) => [hop.label, hop.port])).toEqual(
      [
        ['outer', 22],
        ['b', 5],
      ],
    );
    expect(() => resolve({}, { config: 'Host *\n  ProxyJump x,y\n' })).toThrow(/circle/);
    expect(() => resolve({}, { config: 'Host cp1\n  ProxyJump "a b"\n' })).toThrow(/cannot be read/);
  });

  it('ProxyCommand with its tokens; a jump in the inventory goes before it', () => {
    const config = 'Host cp1\n  HostName c.example.org\n  ProxyCommand nc -X 5 "%h" %p %% %r\n  User u\n';
    expect(resolve({}, { config }).proxyCommand).toBe('nc -X 5 "c.example.org" 22 % u');
    expect(resolve({ jump: [] }).proxyCommand).toBeUndefined();
    expect(resolve({}, { config: 'Host cp1\n  ProxyCommand none\n' }).proxyCommand).toBeUndefined();
  });

  it('known_hosts files and agent', () => {
    const config =
      'Host cp1\n  UserKnownHostsFile ~/.ssh/a ~/.ssh/b\n  GlobalKnownHostsFile /g\n  IdentityAgent $MY_AGENT\n';
    const target = resolve({}, { config }, { MY_AGENT: '/mine', SSH_AUTH_SOCK: '/not' });
    expect(target.knownHosts).toEqual([join(home, '.ssh', 'a'), join(home, '.ssh', 'b'), '/g']);
    expect(target.agent).toBe('/mine');
    const env = { SSH_AUTH_SOCK: '/not' };
    expect(resolve({}, { config: 'IdentityAgent none\n' }, env).agent).toBeUndefined();
    expect(resolve({}, { config: 'IdentityAgent ~/a.sock\n' }, env).agent).toBe(join(home, 'a.sock'));
    expect(
      new TargetResolver({ home, knownHosts: '/only' }).resolve({
        name: 'a',
        role: 'agent',
        address: 'a',
        nodeName: 'a',
        dataDir: '/',
        service: 's',
      }).knownHosts,
    ).toEqual(['/only']);
  });

  it('names what is not supported', () => {
    const config = 'Host cp1\n  CertificateFile ~/.ssh/x-cert.pub\n  GSSAPIAuthentication yes\n';
    expect(resolve({}, { config }).unsupported.join()).toMatch(/CertificateFile.*GSSAPI/);
    expect(resolve({ address: 'cp2' }).unsupported).toEqual([]);
  });
});
