import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Secret } from '../../src/base/secret.js';
import { InstallDesk, type InstallDeskOptions } from '../../src/cli/install-desk.js';
import type { MadeOfSnapshot } from '../../src/incident/command.js';
import { HERE } from '../../src/incident/step.js';
import { practiceCluster } from '../support/practice-ports.js';

/** What a new first server is given that no host has: a program from a file, a config from the snapshot. */

const folder = mkdtempSync(join(tmpdir(), 'blackstart-install-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const signal = new AbortController().signal;
const desk = (more: Partial<InstallDeskOptions> = {}): InstallDesk =>
  new InstallDesk({
    cluster: practiceCluster,
    spool: folder,
    hosts: () => {
      throw new Error('no host is asked');
    },
    token: async () => new Secret('s3cret'),
    ...more,
  });

const content: MadeOfSnapshot = {
  made: 'first-config',
  from: 'node-1',
  settings: 'flannel-backend: none\n',
  masked: ['agent-token', 'etcd-s3-secret-key'],
  nodeName: 'node-9',
  nodeIp: '192.0.2.9',
  namesAddress: true,
};

describe('the program', () => {
  test('a file of this machine: its checksum, and for which machines it is', async () => {
    const file = join(folder, 'k3s');
    const elf = Buffer.concat([
      Buffer.from('\x7fELF', 'latin1'),
      Buffer.alloc(14),
      Buffer.from([183, 0]),
      Buffer.alloc(40),
    ]);
    writeFileSync(file, elf);
    const task = { kind: 'task', task: 'k3s.fetch', input: { from: HERE, path: file }, again: 'harmless' } as const;
    const { ok, text } = await desk().run(task, signal, () => {});
    expect(ok).toBe(true);
    expect(JSON.parse(text)).toEqual({
      from: HERE,
      file,
      bytes: elf.length,
      sha256: createHash('sha256').update(elf).digest('hex'),
      arch: 'aarch64',
    });
  });

  test('a file that is not there is said with what to do', async () => {
    const task = {
      kind: 'task',
      task: 'k3s.fetch',
      input: { from: HERE, path: '/nowhere/k3s' },
      again: 'harmless',
    } as const;
    const { ok, text } = await desk().run(task, signal, () => {});
    expect(ok).toBe(false);
    expect(text).toMatch(/\/nowhere\/k3s cannot be read.*cluster\.yaml/);
  });
});

describe('the config of the snapshot', () => {
  test('with the token that opens it, the server’s own name and address, and what was asked for', async () => {
    const asked: string[] = [];
    const made = await desk({
      ask: async ({ text }) => {
        asked.push(text);
        return text.startsWith('agent-token') ? new Secret('for agents') : undefined;
      },
    }).make(content, signal);
    expect(asked).toHaveLength(2);
    expect(parse(Buffer.from(made).toString())).toEqual({
      token: 's3cret',
      'node-name': 'node-9',
      'node-ip': '192.0.2.9',
      'agent-token': 'for agents',
      'flannel-backend': 'none',
    });
  });

  test('where nobody can be asked it is not guessed', async () => {
    await expect(desk().make(content, signal)).rejects.toThrow(/masks the value of agent-token/);
  });
});
