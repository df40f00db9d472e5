import { expect, it } from 'vitest';
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
