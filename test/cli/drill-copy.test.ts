import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { copyFits, differences, MOST_COPY, notForDrill } from '../../src/cli/drill-copy.js';
import { dataBytes, snapshot } from '../../src/practice/data.js';
import { type Proof, prove } from '../../src/snapshot/index.js';
import { put, scratch } from '../support/snapshots.js';

const BLACKSTART = fileURLToPath(new URL('../../bin/blackstart', import.meta.url));
const TOKEN = 'blackstart-lab-token-1';
const folder = scratch();
// Of another cluster than the practice one: another CA, another K3s, one node.
const prod = put(folder, 'prod.db', Buffer.from(snapshot('foreign')));
const token = put(folder, 'prod-token', `${TOKEN}\n`);

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly said: string;
}

function run(...args: string[]): Promise<Ended> {
  const child = spawn(BLACKSTART, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, XDG_STATE_HOME: folder, TMPDIR: folder },
  });
  let out = '';
  let said = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    said += data.toString();
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, said })));
}

const drill = (...args: string[]) => run('drill', '--auto', '--json', '--speed', '20', ...args);

describe('a drill on a copy of a real backup', () => {
  test('restores it, names what is different there and in the report, and leaves nothing of it behind', async () => {
    const { code, out, said } = await drill('--from', prod, '--token-file', token);
    const result = JSON.parse(out) as { recovered: boolean; why?: string };
    expect(result, result.why).toMatchObject({ recovered: true });
    expect(code).toBe(0);
    expect(said).toContain('revision 254');
    expect(said).toContain('nothing missing');
    const { out: report } = await run('report');
    for (const word of ['nodes', 'versions', 'network', 'storage', 'images', 'data', 'time', 'secrets'])
      expect(report).toMatch(new RegExp(`^- ${word}: `, 'm'));
    expect(report).toContain('v1.32.1');
    const state = join(folder, 'blackstart');
    expect(readdirSync(state).filter((name) => name.startsWith('spool'))).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.startsWith('blackstart-practice'))).toEqual([]);
    for (const name of readdirSync(join(state, 'runs'), { recursive: true, encoding: 'utf8' })) {
      const path = join(state, 'runs', name);
      if (/\.before$/.test(name)) expect(existsSync(join(path, 'node-1'))).toBe(false);
      else if (!existsSync(join(path, '.'))) expect(readFileSync(path).includes(TOKEN), name).toBe(false);
    }
  }, 180_000);

  test('without a token that opens it nothing is started', async () => {
    const { code, said } = await drill('--from', prod);
    expect(code).toBe(1);
    expect(said).toContain('No token at hand opens prod.db');
    expect(said).toContain('--token-file');
  }, 60_000);

  test('a damaged one is refused as verify refuses it', async () => {
    const bytes = Buffer.from(dataBytes('s3.gz'));
    const { code, said } = await drill(
      '--from',
      put(folder, 'cut.db', bytes.subarray(0, 100_000)),
      '--token-file',
      token,
    );
    expect(code).toBe(1);
    expect(said).toContain('cut.db is not restorable');
  }, 60_000);

  test('faults with data of their own, and a plan that needs another cluster, do not go with it', () => {
    expect(() => copyFits('full-restore', ['dead-server'])).not.toThrow();
    expect(() => copyFits('full-restore', ['damaged-backup'])).toThrow(/data of its own/);
    expect(() => copyFits('restore-elsewhere', [])).toThrow(/needs another one/);
  });

  test('one that is too large for memory is refused, with the size and the limit', async () => {
    const tokens = [{ name: 'token', token: new Secret(TOKEN) }];
    const proof: Proof = await prove(prod, { tokens });
    expect(notForDrill({ name: 'prod.db', proof, tokens })).toBeUndefined();
    const large = { ...proof, totalSize: MOST_COPY + 1e6 };
    expect(notForDrill({ name: 'prod.db', proof: large, tokens })?.problem).toMatchObject({
      id: 'too-large',
      what: 'prod.db has 257 MB; a drill holds at most 256 MB, in memory.',
    });
    expect(differences({ name: 'prod.db', proof })[1]).toContain('the backup knows node-1');
  });
});
