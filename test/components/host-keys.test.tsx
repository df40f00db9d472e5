import { describe, expect, it, test } from 'vitest';
import { comparableKeys, hostKeyLines } from '../../components/dialogs/host-keys.js';
import type { UnknownKey } from '../../src/incident/host-key.js';
import { openApp } from './app-rig.js';

const key = (host: string, fingerprint: string): UnknownKey => ({
  host,
  address: `${host}.example.org`,
  type: 'ssh-ed25519',
  fingerprint,
});

it('accepts the host keys that stood in the dialog, not one that came while it was read', async () => {
  const accepted: (readonly UnknownKey[])[] = [];
  const app = openApp({
    acceptHostKeys: async (keys) => {
      accepted.push(keys);
      return undefined;
    },
  });
  const first = key('cp1', 'SHA256:read');
  app.store.setState({ unknownKeys: [first] });
  await app.waitFor('K look at host keys');
  app.press('K');
  await app.waitFor('SHA256:read');
  app.store.setState({ unknownKeys: [first, key('cp2', 'SHA256:came-later'), key('cp1', 'SHA256:another')] });
  expect(app.sees('SHA256:came-later')).toBe(false);
  app.press('y');
  await app.waitFor('K look at host keys');
  expect(accepted).toEqual([[first]]);
  app.press('K');
  await app.waitFor('SHA256:came-later');
});

describe('on a screen', () => {
  const keys = Array.from({ length: 9 }, (_, at) => key(`node-${at + 1}`, `SHA256:${String(at + 1).repeat(43)}`));
  const shown = (lines: readonly (readonly { readonly text: string }[])[]): string[] =>
    lines.map((one) => one.map(({ text }) => text).join(''));

  test.each([
    [76, 18],
    [76, 30],
    [110, 18],
    [126, 40],
  ])('of %i × %i every fingerprint that is shown is whole, and only those are accepted', (width, height) => {
    const lines = shown(hostKeyLines(keys, width, height));
    expect(lines.length).toBeLessThanOrEqual(height);
    expect(lines.filter((text) => text.length > width)).toEqual([]);
    const whole = keys.filter(({ fingerprint }) => lines.some((text) => text.includes(fingerprint)));
    expect(whole.length).toBeGreaterThan(0);
    expect(comparableKeys(keys, width, height)).toEqual(whole);
    expect(lines.at(-1)).toContain(
      whole.length < keys.length ? `${keys.length - whole.length} more come after` : 'y stores them',
    );
  });
});
