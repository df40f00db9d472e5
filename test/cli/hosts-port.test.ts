import { expect, test } from 'vitest';
import { ProblemError } from '../../src/base/problem.js';
import { hostsPort } from '../../src/cli/hosts-port.js';
import type { Host } from '../../src/remote/host.js';

/** What became of a file that was to be put on a host, as the runner hears it. */

const put = (id: string) =>
  hostsPort({
    host: () =>
      ({
        put: async () => {
          throw new ProblemError({ id, what: `it was ${id}`, left: 'nothing', next: 'do something' });
        },
      }) as unknown as Host,
    token: async () => {
      throw new Error('no token is wanted');
    },
    mono: () => 0,
  }).put(
    'node-1',
    { kind: 'put', path: '/x', mode: 0o600, content: { text: 'x' }, again: 'harmless' },
    new AbortController().signal,
    () => undefined,
  );

test.each(['put-failed', 'file-unreadable'])('%s: the step ends with it, what it left and what to do', async (id) => {
  expect(await put(id)).toMatchObject({
    code: 1,
    notSent: false,
    doubt: false,
    stderr: `it was ${id}`,
    result: { what: `it was ${id}`, left: 'nothing', next: 'do something' },
  });
});

test.each([
  ['host-unreachable', true, false],
  ['connection-lost', false, true],
])('%s: waiting may mend it', async (id, notSent, doubt) => {
  expect(await put(id)).toMatchObject({ code: null, silent: `it was ${id}`, notSent, doubt });
});
