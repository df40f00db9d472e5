import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findCredentials } from '../../src/backups/index.js';
import { terminalAsk } from '../../src/cli/ask-terminal.js';
import { put, scratch } from '../support/snapshots.js';

afterEach(() => vi.unstubAllEnvs());

describe('credentials the AWS SDK finds', () => {
  it('are those of the profile, or of the environment; none is a configuration mistake', async () => {
    const at = scratch();
    const keys = '[backups]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = profile-secret\n';
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', put(at, 'credentials', keys));
    vi.stubEnv('AWS_CONFIG_FILE', put(at, 'config', ''));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    const found = await findCredentials('us-east-1', 'backups');
    expect(found.accessKeyId.reveal()).toBe('AKIDPROFILE');
    expect(JSON.stringify(found)).not.toContain('profile-secret');
    await expect(findCredentials('us-east-1', 'another')).rejects.toMatchObject({
      exit: 2,
      problem: { id: 'bucket-credentials', what: expect.stringContaining('The profile another') },
    });
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'env-secret');
    expect((await findCredentials('us-east-1')).secretAccessKey.reveal()).toBe('env-secret');
  });
});

/** A terminal in a box: what is typed goes in, what is shown comes out. */
function terminal(isTTY = true) {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: (on: boolean) => raw.push(on) });
  const output = Object.assign(new PassThrough(), { isTTY });
  const ask = terminalAsk(input as unknown as ReadStream, output as unknown as WriteStream);
  return { ask, raw, type: (text: string) => input.write(text), shown: () => String(output.read() ?? '') };
}

describe('a secret asked for on a plain terminal', () => {
  it('is not shown, can be corrected, and questions come one at a time', async () => {
    const { ask, raw, type, shown } = terminal();
    const first = ask?.({ text: 'passphrase of the backups' });
    const second = ask?.({ text: 'sudo password', host: 'cp1' });
    await Promise.resolve();
    type('gehx\u007feim\r');
    expect((await first)?.reveal()).toBe('geheim');
    await vi.waitFor(() => expect(shown()).toContain('cp1: sudo password: '));
    type('\u0003');
    expect(await second).toBeUndefined();
    expect(raw).toEqual([true, false, true, false]);
    expect(shown()).not.toContain('geheim');
  });

  it('is not asked for where there is no terminal, and ends with what wanted it', async () => {
    expect(terminal(false).ask).toBeUndefined();
    const { ask, raw } = terminal();
    const stop = new AbortController();
    const asked = ask?.({ text: 'passphrase' }, stop.signal);
    await Promise.resolve();
    stop.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    expect(raw.at(-1)).not.toBe(true);
  });
});
