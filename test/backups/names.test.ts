import { describe, expect, it } from 'vitest';
import { parseTime, readName } from '../../src/backups/index.js';

describe('names of backups', () => {
  const at = (text: string): number => Date.parse(text);
  it.each([
    [
      'daily/snapshot-daily-20261122020000.db.gpg',
      { kind: 'daily', time: at('2026-11-22T02:00:00Z'), encrypted: true },
    ],
    ['snapshot-weekly-20261122020000.db', { kind: 'weekly', time: at('2026-11-22T02:00:00Z'), encrypted: false }],
    ['snapshot-daily-20261331020000.db.gpg', { kind: 'daily', time: undefined }],
    ['etcd-snapshot-node-1.example-1795342536', { kind: 'k3s', node: 'node-1.example', time: 1_795_342_536_000 }],
    ['on-demand-node-1-1795342536.zip', { kind: 'k3s', node: 'node-1', zipped: true }],
    ['pre-upgrade-node-1-1795342536', { kind: 'k3s', node: undefined }],
    ['etcd-snapshot-node-1-1795342536.part', { kind: 'k3s', unfinished: true }],
    ['etcd-snapshot-node-1-1795342536.zip.gpg', { kind: 'k3s', zipped: true, encrypted: true }],
    ['notes.txt', { kind: 'other', time: undefined }],
    ['backup-1.tar', { kind: 'other', time: undefined }],
  ])('%s', (name, expected) => {
    expect(readName(name)).toMatchObject(expected);
  });
});

describe('a typed time', () => {
  const now = Date.UTC(2026, 10, 22, 3, 14);
  it.each([
    ['2026-11-22 02:00', '2026-11-22T02:00:00Z'],
    ['2026-11-22', '2026-11-22T00:00:00Z'],
    ['2026-11-22T02:00:30Z', '2026-11-22T02:00:30Z'],
    ['2026-11-22T02:00:00.000Z', '2026-11-22T02:00:00Z'],
    ['2026-11-22 02:00 +01:00', '2026-11-22T01:00:00Z'],
    ['02:00', '2026-11-22T02:00:00Z'],
    ['14:30', '2026-11-21T14:30:00Z'],
    ['yesterday 14:30', '2026-11-21T14:30:00Z'],
    ['Yesterday', '2026-11-21T00:00:00Z'],
    ['today 1:05', '2026-11-22T01:05:00Z'],
    ['-3h', '2026-11-22T00:14:00Z'],
    ['-2d', '2026-11-20T03:14:00Z'],
    [' now ', '2026-11-22T03:14:00Z'],
  ])('%s', (text, iso) => {
    expect(new Date(parseTime(text, now) ?? 0).toISOString()).toBe(new Date(iso).toISOString());
  });
  it.each(['', '25:00', '2026-02-30', '2026-13-01', 'tomorrow', '3h', 'yesterday 9', '-3y'])('%s is none', (text) => {
    expect(parseTime(text, now)).toBeUndefined();
  });
});
