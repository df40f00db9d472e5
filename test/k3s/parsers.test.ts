import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { heldPorts } from '../../src/k3s/ask.js';
import { healthReason, parseHttp, parseMembers, parseNodes, serverUrl, urlHost } from '../../src/k3s/health.js';
import { asideData, k3sServers, parseDf, parseEntries, parseListeners, parseProcesses } from '../../src/k3s/listing.js';
import { explainResetFailure, messageOf, RESET_MARKER, RESET_STAGES, severityOf } from '../../src/k3s/messages.js';
import { looksLikeCrashLoop, parseExecStart, parseTimestamp, parseUnit } from '../../src/k3s/systemd.js';

/** Parsers against what a real K3s v1.35.0 said. */
const recorded = (path: string): string =>
  readFileSync(new URL(`../fixtures/real-k3s/${path}`, import.meta.url), 'utf8');

describe('what a healthy server says', () => {
  test('members keep ids that a JavaScript number cannot hold (R28)', () => {
    const members = parseMembers(recorded('a-healthy/node-1.db-info.out').split('\n')[0] ?? '') ?? [];
    expect(members.map((member) => member.name).sort()).toEqual([
      'node-1-fdafbdfa',
      'node-2-d6483b51',
      'node-3-10bd7f5c',
    ]);
    expect(members.map((member) => member.id)).toContain('2607742207064035303');
    expect(members.every((member) => !member.learner)).toBe(true);
    expect(members[0]?.peer).toMatch(/^https:\/\/10\.77\.0\.1\d:2380$/);
  });

  test('nodes: name, Ready, roles, version, address', () => {
    const nodes = parseNodes(recorded('a-healthy/node-1.get-nodes-json.out')) ?? [];
    expect(nodes.find((node) => node.name === 'node-1')).toMatchObject({
      ready: 'True',
      version: 'v1.35.0+k3s1',
      internalIp: '10.77.0.11',
      voter: 'True',
    });
    expect(nodes.find((node) => node.name === 'node-1')?.roles).toContain('etcd');
  });

  test('a unit, its times in UTC or since the epoch', () => {
    const unit = parseUnit(recorded('a-healthy/node-1.systemctl-show.out'));
    expect(unit).toMatchObject({
      load: 'loaded',
      active: 'active',
      sub: 'running',
      enabled: 'enabled',
      mainPid: 78,
      restarts: 0,
      execStart: ['/usr/local/bin/k3s', 'server'],
      startedAt: Date.UTC(2026, 10, 22, 10, 11, 35) / 1000,
    });
    expect(looksLikeCrashLoop(unit)).toBe(false);
    expect(parseTimestamp('@1795342295')).toBe(1_795_342_295);
    for (const nothing of ['', 'n/a', undefined, 'So 2026-11-22 10:11:35 CET'])
      expect(parseTimestamp(nothing)).toBeNull();
    expect(parseExecStart(undefined)).toEqual([]);
  });

  test('who listens, and which of them are in the way of a reset', () => {
    const listeners = parseListeners(recorded('a-healthy/node-1.ss-ltnp.out'));
    expect(listeners.find((one) => one.port === 22)).toEqual({
      address: '0.0.0.0',
      port: 22,
      process: 'sshd',
      pid: 79,
    });
    const held = heldPorts(listeners);
    for (const port of ['6443', '6444', '2379', '2380'])
      expect(
        held.some((one) => one.startsWith(`${port} (k3s-server, pid 78`)),
        port,
      ).toBe(true);
    expect(held.some((one) => one.startsWith('22 '))).toBe(false);
    expect(heldPorts(parseListeners('LISTEN 0 4096 *:6443 *:*\n'))).toEqual(['6443 (unknown process)']);
  });

  test('health: good, and without an answer', () => {
    const health = parseHttp(`${recorded('a-healthy/node-1.curl-2381-health.out').trimEnd()}`);
    expect(healthReason(health)).toBe('');
    expect(parseHttp('{"health":"false","reason":"RAFT NO LEADER"}\n503')).toEqual({
      code: 503,
      body: '{"health":"false","reason":"RAFT NO LEADER"}',
    });
    expect(parseHttp('\n000').code).toBe(0);
    expect(parseHttp('').code).toBe(0);
  });
});

describe('what a reset says', () => {
  test('the good one has its marker and goes through every stage in order', () => {
    const lines = recorded('c-full-restore/03-reset-by-hand-node-1.err').split('\n');
    const at = RESET_STAGES.map((stage) => lines.findIndex((line) => stage.pattern.test(line.trim())));
    for (const index of at) expect(index).toBeGreaterThanOrEqual(0);
    expect([...at].sort((a, b) => a - b)).toEqual(at);
    const marker = lines.find((line) => line.includes(RESET_MARKER)) ?? '';
    expect(severityOf(marker)).toBe('info');
    expect(explainResetFailure(lines.join('\n'))).toBeUndefined();
  });

  test.each([
    ['flipped-byte', 'damaged'],
    ['truncated', 'cut off'],
    ['no-trailer', 'cut off'],
    ['wrong-token', 'token'],
    ['k3s-still-running', 'still runs'],
    ['server-url-in-config', 'server URL'],
    ['server-url-in-env', 'server URL'],
    ['path-does-not-exist', 'not where it was put'],
    ['path-is-a-directory', 'not where it was put'],
    ['run-twice-no-restore-path', 'before'],
    ['newhost-no-token', 'token'],
  ])('%s is explained', (name, part) => {
    const known = explainResetFailure(recorded(`d-reset-failures/${name}.err`));
    expect(known?.means).toContain(part);
    expect(known?.lookup).toMatch(/^\d+$/);
  });

  test('one that was killed explains nothing by its words', () => {
    expect(explainResetFailure(recorded('d-reset-failures/sigkill-during-reset.err'))).toBeUndefined();
  });
});

describe('lines of a journal', () => {
  test.each([
    ['time="2026-11-22T10:11:35Z" level=info msg="Starting k3s \\"x\\""', 'Starting k3s "x"', 'info'],
    ['time="2026-11-22T10:11:35Z" level=fatal msg="Error: no"', 'Error: no', 'error'],
    ['{"level":"warn","ts":"x","msg":"slow \\\\ disk"}', 'slow \\ disk', 'warning'],
    ['E1122 10:11:35.123456      78 server.go:12] it broke', 'it broke', 'error'],
    ['panic: runtime error', 'panic: runtime error', 'error'],
    ['just words', 'just words', 'info'],
  ])('%s', (line, message, severity) => {
    expect(messageOf(line)).toBe(message);
    expect(severityOf(line)).toBe(severity);
  });
});

describe('listings', () => {
  test('databases moved aside, the oldest first, by the time in their name', () => {
    const listing =
      'etcd\td\t4096\t1795342900.1\nreset-flag\tf\t0\t1\netcd-old-1795342800\td\t4096\t9.5\netcd-old-1795342700\td\t4096\t10\netcd-tmp\td\t1\t1\netcd-backup-1795342750\td\t1\t1\netcd-old-1795342600\tf\t1\t1\n';
    expect(asideData(parseEntries(listing)).map((one) => one.name)).toEqual([
      'etcd-old-1795342700',
      'etcd-backup-1795342750',
      'etcd-old-1795342800',
    ]);
  });

  test('a K3s server is one whoever runs it; what only names it is none', () => {
    const processes = parseProcesses(
      '     78 root     /usr/local/bin/k3s server\n    900 ops      k3s server --cluster-reset\n    901 ops      vi k3s server.md\n    902 root     /usr/local/bin/k3s agent\n    903 root     /opt/k3s-server\n',
    );
    expect(k3sServers(processes).map((one) => one.pid)).toEqual([78, 900, 903]);
  });

  test('df in bytes', () => {
    const [row] = parseDf('Filesystem     Type  1B-blocks Avail Mounted on\n/dev/vda1 ext4 100 40 /var/lib my disk\n');
    expect(row).toEqual({ source: '/dev/vda1', type: 'ext4', size: 100, available: 40, target: '/var/lib my disk' });
  });

  test('addresses of both families', () => {
    expect(serverUrl('fd00::1')).toBe('https://[fd00::1]:6443');
    expect(urlHost(serverUrl('fd00::1'))).toBe('fd00::1');
    expect(urlHost('not a url')).toBe('');
  });
});

test('no parser throws, whatever a host says', () => {
  const parsers = [
    parseMembers,
    parseNodes,
    parseUnit,
    parseListeners,
    parseEntries,
    parseProcesses,
    parseDf,
    parseHttp,
    messageOf,
    severityOf,
    explainResetFailure,
    parseTimestamp,
    parseExecStart,
  ];
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
      for (const parse of parsers) parse(text);
    }),
    { numRuns: 300 },
  );
});
